package org.dmvton.tryonkit

import java.util.Date

/** What times are taken by. */
interface Clock {
    /** Since some moment; it never goes back. */
    val seconds: Double

    /** The date, for a record. */
    val date: Date

    /** Not at all for 0 or less. */
    fun sleep(seconds: Double)
}

/** The device's own. */
object SystemClock : Clock {
    override val seconds: Double get() = System.nanoTime() / 1e9
    override val date: Date get() = Date()

    override fun sleep(seconds: Double) {
        val nanoseconds = (seconds * 1e9).toLong()
        if (nanoseconds > 0) Thread.sleep(nanoseconds / 1_000_000, (nanoseconds % 1_000_000).toInt())
    }
}

/** How long it takes. */
internal inline fun Clock.milliseconds(work: () -> Unit): Double {
    val started = seconds
    work()
    return (seconds - started) * 1e3
}
