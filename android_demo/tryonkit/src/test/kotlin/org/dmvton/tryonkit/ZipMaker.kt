package org.dmvton.tryonkit

import java.io.ByteArrayOutputStream
import java.io.File
import java.util.zip.CRC32
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream

/** Makes zips that say what they are told to say. */
class ZipMaker {
    enum class Method(val number: Int) { STORED(0), DEFLATED(8) }

    private val files = ByteArrayOutputStream()
    private val directory = ByteArrayOutputStream()
    private var count = 0

    /** saying: the size that the central directory gives. */
    fun add(name: String, content: ByteArray, method: Method, saying: Int = content.size) {
        val packed = if (method == Method.STORED) content else deflated(content)
        val crc = CRC32().apply { update(content) }.value
        val common = numbers(
            20L to 2, 0L to 2, method.number.toLong() to 2, 0L to 4, crc to 4, packed.size.toLong() to 4,
            saying.toLong() to 4, name.length.toLong() to 2, 0L to 2,
        )
        directory.write(numbers(0x02014b50L to 4, 20L to 2) + common)
        directory.write(numbers(0L to 6, 0L to 4, files.size().toLong() to 4) + name.encodeToByteArray())
        files.write(numbers(0x04034b50L to 4) + common + name.encodeToByteArray() + packed)
        count += 1
    }

    fun write(place: File) {
        val ends = numbers(
            0x06054b50L to 4, 0L to 4, count.toLong() to 2, count.toLong() to 2, directory.size().toLong() to 4,
            files.size().toLong() to 4, 0L to 2,
        )
        place.writeBytes(files.toByteArray() + directory.toByteArray() + ends)
    }

    /** Little endian, each in so many bytes. */
    private fun numbers(vararg all: Pair<Long, Int>): ByteArray =
        all.flatMap { (value, bytes) -> (0 until bytes).map { (value shr 8 * it).toByte() } }.toByteArray()

    private fun deflated(content: ByteArray): ByteArray {
        val packed = ByteArrayOutputStream()
        DeflaterOutputStream(packed, Deflater(9, true)).use { it.write(content) }
        return packed.toByteArray()
    }
}
