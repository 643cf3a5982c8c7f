package org.dmvton.tryonkit

/** Whether a shell's pattern is all of a text: `*`, `?`, `[abc]`, `[a-z]`, `[!abc]`; case counts. */
internal fun matches(text: String, pattern: String): Boolean {
    if (pattern.isEmpty()) return text.isEmpty()
    if (pattern[0] == '*') return (0..text.length).any { matches(text.drop(it), pattern.drop(1)) }
    if (text.isEmpty()) return false
    val set = if (pattern[0] == '[') setAtStart(pattern) else null
    val holds = set?.holds(text[0]) ?: (pattern[0] == '?' || pattern[0] == text[0])
    return holds && matches(text.drop(1), pattern.drop(set?.length ?: 1))
}

/** The set that a pattern begins with; null where it does not end: then its bracket is a letter. */
private fun setAtStart(pattern: String): LetterSet? {
    val isNegated = pattern.startsWith("[!")
    val first = if (isNegated) 2 else 1
    val end = pattern.indexOf(']', first + 1) // a bracket that comes first is a member
    return if (end < 0) null else LetterSet(pattern.substring(first, end), isNegated, end + 1)
}

/** length: of the pattern that it takes. */
private class LetterSet(private val members: String, private val isNegated: Boolean, val length: Int) {
    fun holds(letter: Char): Boolean {
        var rest = members
        var found = false
        while (rest.isNotEmpty()) {
            val isRange = rest.length > 2 && rest[1] == '-'
            found = found || if (isRange) letter in rest[0]..rest[2] else letter == rest[0]
            rest = rest.drop(if (isRange) 3 else 1)
        }
        return found != isNegated
    }
}
