package org.dmvton.demo

import android.content.Context
import org.dmvton.tryonkit.Runtime

/** What the rest of the app gets from libraries, and from Androids after 6: its Application has it. */
interface Parts {
    /** By the names that the screen shows. Of each target, the first is what a benchmark measures. */
    val runtimes: Map<String, Runtime>

    /** As PowerManager counts: 0 none to 6 shutdown; null before Android 10. */
    fun thermalStatus(): Int?
}

val Context.parts: Parts get() = applicationContext as Parts

private val THERMAL = listOf("cool", "light", "moderate", "severe", "critical", "emergency", "shutdown")

/** From severe on a phone holds itself back. */
fun isThrottled(thermalStatus: Int): Boolean = thermalStatus >= THERMAL.indexOf("severe")

fun thermalName(thermalStatus: Int?): String = thermalStatus?.let(THERMAL::getOrNull) ?: "not known"
