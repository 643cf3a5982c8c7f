package org.dmvton.tryonkit

private val PLAIN_PART = Regex("[A-Za-z0-9_-]([A-Za-z0-9._-]*[A-Za-z0-9_-])?")

/** Whether a bundle may hold a file of this path: parts of letters, digits and `. _ -`, no dot at either end of one. */
internal fun isPlainPath(path: String): Boolean = path.split("/").all(PLAIN_PART::matches)

/** The first path that a disk without upper and lower case takes for an earlier one. */
internal fun firstTwin(paths: Collection<String>): String? {
    val seen = mutableSetOf<String>()
    return paths.firstOrNull { !seen.add(it.lowercase()) }
}
