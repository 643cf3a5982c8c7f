package org.dmvton.tryonkit

import java.io.File
import java.io.FileOutputStream

/**
 * Installs a bundle in a process that is gone in mid-write, as one that is killed: nothing is closed, no block ends.
 */
fun main(arguments: Array<String>) {
    val (store, source, bytes) = arguments
    val death = Death(bytes.toLong())
    BundleStore(File(store)) { DyingStream(it, death) }.install(File(source))
}

/** left: bytes that are still written, of all files together. */
private class Death(var left: Long)

private class DyingStream(file: File, private val death: Death) : FileOutputStream(file) {
    override fun write(bytes: ByteArray) = write(bytes, 0, bytes.size)

    override fun write(bytes: ByteArray, start: Int, count: Int) {
        super.write(bytes, start, minOf(count.toLong(), death.left).toInt())
        if (count > death.left) java.lang.Runtime.getRuntime().halt(HALTED)
        death.left -= count
    }
}

const val HALTED = 9
