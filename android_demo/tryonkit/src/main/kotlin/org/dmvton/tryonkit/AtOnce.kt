package org.dmvton.tryonkit

import java.util.concurrent.Callable
import java.util.concurrent.ExecutionException
import java.util.concurrent.Executors

private val threads = maxOf(1, minOf(4, java.lang.Runtime.getRuntime().availableProcessors()))

private val pool = Executors.newFixedThreadPool(threads) { work ->
    Thread(work, "tryonkit").apply { isDaemon = true }
}

/** Does the work for 0 until count, some at the same time; returns when all is done. The work must not do so itself. */
internal fun eachAtOnce(count: Int, work: (Int) -> Unit) {
    val parts = List(threads) { part ->
        Callable { for (index in count * part / threads until count * (part + 1) / threads) work(index) }
    }
    try {
        pool.invokeAll(parts).forEach { it.get() }
    } catch (error: ExecutionException) {
        throw error.cause ?: error
    }
}
