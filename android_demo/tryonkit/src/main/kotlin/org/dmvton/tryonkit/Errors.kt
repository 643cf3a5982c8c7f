package org.dmvton.tryonkit

/** Something that a person can act on: what went wrong, where, what to do next. */
open class TryOnException(override val message: String, cause: Throwable? = null) : Exception(message, cause)

/** A bundle that is damaged, changed, or not a bundle. */
class BundleRefusal(val kind: Kind, message: String) : TryOnException(message) {
    enum class Kind {
        NO_MANIFEST,
        TOO_LARGE,
        SCHEMA,
        INVALID,
        DIGEST,
        PATH,

        /** Two paths that a disk without upper and lower case takes for one. */
        CASE,
        LINK,
        MISSING,
        UNLISTED,
        CHANGED,

        /** Of a zip: cut short, spoilt, or none. */
        DAMAGED,

        /** Of a zip: unpacking it could write where it must not, or more than there is room for. */
        UNSAFE;

        override fun toString() = name.lowercase()
    }
}

/** What an error says, for a record. */
internal fun plain(error: Throwable): String =
    plain((error as? TryOnException)?.message ?: error.toString())

// What Python's `isprintable` takes for none, but for the space
private val UNPRINTABLE = setOf(
    CharCategory.CONTROL, CharCategory.FORMAT, CharCategory.SURROGATE, CharCategory.PRIVATE_USE, CharCategory.UNASSIGNED,
    CharCategory.LINE_SEPARATOR, CharCategory.PARAGRAPH_SEPARATOR, CharCategory.SPACE_SEPARATOR,
)

/** Words as a record takes them: at most a thousand characters, all of them printable. */
internal fun plain(text: String): String =
    text.take(1000).map { if (it.category in UNPRINTABLE) ' ' else it }.joinToString("")
