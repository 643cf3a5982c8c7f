package org.dmvton.tryonkit

import java.io.File
import java.io.IOException
import org.dmvton.tryonkit.BundleRefusal.Kind

/**
 * A bundle's folder, every byte of it checked, and its manifest.
 *
 * isSigned: whether somebody signed it. Whose signature it is, and whether it is right, `dmvton verify` checks.
 */
class TryOnBundle private constructor(val folder: File, val manifest: Manifest, val isSigned: Boolean) {
    /** Where an artifact lies. */
    fun place(artifact: Manifest.Artifact): File = File(folder, artifact.path)

    companion object {
        /** Throws BundleRefusal for the first fault of docs/app-contract.md, section 1. */
        fun verify(folder: File): TryOnBundle {
            val found = FolderFiles(folder)
            val name = Manifest.NAME
            val text = found.files[name]
                ?: throw BundleRefusal(Kind.NO_MANIFEST, "${folder.name} is not a bundle: it holds no $name.")
            Manifest.requireSize(text.length())
            val manifest = Manifest.read(text.readBytes())
            found.require(manifest.files)
            return TryOnBundle(folder, manifest, isSigned = Manifest.SIGNATURE in found.files)
        }
    }
}

/** What lies in a folder: regular files by their path in it, links, and what is neither a file nor a folder. */
private class FolderFiles(folder: File) {
    val files = sortedMapOf<String, File>()
    private val links = mutableListOf<String>()
    private val others = mutableListOf<String>()

    init {
        walk(folder.canonicalFile, "")
    }

    private fun walk(folder: File, inside: String) {
        val found = folder.listFiles() ?: throw TryOnException("The folder $folder cannot be read. Check its path.")
        for (file in found.sorted()) {
            val path = inside + file.name
            when {
                isLink(file) -> links += path
                file.isFile -> files[path] = file
                file.isDirectory -> walk(file, "$path/")
                else -> others += path
            }
        }
    }

    /** Throws BundleRefusal unless these files are there as they were sealed, and nothing else. */
    fun require(listed: Map<String, Manifest.FileRecord>) {
        links.firstOrNull()?.let {
            throw BundleRefusal(Kind.LINK, "$it is a link; a bundle holds none. Install it again.")
        }
        (files.keys + others - listed.keys - Manifest.NAME - Manifest.SIGNATURE).firstOrNull()?.let {
            throw BundleRefusal(Kind.UNLISTED, "'${plain(it)}' is not listed in the manifest. Install it again.")
        }
        for ((path, record) in listed.toSortedMap()) {
            val file = files[path] ?: throw BundleRefusal(Kind.MISSING, "$path is missing. Install the bundle again.")
            if (file.length() != record.bytes || sha256(file) != record.sha256) {
                throw BundleRefusal(Kind.CHANGED, "$path is not what was sealed. Install the bundle again.")
            }
        }
    }
}

/** Of a file in a folder that is no link itself: java.nio.file, which could be asked, came with Android 8. */
private fun isLink(file: File): Boolean = try {
    file.canonicalFile != file.absoluteFile
} catch (_: IOException) {
    true // links that lead in a circle
}
