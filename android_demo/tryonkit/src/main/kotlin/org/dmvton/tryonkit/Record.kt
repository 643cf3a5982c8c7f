package org.dmvton.tryonkit

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * The measurements of a benchmark, without a verdict, which `dmvton bench` gives on the host (docs/app-contract.md,
 * section 6). Units are in the names; a value that a probe could not read is null. startedAt: ISO 8601, UTC.
 */
@Serializable
data class BenchmarkRecord(
    val schemaVersion: Int = 1,
    val startedAt: String,
    val seconds: Double,
    val suite: SuiteIdentity,
    val bundle: BundleIdentity,
    val device: Device,
    val agent: String,
    val versions: Map<String, String>,
    val artifacts: List<Artifacts>,
    val runs: List<Run>,
) {
    @Serializable
    data class SuiteIdentity(val name: String, val sha256: String, val budget: Suite.Budget)

    @Serializable
    data class BundleIdentity(val name: String, val network: String, val trained: Boolean, val digest: String)

    fun json(): ByteArray = encode(serializer(), this)

    companion object {
        /** Throws TryOnException where the text is no record. */
        fun read(text: ByteArray): BenchmarkRecord = try {
            parse(text).decode(serializer())
        } catch (fault: JsonFault) {
            throw TryOnException("The record cannot be read: ${fault.message}. Measure again.")
        }
    }
}

/**
 * One run of the artifacts of one target and precision. failure: why it ended early; what was measured by then is here.
 */
@Serializable
data class Run(
    val target: Target,
    val precision: Precision,
    val threads: Int,
    val round: Int,
    val affinity: List<Int>? = null,
    val versions: Map<String, String> = emptyMap(),
    val before: DeviceState? = null,
    val after: DeviceState? = null,
    val loads: List<Load> = emptyList(),
    val series: List<Series> = emptyList(),
    val memory: Memory? = null,
    val parity: List<ParityFigure>? = null,
    val operations: List<Operation>? = null,
    val failure: String? = null,
) {
    /** Of one run of the frame. */
    @Serializable
    data class Operation(val name: String, val kind: String, val backend: String?, val milliseconds: Double?)

    /** `tflite fp16, 2 threads, round 1` */
    val title: String get() = "$target $precision, $threads thread${if (threads > 1) "s" else ""}, round $round"
}

/** One component. cold: whether its file was out of the system's cache; null where that cannot be told. */
@Serializable
data class Load(
    val component: Component,
    val cold: Boolean?,
    val firstLoadMs: Double,
    val firstRunMs: Double,
    val warmLoadMs: Double? = null,
)

/** How the runs of a series follow each other. */
@Serializable
enum class Mode {
    @SerialName("steady") STEADY,
    @SerialName("camera") CAMERA,
    @SerialName("sustained") SUSTAINED,
}

/** Runs of one component. startedMs: when each began, since the first. periodMs: of Mode.CAMERA. */
@Serializable
data class Series(
    val component: Component,
    val mode: Mode,
    val warmupRuns: Int,
    val periodMs: Double? = null,
    val startedMs: List<Double>,
    val samplesMs: List<Double>,
)

/** What the bytes of a process are: never compared with each other. */
@Serializable
enum class MemoryKind {
    @SerialName("rss") RSS,
    @SerialName("pss") PSS,
    @SerialName("phys_footprint") PHYS_FOOTPRINT,
    @SerialName("cuda") CUDA,
}

/** Of the process. bareBytes: no artifact loaded. loadedBytes: after one run of all components. peakBytes: the most. */
@Serializable
data class Memory(
    val kind: MemoryKind,
    val bareBytes: Long,
    val loadedBytes: Long?,
    val peakBytes: Long?,
    val arenaBytes: Long?,
)

/** What the files of a target and precision weigh. downloadBytes: deflated, file by file. */
@Serializable
data class Artifacts(
    val target: Target,
    val precision: Precision,
    val parametersBytes: Long,
    val fileBytes: Long,
    val downloadBytes: Long,
)
