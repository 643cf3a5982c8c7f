package org.dmvton.tryonkit

import kotlin.math.abs

// The mean change of 3x3 network pixels up to which the photo's detail is the person's, and from which it is not.
private const val AGREES_BELOW = 10f / 255
private const val DISAGREES_ABOVE = 40f / 255

/**
 * Where the generator left the person as it was: 1 there, 0 where it did not, [H, W].
 *
 * rendered, person: [3, H, W] in [0, 1]; visible: [H, W], how much of rendered shows: what the garment covers has no
 * say. The largest change of 3x3 pixels counts: the outline of what went away would stay as a ghost.
 */
internal fun agreement(rendered: FloatArray, person: FloatArray, visible: FloatArray, size: Size): FloatArray {
    val count = size.height * size.width
    val weights = FloatArray(count) { index -> around(index, size) { sum, near -> sum + visible[near] } }
    val change = FloatArray(count)
    for (channel in 0 until 3) {
        val plane = channel * count
        val difference = FloatArray(count) { (rendered[plane + it] - person[plane + it]) * visible[it] }
        for (index in 0 until count) {
            val mean = around(index, size) { sum, near -> sum + difference[near] } / weights[index]
            change[index] = maxOf(change[index], abs(mean) * visible[index])
        }
    }
    return FloatArray(count) { index ->
        val largest = around(index, size) { most, near -> maxOf(most, change[near]) }
        ((DISAGREES_ABOVE - largest) / (DISAGREES_ABOVE - AGREES_BELOW)).coerceIn(0f, 1f)
    }
}

/** Of the up to 3x3 pixels around one, folded from 0 on. */
private inline fun around(index: Int, size: Size, fold: (Float, Int) -> Float): Float {
    val row = index / size.width
    val column = index % size.width
    var found = 0f
    for (y in maxOf(row - 1, 0)..minOf(row + 1, size.height - 1)) {
        for (x in maxOf(column - 1, 0)..minOf(column + 1, size.width - 1)) {
            found = fold(found, y * size.width + x)
        }
    }
    return found
}
