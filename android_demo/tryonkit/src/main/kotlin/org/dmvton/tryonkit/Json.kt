@file:OptIn(ExperimentalSerializationApi::class)

package org.dmvton.tryonkit

import java.nio.charset.CharacterCodingException
import kotlinx.serialization.ExperimentalSerializationApi
import kotlinx.serialization.KSerializer
import kotlinx.serialization.json.Json
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonNamingStrategy
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive

private const val MOST_DEPTH = 200

/** JSON as Python writes it: keys like `samples_ms`, nulls written, no NaN. */
internal val format = Json {
    namingStrategy = JsonNamingStrategy.SnakeCase
    ignoreUnknownKeys = true
    encodeDefaults = true
    prettyPrint = true
}

/** What is wrong with a JSON file, for people: where and what. */
internal class JsonFault(message: String) : Exception(message)

/** Throws JsonFault where the text is not UTF-8 or no JSON. */
internal fun parse(text: ByteArray): JsonElement = explained {
    requireShallow(text)
    format.parseToJsonElement(text.decodeToString(throwOnInvalidSequence = true))
}

/** The library reads lists in lists by recursion, and a stack is soon full. */
private fun requireShallow(text: ByteArray) {
    var depth = 0
    var isQuoted = false
    var isEscaped = false
    for (byte in text) {
        val letter = byte.toInt().toChar()
        when {
            isEscaped -> isEscaped = false
            letter == '"' -> isQuoted = !isQuoted
            isQuoted -> isEscaped = letter == '\\'
            letter == '[' || letter == '{' -> depth += 1
            letter == ']' || letter == '}' -> depth -= 1
        }
        if (depth > MOST_DEPTH) throw JsonFault("it is nested more than $MOST_DEPTH deep")
    }
}

/** Throws JsonFault for a missing field, and for one of another type: "3" is no number here. */
internal fun <T> JsonElement.decode(serializer: KSerializer<T>): T = explained {
    val value = format.decodeFromJsonElement(serializer, this)
    requireTypes(this, format.encodeToJsonElement(serializer, value), "")
    value
}

internal fun <T> encode(serializer: KSerializer<T>, value: T): ByteArray =
    (format.encodeToString(serializer, value) + "\n").encodeToByteArray()

/** The library reads quoted numbers as numbers; Python does not. */
private fun requireTypes(given: JsonElement, read: JsonElement, place: String) {
    when (read) {
        is JsonObject -> for ((key, value) in read) {
            (given as JsonObject)[key]?.let { requireTypes(it, value, "$place.$key") }
        }
        is JsonArray -> read.forEachIndexed { index, value ->
            requireTypes((given as JsonArray)[index], value, "$place.$index")
        }
        is JsonPrimitive -> if ((given as JsonPrimitive).isString != read.isString) {
            throw JsonFault("${place.drop(1)} is of another type")
        }
    }
}

private fun <T> explained(read: () -> T): T = try {
    read()
} catch (error: IllegalArgumentException) { // every SerializationException is one
    throw JsonFault(error.message.orEmpty().lineSequence().first().take(300))
} catch (_: CharacterCodingException) {
    throw JsonFault("it is not UTF-8 text")
}
