package org.dmvton.tryonkit

import java.nio.ByteBuffer
import java.nio.ByteOrder
import org.dmvton.tryonkit.BundleRefusal.Kind

/**
 * The central directory of a zip. java.util.zip's own readers give neither flags nor Unix modes and hide twin names, and
 * encrypted entries, links and twins must be refused before anything is unpacked.
 */
internal class ZipDirectory(zip: ByteBuffer, most: Int) {
    /** mode: the upper half of the external attributes, a Unix file's mode. offset: where its local header begins. */
    class Entry(
        val name: String,
        val flags: Int,
        val method: Int,
        val crc32: Long,
        val packedBytes: Long,
        val bytes: Long,
        val mode: Int,
        val offset: Long,
    ) {
        val isFolder: Boolean get() = name.endsWith("/")
    }

    private val data: ByteBuffer = zip.duplicate().order(ByteOrder.LITTLE_ENDIAN)

    /** At most `most`. Throws BundleRefusal where there are more, no directory, or one that is cut short. */
    val entries: List<Entry> = read(most)

    private fun read(most: Int): List<Entry> {
        val end = end() ?: throw damaged("it is cut short, or not a zip")
        val first = number(end + 16)
        val last = first + number(end + 12)
        if (last > end) throw damaged("its directory does not lie within it, or it is larger than 4 GB")
        val found = mutableListOf<Entry>()
        var place = first.toInt()
        while (place < last) {
            if (found.size == most) throw unsafe("it holds more than $most files, as no bundle does")
            if (place + ENTRY_BYTES > last || data.getInt(place) != ENTRY) throw damaged("its directory is spoilt")
            val next = place + ENTRY_BYTES + short(place + 28) + short(place + 30) + short(place + 32)
            if (next > last) throw damaged("its directory is cut short")
            found += entry(place)
            place = next
        }
        if (found.size != short(end + 10)) throw damaged("its directory is cut short")
        return found
    }

    private fun entry(place: Int) = Entry(
        name = ByteArray(short(place + 28)).also(slice(place + ENTRY_BYTES, short(place + 28))::get).decodeToString(),
        flags = short(place + 8),
        method = short(place + 10),
        crc32 = number(place + 16),
        packedBytes = number(place + 20),
        bytes = number(place + 24),
        mode = short(place + 40),
        offset = number(place + 42),
    )

    /** An entry's bytes as they are packed. Throws BundleRefusal where the zip does not hold them. */
    fun packed(entry: Entry): ByteBuffer {
        if (entry.offset + LOCAL_BYTES > data.limit() || data.getInt(entry.offset.toInt()) != LOCAL) {
            throw damaged("${entry.name} is not where its directory says")
        }
        val local = entry.offset.toInt()
        val start = local + LOCAL_BYTES + short(local + 26) + short(local + 28)
        if (start + entry.packedBytes > data.limit()) throw damaged("${entry.name} is cut short")
        return slice(start, entry.packedBytes.toInt())
    }

    /** Where the record that ends a zip begins: its comment reaches to the end. */
    private fun end(): Int? {
        val last = data.limit() - END_BYTES
        return (last downTo maxOf(0, last - 0xffff)).firstOrNull { place ->
            data.getInt(place) == END && place + END_BYTES + short(place + 20) == data.limit()
        }
    }

    private fun short(place: Int): Int = data.getShort(place).toInt() and 0xffff

    private fun number(place: Int): Long = data.getInt(place).toLong() and 0xffffffffL

    private fun slice(start: Int, count: Int): ByteBuffer {
        val part = data.duplicate()
        part.position(start)
        part.limit(start + count)
        return part.slice()
    }

    private companion object {
        const val END = 0x06054b50
        const val END_BYTES = 22
        const val ENTRY = 0x02014b50
        const val ENTRY_BYTES = 46
        const val LOCAL = 0x04034b50
        const val LOCAL_BYTES = 30
    }
}

internal fun unsafe(why: String) = BundleRefusal(Kind.UNSAFE, "The zip is refused: $why.")

internal fun damaged(why: String) = BundleRefusal(Kind.DAMAGED, "The zip is damaged: $why. Download it again.")
