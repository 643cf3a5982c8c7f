package org.dmvton.tryonkit

import kotlinx.serialization.Serializable

/** The part of `benchmarks/suite.py` that an app needs to measure; conditions and bands are for the host's verdict. */
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
    val budget: Budget,
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

    /** Limits, which the record repeats for the host; null sets none. */
    @Serializable
    data class Budget(
        val parametersBytes: Long?,
        val fileBytes: Long?,
        val downloadBytes: Long?,
        val arenaBytes: Long?,
        val growthBytes: Long?,
    )
}
