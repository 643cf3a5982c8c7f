package org.dmvton.tryonkit

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertFalse
import org.junit.Assert.assertNull
import org.junit.Assert.assertTrue
import org.junit.Before
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

/** A folder with a job and a bundle, as the host makes it, and a phone that is none. */
class BenchmarkTest {
    @get:Rule
    val temporary = TemporaryFolder()
    private val clock = FakeClock()
    private val probes = FakeProbes()
    private val runtime = FakeRuntime(clock, TestBundle.recordedOutputs())
    private lateinit var given: File
    private lateinit var out: File

    @Before
    fun stage() {
        given = File(temporary.root, "given")
        out = File(temporary.root, "files/out")
        TestBundle.write(File(given, "bundle.dmvton"))
        File(given, "job.json").writeText(JOB)
    }

    private fun benchmark(runtime: Runtime = this.runtime) =
        Benchmark(File(given, "job.json"), out, listOf(runtime), clock, probes)

    private fun written() = BenchmarkRecord.read(File(out, "record.json").readBytes())

    private fun changeJob(old: String, new: String) {
        check(old in JOB)
        File(given, "job.json").writeText(JOB.replace(old, new))
    }

    @Test
    fun `a whole suite`() {
        val steps = mutableListOf<String>()
        val record = benchmark().run { steps += it }
        assertEquals(listOf(1 to 1, 1 to 2, 2 to 1, 2 to 2), record.runs.map { it.round to it.threads })
        assertEquals(record.runs.map { it.title }, steps)
        assertEquals("a cooldown before every run", 4, clock.slept.count { it == 7.0 })
        assertEquals(listOf(null, null, null, null), record.runs.map { it.failure })
        assertEquals("each loads anew, cold and warm", 16, runtime.loaded.size)
        assertEquals("and closes what it loaded", 0, runtime.open)
        val artifacts = record.artifacts.single()
        assertEquals(400L to 600L, artifacts.parametersBytes to artifacts.fileBytes)
        assertTrue(artifacts.downloadBytes > 0)
        assertEquals("adb:PHONE" to "test.dmvton", record.device.name to record.bundle.name)
        assertEquals("2026-11-25T12:00:00Z", record.startedAt)

        assertEquals(setOf("ended", "record.json"), out.names())
        assertEquals(record, written())
        leave(File(out, "record.json"))
    }

    /** For Python, which holds it against the record's schema. */
    private fun leave(record: File) {
        System.getenv("DMVTON_RECORD")?.let { record.copyTo(File(it, "record.json"), overwrite = true) }
    }

    @Test
    fun `the series of a run`() {
        val run = benchmark().run().runs[0]
        val (garment, frame, camera, sustained) = run.series
        assertEquals(Component.GARMENT_ENCODER, garment.component)
        assertEquals(setOf(Component.TRYON), run.series.drop(1).map { it.component }.toSet())
        assertEquals(listOf(Mode.STEADY, Mode.STEADY, Mode.CAMERA, Mode.SUSTAINED), run.series.map { it.mode })
        assertEquals(listOf(3, 3, 0, 0), run.series.map { it.warmupRuns })
        assertEquals("after its load and the warm-up", 4 * (1 + 3 + 13 + 6 + 6), runtime.runs)
        assertEquals("the least count, which takes longer than the least time", 4, garment.samplesMs.size)
        assertEquals("the least time, which has more runs than the least count", 13, frame.samplesMs.size)
        assertEquals("the last begins with the last moment", 6, camera.samplesMs.size)
        assertEquals(40.0, camera.periodMs!!, 0.0)
        camera.startedMs.forEachIndexed { number, started -> assertEquals(40.0 * number, started, 1e-6) }
        assertEquals(6, sustained.samplesMs.size)
        run.series.flatMap { it.samplesMs }.forEach { assertEquals(10.0, it, 1e-6) }
        for (load in run.loads) {
            assertEquals(50.0, load.firstLoadMs, 1e-6)
            assertEquals(10.0, load.firstRunMs, 1e-6)
            assertEquals(50.0, load.warmLoadMs!!, 1e-6)
            assertNull("an app cannot tell", load.cold)
        }
        assertEquals(4 to mapOf("fake" to "1"), run.parity?.size to run.versions)
        assertEquals(80.0 to true, run.before?.batteryPercent to run.after?.foreground)
    }

    @Test
    fun `a frame that is slower than the camera waits for nothing`() {
        runtime.frameSeconds = 0.060
        val camera = benchmark().run().runs[0].series.first { it.mode == Mode.CAMERA }
        camera.startedMs.forEachIndexed { number, started -> assertEquals(60.0 * number, started, 1e-6) }
    }

    @Test
    fun `a device that holds itself back is waited for`() {
        probes.throttled.clear()
        probes.throttled += listOf(true, true, true, false)
        val record = benchmark().run()
        assertEquals("three looks", 3, clock.slept.count { it == 5.0 })
        assertTrue(record.runs.all { it.before?.throttled == false })
    }

