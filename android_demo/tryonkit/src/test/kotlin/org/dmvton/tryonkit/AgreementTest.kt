package org.dmvton.tryonkit

import kotlin.math.abs
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Test

class AgreementTest {
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

    private fun assertNear(name: String, expected: Double?, found: Double?, within: Double) {
        assertEquals(name, expected == null, found == null)
        if (expected != null && found != null) {
            assertTrue("$name: $found, not $expected", abs(expected - found) <= within)
        }
    }
}
