package org.dmvton.tryonkit

import org.junit.Assert.assertTrue
import org.junit.Test

class VectorsTest {
    @Test
    fun `every group has cases, else its test would pass`() {
        val cases = Vectors.cases
        val groups = mapOf(
            "windows" to cases.windows, "resizes" to cases.resizes, "cameras" to cases.cameras,
            "composites" to cases.composites, "replays" to cases.replays, "refusals" to cases.refusals, "zips" to cases.zips,
        )
        println("vectors: " + groups.map { (name, held) -> "$name ${held.size}" }.joinToString())
        for ((name, held) in groups) assertTrue(name, held.isNotEmpty())
    }
}