    @Test
    fun `a device that does not cool down is measured, and the record says so`() {
        probes.throttled[0] = true
        val record = benchmark().run()
        assertEquals("half of a run's time for each run", 4 * 6, clock.slept.count { it == 5.0 })
        assertTrue(record.runs.all { it.failure == null && it.before?.throttled == true })
    }

    @Test
    fun `memory is the most that was seen`() {
        val memory = benchmark().run().runs[0].memory!!
        assertEquals(MemoryKind.PSS, memory.kind)
        val seen = listOf(memory.bareBytes, memory.loadedBytes, memory.peakBytes)
        assertEquals(listOf(40_000_000L, 55_000_000L, 60_000_000L), seen)
    }

    @Test
    fun `memory that nobody tells is null`() {
        probes.memory.clear()
        probes.memory += null
        val record = benchmark().run()
        assertNull(record.runs[0].memory)
    }

    @Test
    fun `the record is written after every run`() {
        val runs = mutableListOf<Int>()
        benchmark().run {
            runs += if (File(out, "record.json").exists()) written().runs.size else 0
            assertFalse(File(out, "ended").exists())
        }
        assertEquals(listOf(0, 1, 2, 3), runs)
    }

    @Test
    fun `an artifact that breaks is in the record, and the next is measured`() {
        runtime.breaksAfter = 6
        val record = benchmark().run { if (it.endsWith("2 threads, round 1")) runtime.breaksAfter = null }
        val run = record.runs[0]
        assertEquals("java.lang.IllegalStateException: The fake broke, as it was asked to.", run.failure)
        assertEquals("what was measured by then", listOf(Component.GARMENT_ENCODER), run.series.map { it.component })
        assertEquals(null to null, run.parity to run.after)
        assertNull(record.runs[1].failure)
        assertEquals("what broke is closed too", 0, runtime.open)
    }

    @Test
    fun `an artifact that computes something else fails`() {
        val outputs = TestBundle.recordedOutputs()
        val composition = outputs.getValue("composition")
        val other = Tensor(composition.shape, FloatArray(composition.values.size) { 1 - composition.values[it] })
        val record = benchmark(FakeRuntime(clock, outputs + ("composition" to other))).run()
        assertTrue(record.runs.all { it.failure!!.startsWith("composition differs") && it.parity == null })
    }

    @Test
    fun `what the app cannot run is a failure`() {
        changeJob("\"tflite\", \"precision\"", "\"onnx\", \"precision\"")
        val record = benchmark().run()
        assertEquals(4, record.runs.size)
        assertTrue(record.runs.all { "no runtime for onnx" in it.failure!! })
    }

    @Test
    fun `nothing asked for is a record too`() {
        changeJob("""[{"target": "tflite", "precision": "fp16"}]""", "[]")
        assertEquals(emptyList<Run>(), benchmark().run().runs)
        assertEquals(emptyList<Run>(), written().runs)
    }

    @Test
    fun `what is left of an earlier time goes`() {
        for (name in listOf("record.json", "ended")) File(out, name).writeMaking("old".encodeToByteArray())
        benchmark()
        assertEquals(emptySet<String>(), out.names())
    }

    @Test
    fun `a spoilt bundle ends it`() {
        File(given, "bundle.dmvton/${TestBundle.artifacts[0]}").writeText("x")
        assertRefused(BundleRefusal.Kind.CHANGED) { benchmark() }
        assertEquals(setOf("ended"), out.names())
    }

    @Test
    fun `a spoilt job ends it, and one that is not there`() {
        File(given, "job.json").writeText(JOB.dropLast(5))
        assertRefused { benchmark() }
        File(given, "job.json").delete()
        assertRefused { benchmark() }
        assertEquals(setOf("ended"), out.names())
    }

    private companion object {
        /** Two numbers of threads, two rounds; every series there is. */
        val JOB = """
            {"schema_version": 1, "suite_sha256": "${"5".repeat(64)}", "bundle": "bundle.dmvton",
             "bundle_name": "test.dmvton", "device": "adb:PHONE", "pairs": [{"target": "tflite", "precision": "fp16"}],
             "suite": {"name": "phones", "description": "For tests.", "targets": null, "precisions": null,
              "recommended": false, "threads": [1, 2], "rounds": 2, "warmup_runs": 3,
              "garment": {"min_runs": 4, "min_seconds": 0}, "frame": {"min_runs": 8, "min_seconds": 0.125},
              "camera": {"period_ms": 40, "seconds": 0.2}, "sustained": {"seconds": 0.055}, "cooldown_seconds": 7,
              "operations": false, "timeout_seconds": 60, "bands": [],
              "conditions": {"max_spread": 0.3, "max_drift": 0.15, "max_load": null, "max_temperature_celsius": 40,
               "min_battery_percent": 30, "governors": null},
              "budget": {"parameters_bytes": 500, "file_bytes": null, "download_bytes": null, "arena_bytes": 1,
               "growth_bytes": 37000000}}}
        """.trimIndent()
    }
}
