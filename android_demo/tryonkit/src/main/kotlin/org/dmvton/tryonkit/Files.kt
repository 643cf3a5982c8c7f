package org.dmvton.tryonkit

import java.io.File
import java.io.FileOutputStream
import java.io.IOException

/** The file with what `write` gives it, in one step: whoever reads it finds the old content or the new one. */
internal fun replace(
    file: File,
    create: (File) -> FileOutputStream = ::FileOutputStream,
    write: (FileOutputStream) -> Unit,
) {
    val beside = File(file.parentFile, ".${file.name}.partial")
    create(beside).use {
        write(it)
        it.fd.sync() // else its name may be on the disk before its content
    }
    rename(beside, file)
}

/** In one step; a file of that name is replaced. */
internal fun rename(from: File, to: File) {
    if (!from.renameTo(to)) throw IOException("$from cannot be renamed to ${to.name}: check that the disk is not full.")
}

internal fun makeFolder(folder: File) {
    if (!folder.mkdirs() && !folder.isDirectory) throw IOException("The folder $folder cannot be made.")
}

/** A folder with all that is in it. */
internal fun remove(file: File) {
    if (!file.deleteRecursively()) throw IOException("$file cannot be removed.")
}
