package org.dmvton.tryonkit

import kotlin.math.ceil
import kotlin.math.floor

private const val FOR_DRIFT = 8 // samples: fewer have no quarters to compare

/**
 * What is said of a series of times in milliseconds, by the rule of `benchmarks/statistics.py`.
 *
 * spread: (p90 - p10) / median. drift: the last quarter's median to the first quarter's, less one; null below eight
 * samples.
 */
data class Summary(
    val samples: Int,
    val leastMs: Double,
    val medianMs: Double,
    val p90Ms: Double,
    val p99Ms: Double,
    val mostMs: Double,
    val spread: Double,
    val drift: Double?,
)

/** Of samples in the order they were taken; there must be one. */
fun summarise(samples: List<Double>): Summary {
    val median = median(samples)
    return Summary(
        samples = samples.size,
        leastMs = samples.min(),
        medianMs = median,
        p90Ms = percentile(samples, 90),
        p99Ms = percentile(samples, 99),
        mostMs = samples.max(),
        spread = (percentile(samples, 90) - percentile(samples, 10)) / median,
        drift = drift(samples),
    )
}

private fun drift(samples: List<Double>): Double? {
    if (samples.size < FOR_DRIFT) return null
    val quarter = samples.size / 4
    return median(samples.takeLast(quarter)) / median(samples.take(quarter)) - 1
}

private fun median(samples: List<Double>): Double = percentile(samples, 50)

/** Linear between the two neighbours of position (n - 1) p / 100. */
private fun percentile(samples: List<Double>, p: Int): Double {
    val ordered = samples.sorted()
    val position = (ordered.size - 1) * p.toDouble() / 100
    val below = floor(position).toInt()
    val above = ceil(position).toInt()
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)
}
