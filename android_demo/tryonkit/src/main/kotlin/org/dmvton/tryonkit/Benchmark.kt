package org.dmvton.tryonkit

import java.io.File
import java.io.OutputStream
import java.text.SimpleDateFormat
import java.util.Date
import java.util.Locale
import java.util.TimeZone
import java.util.zip.Deflater
import java.util.zip.DeflaterOutputStream
import org.dmvton.tryonkit.BenchmarkRecord.BundleIdentity
import org.dmvton.tryonkit.BenchmarkRecord.SuiteIdentity

/**
 * A whole suite on this device: a job and its bundle in, a record out.
 *
 * out: the folder of `record.json`, written anew after every run, in one step, and of the empty file `ended`, which
 * says that no more comes; those of an earlier time are removed. Throws TryOnException for a job that cannot be read,
 * BundleRefusal for a bundle that is not what was sealed; it has ended then.
 */
class Benchmark(
    jobFile: File,
    private val out: File,
    private val runtimes: List<Runtime>,
    private val clock: Clock,
    private val probes: Probes,
) {
    val job: AppJob
    private val bundle: TryOnBundle
    private val record = File(out, "record.json")
    private val ended = File(out, "ended")

    init {
        makeFolder(out)
        remove(record)
        remove(ended)
        try {
            if (!jobFile.isFile) throw TryOnException("There is no job at $jobFile. Let `dmvton bench` start this app.")
            job = AppJob.read(jobFile.readBytes())
            bundle = TryOnBundle.verify(File(jobFile.absoluteFile.parentFile, job.bundle))
        } catch (error: Exception) {
            ended.writeBytes(ByteArray(0))
            throw error
        }
    }

    /** Measures all of it. onStep: told what is measured. Throws only what the disk says. */
    fun run(onStep: (String) -> Unit = {}): BenchmarkRecord {
        val started = clock.seconds
        var made = emptyRecord()
        for (asked in asked()) {
            onStep(asked.title)
            coolDown()
            made = made.copy(seconds = clock.seconds - started, runs = made.runs + measured(asked))
            write(made)
        }
        if (made.runs.isEmpty()) write(made)
        ended.writeBytes(ByteArray(0))
        return made
    }

    /** In their order. */
    private fun asked(): List<Run> = (1..job.suite.rounds).flatMap { round ->
        job.suite.threads.flatMap { threads ->
            job.pairs.map { Run(it.target, it.precision, threads, round) }
        }
    }

    /** As long as the suite asks, then while the device holds itself back, for half of a run's time at most. */
    private fun coolDown() {
        clock.sleep(job.suite.cooldownSeconds)
        val latest = clock.seconds + job.suite.timeoutSeconds / 2
        while (probes.state().throttled == true && clock.seconds < latest) clock.sleep(LOOK_SECONDS)
    }

    private fun measured(asked: Run): Run {
        val runtime = runtimes.firstOrNull { it.target == asked.target }
            ?: return asked.copy(failure = "This app has no runtime for ${asked.target}.")
        return Measurement(job.suite, bundle, runtime, clock, probes).measured(asked)
    }

    private fun write(made: BenchmarkRecord) = replace(record) { it.write(made.json()) }

    private fun emptyRecord(): BenchmarkRecord {
        val manifest = bundle.manifest
        return BenchmarkRecord(
            startedAt = isoTime(clock.date),
            seconds = 0.0,
            suite = SuiteIdentity(job.suite.name, job.suiteSha256, job.suite.budget),
            bundle = BundleIdentity(job.bundleName, manifest.network, manifest.trained, manifest.digest),
            device = probes.device(job.device),
            agent = AGENT,
            versions = emptyMap(),
            artifacts = job.pairs.map(::weigh),
            runs = emptyList(),
        )
    }

    private fun weigh(pair: AppJob.Pair): Artifacts {
        val held = bundle.manifest.artifacts.filter { it.target == pair.target && it.precision == pair.precision }
        val paths = bundle.manifest.files.keys.filter { file -> held.any { "$file/".startsWith("${it.path}/") } }
        return Artifacts(
            target = pair.target,
            precision = pair.precision,
            parametersBytes = held.sumOf { it.footprint.weightBytes },
            fileBytes = held.sumOf { it.footprint.fileBytes },
            downloadBytes = paths.sumOf { deflatedBytes(File(bundle.folder, it)) },
        )
    }

    private companion object {
        const val AGENT = "tryonkit 1"
        const val LOOK_SECONDS = 5.0
    }
}

private fun isoTime(date: Date): String = SimpleDateFormat("yyyy-MM-dd'T'HH:mm:ss'Z'", Locale.ROOT)
    .apply { timeZone = TimeZone.getTimeZone("UTC") }
    .format(date)

/** At deflate's best. */
private fun deflatedBytes(file: File): Long {
    val deflater = Deflater(Deflater.BEST_COMPRESSION)
    try {
        DeflaterOutputStream(Discard, deflater).use { sink -> file.inputStream().use { it.copyTo(sink) } }
        return deflater.bytesWritten
    } finally {
        deflater.end()
    }
}

private object Discard : OutputStream() {
    override fun write(byte: Int) = Unit
    override fun write(bytes: ByteArray, start: Int, count: Int) = Unit
}
