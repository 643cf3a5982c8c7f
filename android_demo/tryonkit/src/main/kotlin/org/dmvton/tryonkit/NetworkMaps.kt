package org.dmvton.tryonkit

import kotlin.math.abs
import kotlin.math.sqrt

/** What the network says of one photo, and what follows from it: small maps that go up to the photo's size. */
internal class NetworkMaps(
    private val outputs: FrameOutputs,
    private val garment: GarmentPicture,
    private val window: Window,
    private val alignCorners: Boolean,
) {
    val size = outputs.size
    private val count = size.height * size.width

    /** [H, W, CHANNELS], by the constants below. */
    val pixels = FloatArray(count * CHANNELS)

    /** Garment pixels per photo pixel along one axis, where the garment shows: the median, so seams do not count. */
    val density: Double

    init {
        val x = FloatArray(count) { pixel(outputs.flow.values[it], size.width) }
        val y = FloatArray(count) { pixel(outputs.flow.values[count + it], size.height) }
        fill(x, y)
        density = density(
            FloatArray(count) { (x[it] + 0.5f) / size.width }, FloatArray(count) { (y[it] + 0.5f) / size.height },
        )
    }

    /** The pixel, of n, that a flow's value names. */
    private fun pixel(flow: Float, n: Int): Float =
        if (alignCorners) (flow + 1) / 2 * (n - 1) else ((flow + 1) * n - 1) / 2

    /** x, y: the pixels of the canvas that the flow names. */
    private fun fill(x: FloatArray, y: FloatArray) {
        val mask = garment.networkMask(size)
        val shown = outputs.composition.values
        val visible = FloatArray(count) { maxOf(1 - shown[it], SMALLEST_WEIGHT) }
        val agreement = agreement(outputs.rendered.values, outputs.person.values, visible, size)
        val covered = FloatArray(1)
        for (index in 0 until count) {
            val place = index * CHANNELS
            sampleInZeros(mask, size, x[index], y[index], covered)
            pixels[place + DISPLACED_X] = (x[index] + 0.5f) / size.width - (index % size.width + 0.5f) / size.width
            pixels[place + DISPLACED_Y] = (y[index] + 0.5f) / size.height - (index / size.width + 0.5f) / size.height
            pixels[place + SHOWN] = shown[index]
            pixels[place + COVERED] = covered[0]
            pixels[place + VISIBLE] = visible[index]
            pixels[place + AGREES] = agreement[index] * visible[index]
            for (channel in 0 until 3) {
                pixels[place + PAINTED + channel] = outputs.rendered.values[channel * count + index] * visible[index]
                pixels[place + BEFORE + channel] = outputs.person.values[channel * count + index] * visible[index]
            }
        }
    }

    /** x, y: fractions of the canvas. */
    private fun density(x: FloatArray, y: FloatArray): Double {
        val (height, width) = size
        fun byColumn(values: FloatArray, index: Int) = difference(values, index, index % width, width, step = 1)
        fun byRow(values: FloatArray, index: Int) = difference(values, index, index / width, height, step = width)
        val areas = FloatArray(count)
        var found = 0
        for (index in 0 until count) {
            if (outputs.composition.values[index] <= 0.5f) continue
            areas[found++] = abs(byColumn(x, index) * byRow(y, index) - byColumn(y, index) * byRow(x, index))
        }
        if (found == 0) return 1.0
        areas.sort(0, found)
        val area = areas[(found - 1) / 2].toDouble()
        val canvas = garment.canvas
        val across = canvas.width.toDouble() * size.width / window.width
        val down = canvas.height.toDouble() * size.height / window.height
        return sqrt(area * across * down)
    }

    /** Central, one-sided at the border; step: from one pixel to the next in memory. */
    private fun difference(values: FloatArray, index: Int, place: Int, length: Int, step: Int): Float {
        val before = if (place > 0) index - step else index
        val after = if (place < length - 1) index + step else index
        val change = values[after] - values[before]
        return if (after - before == 2 * step) change / 2 else change
    }

    companion object {
        const val SMALLEST_WEIGHT = 1e-3f // below it a weighted average has no valid neighbour

        // How far the garment's pixel is from here, in fractions of the canvas
        const val DISPLACED_X = 0
        const val DISPLACED_Y = 1

        // How much of the garment shows, and how much of it is there
        const val SHOWN = 2
        const val COVERED = 3

        // How much of the generator's picture shows; times that, its colour, the person's, and their agreement
        const val VISIBLE = 4
        const val AGREES = 5
        const val PAINTED = 6
        const val BEFORE = 9
        const val CHANNELS = 12
    }
}
