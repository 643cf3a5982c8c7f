package org.dmvton.tryonkit

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertTrue
import org.junit.Rule
import org.junit.Test
import org.junit.rules.TemporaryFolder

class TryOnTest {
    @get:Rule
    val temporary = TemporaryFolder()
    private val held = TestBundle.recorded
    private lateinit var runtime: FakeRuntime

    @Test
    fun `from a photo to the composite, the network answering as it was recorded`() {
        val tryOn = opened()
        val garment = tryOn.prepare(held.garment.rgb, held.garment.mask)
        val loaded = runtime.loaded.toList()
        assertAgrees("the whole frame path", held.answer, tryOn.tryOn(held.photo, garment), held.photo)
        assertEquals("the network sees what Python's saw", held.outputs.person, runtime.inputs["person"])
        val mask = runtime.inputs.getValue("garment_mask").values.toList()
        assertEquals(mask, runtime.inputs.getValue("garment_picture").values.toList().takeLast(mask.size))
        assertEquals("a frame runs one artifact, and loads none", 1 to loaded, runtime.runs to runtime.loaded)
        tryOn.close()
        assertEquals(0, runtime.open)
    }

    @Test
    fun `a frame without numbers is refused`() {
        val tryOn = opened { it + ("flow" to it.getValue("flow").map { Float.NaN }) }
        val garment = tryOn.prepare(held.garment.rgb, held.garment.mask)
        assertTrue("flow" in assertRefused { tryOn.tryOn(held.photo, garment) })
    }

    @Test
    fun `a mask of another size is refused`() {
        val other = CompositeCase("large_garment").garment
        assertRefused { opened().prepare(held.garment.rgb, other.mask) }
    }

    @Test
    fun `the golden replay of what was recorded`() {
        val figures = opened().replay()
        assertEquals(listOf("tryon", "flow", "composition", "rendered"), figures.map { it.output })
        assertTrue(figures.all { it.psnrDb == null && it.boundDb == 50.0 })
    }

    @Test
    fun `the golden replay of something else names it`() {
        for (name in listOf("tryon", "flow", "composition", "rendered")) {
            val tryOn = opened { outputs -> outputs + (name to outputs.getValue(name).map { it + 0.05f }) }
            assertTrue(name, assertRefused { tryOn.replay() }.startsWith(name))
        }
    }

    @Test
    fun `a bundle without that precision is refused`() {
        opened()
        val bundle = TryOnBundle.verify(File(temporary.root, "b"))
        assertRefused { TryOn(bundle, FakeRuntime(FakeClock(), emptyMap()), Precision.INT8) }
        assertTrue("tryon_int8" in assertRefused { Golden.read(bundle, Precision.INT8) })
    }

    @Test
    fun `where the second artifact cannot be loaded the first is closed`() {
        opened().close()
        val bundle = TryOnBundle.verify(File(temporary.root, "b"))
        val fussy = object : Runtime by runtime {
            override fun load(artifact: File, contract: ComponentContract, threads: Int): Runner {
                if (contract.component == Component.TRYON) throw TryOnException("It cannot be loaded.")
                return runtime.load(artifact, contract, threads)
            }
        }
        assertRefused { TryOn(bundle, fussy, Precision.FP16) }
        assertEquals(0, runtime.open)
    }

    /** change: of what the network answers. */
    private fun opened(change: (Map<String, Tensor>) -> Map<String, Tensor> = { it }): TryOn {
        val folder = File(temporary.root, "b")
        TestBundle.write(folder)
        runtime = FakeRuntime(FakeClock(), change(TestBundle.recordedOutputs()))
        return TryOn(TryOnBundle.verify(folder), runtime, Precision.FP16)
    }

    private fun Tensor.map(change: (Float) -> Float) = Tensor(shape, FloatArray(values.size) { change(values[it]) })
}
