package org.dmvton.tryonkit

import org.junit.Assert.assertEquals
import org.junit.Test

class PictureTest {
    @Test
    fun `windows and canvases`() {
        for (case in Vectors.cases.windows) {
            val size = Size(case.height, case.width)
            assertEquals("$size", window(case.person), Window.person(size))
            assertEquals("$size", window(case.garment), Window.garmentCanvas(size))
        }
    }

    @Test
    fun `network inputs, bit by bit`() {
        for (case in Vectors.cases.resizes) {
            val pixels = Vectors.pixels("resize.${case.name}.pixels")
            val answer = Vectors.pixels("resize.${case.name}.answer")
            val size = Size(case.size[0], case.size[1])
            val input = pixels.networkInput(window(case.window), size)
            val plane = size.height * size.width
            val channels = pixels.channels
            val bytes = answer.bytes
            val expected = FloatArray(bytes.size) { bytes.sample(it % plane * channels + it / plane) / 255f }
            assertEquals(case.name, Tensor(listOf(1, channels, size.height, size.width), expected), input)
        }
    }

    @Test
    fun `camera frames, bit by bit`() {
        for (case in Vectors.cases.cameras) {
            val frame = if (case.kind == "bgra") {
                bgraToRgb(Vectors.arrays.bytes(case.name).second, case.rowStrides[0], case.height, case.width)
            } else {
                rgb(case)
            }
            assertEquals(case.name, Vectors.pixels("${case.name}.answer"), frame.upright(case.degrees, case.mirrored))
        }
    }

    @Test
    fun `a frame that is too short is refused`() {
        val yuv = Vectors.cases.cameras.first { it.kind == "yuv" }
        assertRefused { rgb(yuv, without = 10) }
        val bytes = ByteArray(4 * 5 * 3 - 1)
        assertRefused { bgraToRgb(bytes, rowBytes = 20, height = 3, width = 5) }
        assertRefused { bgraToRgb(bytes, rowBytes = 16, height = 3, width = 5) }
    }

    @Test
    fun `an angle that no sensor has is refused`() {
        assertRefused { Pixels(1, 2, 3, ByteArray(6)).upright(45, mirrored = false) }
    }

    @Test
    fun `a picture that is too small is refused`() {
        assertRefused { Pixels(31, 40, 1, ByteArray(31 * 40)).requireUsable() }
    }

    private fun window(sides: List<Int>) = Window(sides[0], sides[1], sides[2], sides[3])

    /** without: so many bytes at the end of each plane. */
    private fun rgb(case: Cases.OfCamera, without: Int = 0): Pixels {
        val (y, u, v) = listOf("y", "u", "v").mapIndexed { index, letter ->
            val data = Vectors.arrays.bytes("${case.name}.$letter").second
            Plane(data.copyOf(data.size - without), case.rowStrides[index], case.pixelStrides[index])
        }
        return yuvToRgb(y, u, v, case.height, case.width)
    }
}
