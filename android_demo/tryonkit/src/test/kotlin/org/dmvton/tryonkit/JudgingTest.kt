package org.dmvton.tryonkit

import kotlin.math.abs
import kotlinx.serialization.json.JsonArray
import kotlinx.serialization.json.JsonElement
import kotlinx.serialization.json.JsonObject
import kotlinx.serialization.json.JsonPrimitive
import kotlinx.serialization.json.doubleOrNull
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class JudgingTest {
    @Test
    fun replays() {
        for (case in Vectors.cases.replays) {
            val reference = Vectors.floats("replay.${case.name}.reference")
            val candidate = Vectors.floats("replay.${case.name}.candidate")
            fun compared() = compare("tryon", case.kind, reference, candidate, case.boundDb)
            if (!case.passes && case.psnrDb == null) {
                assertRefused("${case.name}: nothing can be compared") { compared() }
                continue
            }
            val figure = compared()
            assertEquals(case.name, case.passes, figure.holds)
            assertNear(case.name, case.psnrDb, figure.psnrDb, within = 1e-6)
        }
    }

    @Test
    fun statistics() {
        for (case in Vectors.cases.statistics) {
            val summary = summarise(case.samplesMs)
            val name = "${case.samples} samples"
            assertEquals(name, case.samples, summary.samples)
            assertNear(name, case.leastMs, summary.leastMs)
            assertNear(name, case.medianMs, summary.medianMs)
            assertNear(name, case.p90Ms, summary.p90Ms)
            assertNear(name, case.p99Ms, summary.p99Ms)
            assertNear(name, case.mostMs, summary.mostMs)
            assertNear(name, case.spread, summary.spread)
            assertNear(name, case.drift, summary.drift)
        }
    }

    private fun assertNear(name: String, expected: Double?, found: Double?, within: Double = 1e-9) {
        assertEquals(name, expected == null, found == null)
        if (expected != null && found != null) {
            assertTrue("$name: $found, not $expected", abs(expected - found) <= within)
        }
    }

    @Test
    fun verdicts() {
        val suite = AppJob.read(Vectors.bytes("job.json")).suite
        for (case in Vectors.cases.verdicts) {
            val verdict = judge(suite, case.device, case.artifacts, case.runs)
            assertEquals(case.name, case.validity, verdict.validity)
            assertEquals(case.name, case.passed, verdict.passed)
            assertEquals(case.name, case.held, verdict.checks.map { it.held })
            assertEquals(case.name, case.validity == Verdict.Validity.VALID, verdict.reasons.isEmpty())
        }
    }

    @Test
    fun `reasons come worst first and are short`() {
        val job = AppJob.read(Vectors.bytes("job.json"))
        val run = Run(Target.TFLITE, Precision.FP16, threads = 2, round = 1, failure = "x\n\u00a0\u2028\u200b\uD83D\uDC55".repeat(300))
        val verdict = judge(job.suite, record().device, emptyList(), listOf(run))
        assertEquals(Verdict.Validity.INVALID, verdict.validity)
        assertTrue(verdict.reasons.first().let { "x      x" in it && it.length <= 1000 })
        assertTrue("is not known" in verdict.reasons.last())
    }

    @Test
    fun patterns() {
        for ((text, pattern, holds) in listOf(
            Triple("Pixel 8", "Pixel 8", true), Triple("Pixel 8 Pro", "*Pixel 8*", true),
            Triple("pixel 8", "*Pixel*", false), Triple("SM-S911", "SM-S9[0-5]?", true),
            Triple("SM-S961", "SM-S9[0-5]?", false), Triple("a", "[!a]", false), Triple("b", "[!a]", true),
            Triple("[x", "[x", true), Triple("]", "[]]", true), Triple("[!]", "[!]", true), Triple("", "*", true),
            Triple("", "?", false), Triple("ab", "a", false), Triple("b", "[c-a]", false),
        )) {
            assertEquals("$text, $pattern", holds, matches(text, pattern))
        }
    }

    @Test
    fun `a record comes back as it was`() {
        assertEquals(meaning(parse(Vectors.bytes("record.json"))), meaning(parse(record().json())))
    }

    @Test
    fun `a job comes back as it was`() {
        val job = Vectors.bytes("job.json")
        assertEquals(meaning(parse(job)), meaning(parse(AppJob.read(job).json())))
    }

    /** The same keys, nulls among them, the same values: 1e-4 is 0.0001. */
    private fun meaning(json: JsonElement): Any? = when (json) {
        is JsonObject -> json.mapValues { meaning(it.value) }
        is JsonArray -> json.map(::meaning)
        is JsonPrimitive -> if (json.isString) json.content else json.doubleOrNull ?: json.toString()
    }

    private fun record() = BenchmarkRecord.read(Vectors.bytes("record.json"))

    @Test
    fun `a job of another version or place is refused`() {
        val text = Vectors.bytes("job.json").decodeToString()
        for ((old, new) in listOf(
            "\"schema_version\": 1" to "\"schema_version\": 2", "\"schema_version\": 1" to "\"schema_version\": \"1\"",
            "\"bundle.dmvton\"" to "\"../bundle\"", "\"bundle.dmvton\"" to "\"a/bundle\"",
            "\"min_runs\"" to "\"min_run\"", "\"tflite\"" to "\"unknown\"", "{" to "[",
        )) {
            val changed = text.replace(old, new)
            assertNotEquals(text, changed)
            assertRefused(new) { AppJob.read(changed.encodeToByteArray()) }
        }
    }
}
