package org.dmvton.tryonkit

/**
 * What a process needed while it was watched: after every load and every series, since asking takes longer than a
 * frame. Begins with the bare process.
 */
internal class MemoryWatch(private val probes: Probes) {
    private val bare = probes.memoryBytes()
    private var loaded: Long? = null
    private var most = bare

    fun look(): Long? = probes.memoryBytes().also { now ->
        if (now != null) most = maxOf(now, most ?: now)
    }

    /** After one run of all components. */
    fun noteLoaded() {
        loaded = look()
    }

    /** null where the device does not tell. */
    fun memory(): Memory? = bare?.let { Memory(probes.memoryKind, it, loaded, most, arenaBytes = null) }
}
