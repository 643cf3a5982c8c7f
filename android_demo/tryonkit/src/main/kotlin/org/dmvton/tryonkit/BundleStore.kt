package org.dmvton.tryonkit

import java.io.File
import java.io.FileOutputStream
import java.util.UUID

/**
 * Where an app keeps its bundle: whole or absent, whenever the process dies.
 *
 * Every bundle lies in a folder named after its digest; the file `current`, replaced in one step, says which one
 * counts. One store per folder at a time. Making it makes the folder, and removes what an installation left that was
 * interrupted.
 */
class BundleStore internal constructor(private val folder: File, private val create: (File) -> FileOutputStream) {
    constructor(folder: File) : this(folder, ::FileOutputStream)

    private val pointer = File(folder, "current")

    init {
        makeFolder(folder)
        removeAllBut(current())
    }

    /**
     * The installed bundle, verified; null where there is none. Throws BundleRefusal where it is no longer what it was.
     */
    fun installed(): TryOnBundle? = current()?.let { TryOnBundle.verify(File(folder, it)) }

    /**
     * Installs a bundle from its folder or a zip of it. Throws TryOnException where there is none, BundleRefusal for a
     * bad one, and what the disk says; the one before then still counts.
     */
    fun install(source: File): TryOnBundle {
        val staged = File(folder, "partial-${UUID.randomUUID()}")
        try {
            val digest = stage(source, staged)
            moveIntoPlace(staged, digest)
            point(digest)
            removeAllBut(digest)
            return TryOnBundle.verify(File(folder, digest))
        } finally {
            staged.deleteRecursively()
        }
    }

    // The steps of an installation, in order: after each of them the old bundle counts, after the last one the new.
    // What is written is on the disk before it gets its name.

    /** Unpacks or copies the bundle into a folder beside its place and verifies it there; returns its digest. */
    internal fun stage(source: File, staged: File): String {
        fun created(path: String): FileOutputStream {
            val file = File(staged, path)
            makeFolder(file.parentFile)
            return create(file)
        }
        when {
            source.isDirectory -> copy(TryOnBundle.verify(source), ::created)
            source.isFile -> BundleZip(source).unpack(::created)
            else -> throw TryOnException("There is no bundle at $source. Choose a bundle's folder or zip.")
        }
        return TryOnBundle.verify(staged).manifest.digest
    }

    private fun copy(bundle: TryOnBundle, created: (String) -> FileOutputStream) {
        val signature = listOf(Manifest.SIGNATURE).filter { bundle.isSigned }
        for (path in bundle.manifest.files.keys + Manifest.NAME + signature) {
            created(path).use { sink ->
                File(bundle.folder, path).inputStream().use { it.copyTo(sink) }
                sink.fd.sync()
            }
        }
    }

    /** A bundle of that digest that is there already stays if it is whole. */
    internal fun moveIntoPlace(staged: File, digest: String) {
        val place = File(folder, digest)
        if (place.exists()) {
            try {
                TryOnBundle.verify(place)
                return
            } catch (_: BundleRefusal) {
                remove(place)
            }
        }
        rename(staged, place)
    }

    internal fun point(digest: String) = replace(pointer, create) { it.write(digest.encodeToByteArray()) }

    private fun current(): String? {
        if (!pointer.isFile) return null
        return pointer.readText().takeIf { isSha256(it) && File(folder, it).isDirectory }
    }

    private fun removeAllBut(digest: String?) {
        for (file in folder.listFiles().orEmpty()) {
            if (file.name != digest && file != pointer) remove(file)
        }
    }
}
