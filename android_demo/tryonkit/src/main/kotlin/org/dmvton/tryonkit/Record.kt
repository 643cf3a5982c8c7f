package org.dmvton.tryonkit

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/**
 * What a benchmark leaves behind, as `benchmarks/record.py` has it: units are in the names, and what a probe could not
 * read is null. startedAt: ISO 8601, UTC.
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
    val verdict: Verdict,
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

    /** Steady frames. */
    val frame: Series?
        get() {
            val steady = series.filter { it.mode == Mode.STEADY }.associateBy { it.component }
            return steady[Component.TRYON] ?: steady[Component.WHOLE]
        }

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
) {
    val summary: Summary get() = summarise(samplesMs)
}

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
) {
    /** The most beyond the bare process. */
    val growthBytes: Long? get() = peakBytes?.let { maxOf(0, it - bareBytes) }
}

/** What the files of a target and precision weigh. downloadBytes: deflated, file by file. */
@Serializable
data class Artifacts(
    val target: Target,
    val precision: Precision,
    val parametersBytes: Long,
    val fileBytes: Long,
    val downloadBytes: Long,
)

/** passed: not invalid, and every check held. */
@Serializable
data class Verdict(val validity: Validity, val reasons: List<String>, val checks: List<Check>, val passed: Boolean) {
    /** Worst last. */
    @Serializable
    enum class Validity {
        @SerialName("valid") VALID,
        @SerialName("semi-valid") SEMI_VALID,
        @SerialName("invalid") INVALID,
    }

    /** held: null where it could not be told. */
    @Serializable
    data class Check(val what: String, val held: Boolean?)
}
