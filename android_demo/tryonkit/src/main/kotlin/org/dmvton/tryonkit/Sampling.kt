package org.dmvton.tryonkit

import kotlin.math.floor

/** Where a bilinear sample lies along one axis: between two pixels, and how far from the first to the second. */
internal class Between(fraction: Float, count: Int) {
    val below: Int
    val above: Int
    val share: Float

    // At a fraction of count pixels; beyond the outermost centres, those repeat
    init {
        val place = (fraction * count - 0.5f).coerceIn(0f, (count - 1).toFloat())
        below = place.toInt()
        above = minOf(below + 1, count - 1)
        share = place - below
    }
}

internal fun between(first: Float, second: Float, share: Float): Float = first + (second - first) * share

/**
 * Into `into`: a bilinear sample of maps [height, width, into.size] at pixel (x, y), where everything outside the
 * picture is 0; of a position that is no number, too.
 */
internal fun sampleInZeros(maps: FloatArray, size: Size, x: Float, y: Float, into: FloatArray) {
    into.fill(0f)
    if (!(x > -1 && y > -1 && x < size.width && y < size.height)) return
    val left = floor(x)
    val top = floor(y)
    val across = x - left
    val down = y - top
    for (corner in 0 until 4) {
        val column = left.toInt() + corner % 2
        val row = top.toInt() + corner / 2
        if (column < 0 || row < 0 || column >= size.width || row >= size.height) continue
        val weight = (if (corner % 2 == 0) 1 - across else across) * (if (corner / 2 == 0) 1 - down else down)
        val place = (row * size.width + column) * into.size
        for (channel in into.indices) into[channel] += maps[place + channel] * weight
    }
}
