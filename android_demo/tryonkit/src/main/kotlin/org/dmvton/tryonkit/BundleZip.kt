package org.dmvton.tryonkit

import java.io.ByteArrayOutputStream
import java.io.File
import java.io.FileInputStream
import java.io.FileOutputStream
import java.io.OutputStream
import java.nio.ByteBuffer
import java.nio.channels.FileChannel
import java.util.zip.CRC32
import java.util.zip.DataFormatException
import java.util.zip.Inflater
import org.dmvton.tryonkit.BundleRefusal.Kind

/**
 * A bundle's zip that is safe to unpack: paths, kinds, sizes and the manifest's list were checked.
 *
 * Throws BundleRefusal for the first fault of docs/app-contract.md, section 1; nothing is written.
 */
internal class BundleZip(zip: File) {
    private val data: ByteBuffer = mapped(zip)
    private val directory = ZipDirectory(data, MOST_ENTRIES)

    /** By their path in the bundle. */
    private val files: Map<String, ZipDirectory.Entry>

    init {
        requireSafe(directory.entries, data.limit().toLong())
        files = inBundle(directory.entries.filter { !it.isFolder })
        for (name in listOf(Manifest.NAME, Manifest.SIGNATURE)) {
            val bytes = files[name]?.bytes ?: 0
            if (bytes > Manifest.MOST_BYTES) throw unsafe("$name would unpack to $bytes bytes")
        }
        val manifest = ByteArrayOutputStream()
        unpack(files.getValue(Manifest.NAME), manifest)
        requireListed(Manifest.read(manifest.toByteArray()))
    }

    /**
     * Gives the files' content to what `create` makes for each path. Throws BundleRefusal for a damaged one, and what
     * the disk says; then a part is written.
     */
    fun unpack(create: (String) -> FileOutputStream) {
        for ((path, entry) in files) {
            create(path).use {
                unpack(entry, it)
                it.fd.sync()
            }
        }
    }

    /** Stops before the first byte more than the directory says. */
    private fun unpack(entry: ZipDirectory.Entry, sink: OutputStream) {
        val crc = CRC32()
        var bytes = 0L
        fun take(piece: ByteArray, count: Int) {
            bytes += count
            if (bytes > entry.bytes) throw damaged("${entry.name} unpacks to more bytes than it says")
            crc.update(piece, 0, count)
            sink.write(piece, 0, count)
        }
        val packed = directory.packed(entry)
        if (entry.method == STORED) packed.forEachPiece(::take) else inflate(packed, entry.name, ::take)
        if (bytes != entry.bytes || crc.value != entry.crc32) throw damaged("${entry.name} is spoilt")
    }

    private fun requireListed(manifest: Manifest) {
        for ((path, entry) in files - Manifest.NAME - Manifest.SIGNATURE) {
            val record = manifest.files[path]
                ?: throw BundleRefusal(Kind.UNLISTED, "The zip is refused: $path is not listed in the manifest.")
            if (entry.bytes != record.bytes) {
                val sizes = "$path has ${entry.bytes} bytes, the manifest says ${record.bytes}"
                throw BundleRefusal(Kind.CHANGED, "The zip is refused: $sizes.")
            }
        }
    }

    private fun requireSafe(entries: List<ZipDirectory.Entry>, zipBytes: Long) {
        for (entry in entries) {
            fault(entry)?.let { throw unsafe("'${plain(entry.name)}' $it") }
        }
        firstTwin(entries.map { it.name })?.let { throw unsafe("$it is there twice where case does not count") }
        val total = entries.sumOf { it.bytes }
        if (total > MOST_TIMES * zipBytes) {
            throw unsafe("it would unpack to $total bytes, more than $MOST_TIMES times its size")
        }
    }

    private fun fault(entry: ZipDirectory.Entry): String? = when {
        !isPlainPath(entry.name.removeSuffix("/")) -> "is no plain path"
        entry.mode and 0xf000 !in setOf(0, 0x8000, 0x4000) -> "is a link or a special file"
        entry.flags and 1 != 0 -> "is encrypted"
        entry.method != STORED && entry.method != DEFLATED -> "is packed in a way that phones do not unpack"
        else -> null
    }

    /** Without the one folder that may hold everything. */
    private fun inBundle(files: List<ZipDirectory.Entry>): Map<String, ZipDirectory.Entry> {
        val top = files.firstOrNull()?.name.orEmpty().substringBefore("/") + "/"
        val isInFolder = files.none { it.name == Manifest.NAME } && files.all { it.name.startsWith(top) }
        val named = files.associateBy { if (isInFolder) it.name.removePrefix(top) else it.name }
        if (Manifest.NAME !in named) {
            throw BundleRefusal(Kind.NO_MANIFEST, "The zip is not a bundle's: it holds no ${Manifest.NAME}.")
        }
        return named
    }

    internal companion object {
        const val MOST_ENTRIES = 10_000
        const val MOST_TIMES = 100 // bytes unpacked per byte of zip; weights stay far below
        const val STORED = 0
        const val DEFLATED = 8
        const val PIECE = 1 shl 16
    }
}

private fun mapped(zip: File): ByteBuffer {
    if (zip.length() > Int.MAX_VALUE) throw damaged("it is larger than 2 GB, which no bundle is")
    return FileInputStream(zip).channel.use { it.map(FileChannel.MapMode.READ_ONLY, 0, it.size()) }
}

private fun ByteBuffer.forEachPiece(take: (ByteArray, Int) -> Unit) {
    val piece = ByteArray(BundleZip.PIECE)
    while (hasRemaining()) {
        val count = minOf(remaining(), piece.size)
        get(piece, 0, count)
        take(piece, count)
    }
}

/** Raw deflate, piece by piece; every packed byte belongs to it. */
private fun inflate(packed: ByteBuffer, name: String, take: (ByteArray, Int) -> Unit) {
    val inflater = Inflater(true)
    try {
        val piece = ByteArray(BundleZip.PIECE)
        packed.forEachPiece { part, length ->
            if (inflater.finished()) throw damaged("$name does not unpack")
            inflater.setInput(part, 0, length)
            do {
                val count = inflater.inflate(piece)
                take(piece, count)
            } while (count > 0)
            if (inflater.needsDictionary()) throw damaged("$name does not unpack")
        }
        if (!inflater.finished() || inflater.remaining > 0) throw damaged("$name does not unpack")
    } catch (_: DataFormatException) {
        throw damaged("$name does not unpack")
    } finally {
        inflater.end()
    }
}
