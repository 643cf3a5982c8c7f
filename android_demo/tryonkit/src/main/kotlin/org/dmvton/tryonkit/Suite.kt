package org.dmvton.tryonkit

import kotlinx.serialization.Serializable

/** What a benchmark does, as `benchmarks/suite.py` has it. */
@Serializable
data class Suite(
    val name: String,
    val description: String,
    val targets: List<Target>?,
    val precisions: List<Precision>?,
    val recommended: Boolean,
    val threads: List<Int>,
    val rounds: Int,
    val warmupRuns: Int,
    val garment: Until,
    val frame: Until,
    val camera: Camera?,
    val sustained: Sustained?,
    val cooldownSeconds: Double,
    val operations: Boolean,
    val conditions: Conditions,
    val budget: Budget,
    val bands: List<Band>,
    val timeoutSeconds: Double,
) {
    /** A series goes on until it has that many runs and has lasted that long, both. */
    @Serializable
    data class Until(val minRuns: Int, val minSeconds: Double)

    /** Frames at the rate of a camera, for that long. */
    @Serializable
    data class Camera(val periodMs: Double, val seconds: Double)

    /** Frames back to back, for that long. */
    @Serializable
    data class Sustained(val seconds: Double)

    /** What is asked of a device for a verdict; null asks nothing. */
    @Serializable
    data class Conditions(
        val maxSpread: Double?,
        val maxDrift: Double?,
        val maxLoad: Double?,
        val maxTemperatureCelsius: Double?,
        val minBatteryPercent: Double?,
        val governors: List<String>?,
    )

    /** At most; null where it does not count. */
    @Serializable
    data class Budget(
        val parametersBytes: Long?,
        val fileBytes: Long?,
        val downloadBytes: Long?,
        val arenaBytes: Long?,
        val growthBytes: Long?,
    )

    /** Where the median of a steady frame is expected. device: a pattern of its name, model or processor. */
    @Serializable
    data class Band(
        val device: String,
        val target: Target,
        val precision: Precision,
        val threads: Int,
        val leastMs: Double,
        val mostMs: Double,
    )
}
