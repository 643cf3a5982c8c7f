package org.dmvton.tryonkit

import org.junit.Assert.assertEquals
import org.junit.Assert.assertThrows

/** What the refusal says. */
fun assertRefused(what: String = "", work: () -> Unit): String =
    assertThrows(what, TryOnException::class.java) { work() }.message

fun assertRefused(kind: BundleRefusal.Kind, work: () -> Unit) {
    assertEquals(kind, assertThrows(BundleRefusal::class.java) { work() }.kind)
}
