package org.dmvton.tryonkit

import java.util.concurrent.ConcurrentHashMap

/**
 * A garment's flat picture [h, w, 3], its mask [h, w], 255 garment, and the 3 : 4 canvas around it.
 *
 * Throws TryOnException where the mask has not the picture's size.
 */
class GarmentPicture(val rgb: Pixels, val mask: Pixels) {
    init {
        if (rgb.channels != 3 || mask.channels != 1 || mask.size != rgb.size) {
            throw TryOnException(
                "The garment's mask is ${mask.size} with ${mask.channels} channels, its picture ${rgb.size} with " +
                    "${rgb.channels}. Give a mask of the picture's own size.",
            )
        }
    }

    val canvas: Window = Window.garmentCanvas(rgb.size)

    private val networkMasks = ConcurrentHashMap<Size, FloatArray>()

    /** The mask as the network takes it, 1 above a half, else 0, [H, W]: the same for every frame. */
    internal fun networkMask(size: Size): FloatArray = networkMasks.getOrPut(size) {
        val input = mask.networkInput(canvas, size).values
        FloatArray(input.size) { if (input[it] > 0.5f) 1f else 0f }
    }

    /**
     * R, G, B times the mask, and the mask, in [0, 1], [h, w, 4]. Multiplied before any filter: what lies beside the
     * garment never colours its edge.
     */
    internal val premultiplied: FloatArray by lazy {
        FloatArray(4 * mask.bytes.size) { place ->
            val pixel = place / 4
            val coverage = mask.bytes.sample(pixel) / 255f
            if (place % 4 == 3) coverage else rgb.bytes.sample(3 * pixel + place % 4) / 255f * coverage
        }
    }
}

/** The garment times its mask, and the mask, [size, 4], no finer than the photo samples it. */
internal class GarmentTexture(garment: GarmentPicture, density: Double) {
    val size: Size
    val pixels: FloatArray

    init {
        // density: garment pixels per photo pixel along one axis
        fun reduced(length: Int) = maxOf(1, Math.rint(length / maxOf(density, 1.0)).toInt())
        val picture = garment.rgb.size
        size = Size(reduced(picture.height), reduced(picture.width))
        pixels = if (size == picture) garment.premultiplied else {
            val narrowed = AxisFilter.cubic(picture.width, size.width)
                .apply(garment.premultiplied, outer = picture.height, inner = 4)
            AxisFilter.cubic(picture.height, size.height).apply(narrowed, outer = 1, inner = 4 * size.width)
        }
    }
}
