package org.dmvton.tryonkit

import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.doubleOrNull
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class RecordTest {
    @Test
    fun `a record comes back as it was`() {
        assertEquals(meaning(parse(Vectors.bytes("record.json"))), meaning(parse(record().json())))
    }

    /** The same keys, nulls among them, the same values: 1e-4 is 0.0001. */
    private fun meaning(json: JsonElement): Any? = when (json) {
        is JsonObject -> json.mapValues { meaning(it.value) }
        is JsonArray -> json.map(::meaning)
        is JsonPrimitive -> if (json.isString) json.content else json.doubleOrNull ?: json.toString()
    }

    @Test
    fun `a failure is one short line`() {
        val text = plain("x\n\u00a0\u2028\u200b\uD83D\uDC55".repeat(300))
        assertTrue("x      x" in text && text.length <= 1000)
    }

    private fun record() = BenchmarkRecord.read(Vectors.bytes("record.json"))

    @Test
    fun `a job of another version or place is refused`() {
        val text = Vectors.bytes("job.json").decodeToString()
        for ((old, new) in listOf(
            "\"schema_version\": 1" to "\"schema_version\": 2", "\"schema_version\": 1" to "\"schema_version\": \"1\"",
            "\"bundle.dmvton\"" to "\"../bundle\"", "\"bundle.dmvton\"" to "\"a/bundle\"",
            "\"min_runs\"" to "\"min_run\"", "\"tflite\"" to "\"unknown\"", "{" to "[",
        )) {
            val changed = text.replace(old, new)
            assertNotEquals(text, changed)
            assertRefused(new) { AppJob.read(changed.encodeToByteArray()) }
        }
    }
}
