package org.dmvton.tryonkit

import java.nio.ByteBuffer
import java.nio.ByteOrder
import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable
import kotlinx.serialization.json.JsonObject

/**
 * A file of named tensors: eight bytes of length, a JSON header, then the tensors, little endian.
 *
 * Throws TryOnException where the file is none.
 */
internal class Safetensors(private val file: ByteArray) {
    @Serializable
    private class Entry(val dtype: String, val shape: List<Long>, @SerialName("data_offsets") val offsets: List<Long>)

    private val data = ByteBuffer.wrap(file).order(ByteOrder.LITTLE_ENDIAN)
    private val start: Int
    private val entries: Map<String, Entry>

    init {
        if (file.size < 8) throw spoilt("it has no header")
        val length = data.getLong(0)
        if (length !in 0..file.size - 8L) throw spoilt("its header is cut short")
        start = 8 + length.toInt()
        entries = try {
            val header = parse(file.copyOfRange(8, start)) as? JsonObject ?: throw spoilt("its header is no object")
            (header - "__metadata__").mapValues { it.value.decode(Entry.serializer()) }
        } catch (fault: JsonFault) {
            throw spoilt(fault.message.orEmpty())
        }
    }

    val names: Set<String> get() = entries.keys

    /** A tensor of float32. Throws TryOnException where there is none of that name and type. */
    fun floats(name: String): Tensor {
        val (shape, place, count) = content(name, "F32", bytesEach = 4)
        return Tensor(shape, FloatArray(count) { data.getFloat(place + 4 * it) })
    }

    /** A tensor of bytes, and its shape. Throws as `floats`. */
    fun bytes(name: String): Pair<List<Int>, ByteArray> {
        val (shape, place, count) = content(name, "U8", bytesEach = 1)
        return shape to file.copyOfRange(place, place + count)
    }

    /** Shape, where it begins, how many values. */
    private fun content(name: String, type: String, bytesEach: Int): Triple<List<Int>, Int, Int> {
        val entry = entries[name] ?: throw spoilt("it holds no $name")
        if (entry.dtype != type) throw spoilt("$name is ${entry.dtype}, not $type")
        val length = (file.size - start).toLong()
        val fits = entry.offsets.size == 2 && entry.shape.all { it in 0..length } &&
            0 <= entry.offsets[0] && entry.offsets[0] <= entry.offsets[1] && entry.offsets[1] <= length
        // Cut off at each step, so that no product is too large to be a number
        val count = if (fits) entry.shape.fold(1L) { product, each -> minOf(product * each, length + 1) } else -1
        if (!fits || count * bytesEach != entry.offsets[1] - entry.offsets[0]) {
            throw spoilt("$name does not lie within it as its shape says")
        }
        return Triple(entry.shape.map { it.toInt() }, start + entry.offsets[0].toInt(), count.toInt())
    }
}

private fun spoilt(why: String) = TryOnException("The file of tensors cannot be read: $why. Install the bundle again.")
