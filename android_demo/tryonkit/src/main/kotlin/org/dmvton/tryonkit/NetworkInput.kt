package org.dmvton.tryonkit

/** Resized by the triangle filter, horizontally, then vertically; an axis that keeps its length is left as it is. */
internal fun Pixels.resized(to: Size): Pixels {
    var made = bytes
    if (to.width != width) made = AxisFilter.triangle(width, to.width).apply(made, outer = height, inner = channels)
    if (to.height != height) {
        made = AxisFilter.triangle(height, to.height).apply(made, outer = 1, inner = to.width * channels)
    }
    return Pixels(to.height, to.width, channels, made)
}

/**
 * What the network is fed: the window alone, resized, in [0, 1], NCHW: [1, 3, h, w] of a picture, [1, 1, h, w] of a
 * mask.
 */
fun Pixels.networkInput(window: Window, size: Size): Tensor {
    val resized = window.cut(this).resized(size).bytes
    val plane = size.height * size.width
    val values = FloatArray(resized.size)
    for (channel in 0 until channels) {
        for (pixel in 0 until plane) {
            values[channel * plane + pixel] = resized.sample(pixel * channels + channel) / 255f
        }
    }
    return Tensor(listOf(1, channels, size.height, size.width), values)
}
