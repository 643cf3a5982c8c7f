package org.dmvton.tryonkit

import java.io.File
import java.security.MessageDigest

private val DIGITS = Regex("[0-9a-f]{64}")

internal fun isSha256(text: String): Boolean = DIGITS.matches(text)

/** 64 hexadecimal digits. */
internal fun sha256(bytes: ByteArray): String = hexadecimal(MessageDigest.getInstance("SHA-256").digest(bytes))

/** Of a file's content, read piece by piece. */
internal fun sha256(file: File): String {
    val digest = MessageDigest.getInstance("SHA-256")
    file.forEachBlock(1 shl 16) { piece, count -> digest.update(piece, 0, count) }
    return hexadecimal(digest.digest())
}

private fun hexadecimal(bytes: ByteArray): String =
    bytes.joinToString("") { (it.toInt() and 0xff).toString(16).padStart(2, '0') }
