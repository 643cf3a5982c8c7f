package org.dmvton.tryonkit

import java.io.File
import org.junit.Assert.assertEquals
import org.junit.Assert.assertNotEquals
import org.junit.Test

class CompositeTest {
    private val held = CompositeCase("small_garment")

    @Test
    fun composites() {
        for (case in Vectors.cases.composites) {
            val asked = CompositeCase(case.name)
            assertAgrees(case.name, asked.answer, asked.composited(case.alignCorners), asked.photo)
        }
    }

    /** DMVTON_SCENE: a folder with what the default network made of the example photo; the picture is left there. */
    @Test
    fun `the scene`() {
        val folder = File(System.getenv("DMVTON_SCENE") ?: return)
        val scene = CompositeCase("scene", Safetensors(File(folder, "scene.safetensors").readBytes()))
        val made = scene.composited(alignCorners = true)
        assertAgrees("scene", scene.answer, made, scene.photo)
        File(folder, "android.rgb").writeBytes(made.bytes)
    }

    @Test
    fun `a network that gives no numbers is refused`() {
        val flow = Tensor(held.outputs.flow.shape, held.outputs.flow.values.copyOf().also { it[7] = Float.NaN })
        assertRefused { FrameOutputs(flow, held.outputs.composition, held.outputs.rendered, held.outputs.person) }
    }

    @Test
    fun `outputs that do not fit together are refused`() {
        val outputs = held.outputs
        assertRefused { FrameOutputs(outputs.flow, outputs.rendered, outputs.rendered, outputs.person) }
        val beyond = Window(1, 0, held.photo.width, held.photo.height)
        assertRefused { composite(held.photo, beyond, held.garment, outputs, alignCorners = true) }
    }

    @Test
    fun `a network that has gone astray shows no garment, and the app lives on`() {
        val rgb = held.garment.rgb
        val other = ByteArray(rgb.bytes.size) { (255 - rgb.bytes.sample(it)).toByte() }
        val inverted = Pixels(rgb.height, rgb.width, 3, other)
        for (far in listOf(Float.MAX_VALUE, -Float.MAX_VALUE, 1e9f, -1e9f)) {
            val flow = held.outputs.flow.let { Tensor(it.shape, FloatArray(it.values.size) { far }) }
            val astray = FrameOutputs(flow, held.outputs.composition, held.outputs.rendered, held.outputs.person)
            val (made, inverse) = listOf(rgb, inverted).map {
                held.composited(alignCorners = false, astray, GarmentPicture(it, held.garment.mask))
            }
            assertEquals("$far", made, inverse)
            assertNotEquals("$far", held.answer, made)
        }
    }
}
