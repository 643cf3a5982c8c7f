package org.dmvton.tryonkit

import org.dmvton.tryonkit.NetworkMaps.Companion.AGREES
import org.dmvton.tryonkit.NetworkMaps.Companion.BEFORE
import org.dmvton.tryonkit.NetworkMaps.Companion.CHANNELS
import org.dmvton.tryonkit.NetworkMaps.Companion.COVERED
import org.dmvton.tryonkit.NetworkMaps.Companion.DISPLACED_X
import org.dmvton.tryonkit.NetworkMaps.Companion.DISPLACED_Y
import org.dmvton.tryonkit.NetworkMaps.Companion.PAINTED
import org.dmvton.tryonkit.NetworkMaps.Companion.SHOWN
import org.dmvton.tryonkit.NetworkMaps.Companion.SMALLEST_WEIGHT
import org.dmvton.tryonkit.NetworkMaps.Companion.VISIBLE

/**
 * The photo [H, W, 3] with the garment on, by the rule of `dmvton_mobile/imaging/composite.py`. Outside the window it is the
 * photo, bit by bit.
 *
 * window: what of the photo the network saw. Throws TryOnException where these do not fit together.
 */
fun composite(
    photo: Pixels,
    window: Window,
    garment: GarmentPicture,
    outputs: FrameOutputs,
    alignCorners: Boolean,
): Pixels {
    if (photo.channels != 3 || !window.isInside(photo.size)) {
        throw TryOnException("$window reaches outside the photo, which is ${photo.size}, or it is no RGB.")
    }
    val maps = NetworkMaps(outputs, garment, window, alignCorners)
    val blend = Blend(maps, garment, window, photo.width)
    val bytes = photo.bytes.copyOf()
    eachAtOnce(window.height) { row -> blend.paint(row, bytes) }
    return Pixels(photo.height, photo.width, 3, bytes)
}

private class Blend(
    private val maps: NetworkMaps,
    garment: GarmentPicture,
    private val window: Window,
    private val photoWidth: Int,
) {
    private val texture = GarmentTexture(garment, maps.density)
    private val centres = FloatArray(window.width) { (it + 0.5f) / window.width }
    private val columns = centres.map { Between(it, maps.size.width) }

    // Fractions of the canvas -> pixels of the texture
    private val scaleX = garment.canvas.width.toFloat() / garment.rgb.width * texture.size.width
    private val scaleY = garment.canvas.height.toFloat() / garment.rgb.height * texture.size.height
    private val shiftX = garment.canvas.left.toFloat() / garment.rgb.width * texture.size.width - 0.5f
    private val shiftY = garment.canvas.top.toFloat() / garment.rgb.height * texture.size.height - 0.5f

    /** Puts the garment on one row of the window. */
    fun paint(row: Int, photo: ByteArray) {
        val centre = (row + 0.5f) / window.height
        val upsampled = upsampledRow(Between(centre, maps.size.height))
        val seen = FloatArray(CHANNELS)
        val sampled = FloatArray(4)
        var place = ((window.top + row) * photoWidth + window.left) * 3
        for (column in 0 until window.width) {
            val across = columns[column]
            for (channel in 0 until CHANNELS) {
                val left = upsampled[across.below * CHANNELS + channel]
                seen[channel] = between(left, upsampled[across.above * CHANNELS + channel], across.share)
            }
            val x = (centres[column] + seen[DISPLACED_X]) * scaleX + shiftX
            val y = (centre + seen[DISPLACED_Y]) * scaleY + shiftY
            sampleInZeros(texture.pixels, texture.size, x, y, sampled)
            blend(seen, sampled, photo, place)
            place += 3
        }
    }

    /** The maps between two of their rows: [W, CHANNELS]. */
    private fun upsampledRow(down: Between): FloatArray {
        val length = maps.size.width * CHANNELS
        return FloatArray(length) {
            between(maps.pixels[down.below * length + it], maps.pixels[down.above * length + it], down.share)
        }
    }

    /** sampled: the garment's colour times its mask, and the mask. */
    private fun blend(seen: FloatArray, sampled: FloatArray, photo: ByteArray, place: Int) {
        val edge = sampled[3]
        val opacity = (seen[SHOWN] / maxOf(seen[COVERED], SMALLEST_WEIGHT)).coerceIn(0f, 1f)
        val weight = opacity * edge.coerceIn(0f, 1f)
        val visible = seen[VISIBLE]
        val detail = seen[AGREES] / visible
        for (channel in 0 until 3) {
            val before = photo.sample(place + channel) / 255f
            val base = (seen[PAINTED + channel] + (before * visible - seen[BEFORE + channel]) * detail) / visible
            val colour = sampled[channel] / maxOf(edge, SMALLEST_WEIGHT)
            photo[place + channel] = byte(between(base, colour, weight))
        }
    }
}

/** 0 to 255 of [0, 1], what lies outside cut off; 0 of what is no number. */
private fun byte(value: Float): Byte = Math.rint((value * 255).toDouble()).coerceIn(0.0, 255.0).toInt().toByte()
