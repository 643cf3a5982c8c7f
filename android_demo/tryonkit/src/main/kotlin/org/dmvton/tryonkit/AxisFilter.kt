package org.dmvton.tryonkit

import kotlin.math.abs

/**
 * How one axis of pixels is resampled to another number of them: an output sums `input[first[i] + k] *
 * weights[starts[i] + k]` for every k up to the next start. The weights of an output sum to 1.
 */
internal class AxisFilter private constructor(
    private val input: Int,
    private val first: IntArray,
    private val starts: IntArray,
    private val weights: DoubleArray,
) {
    private val output = first.size

    /** Bytes [outer, input, inner] -> [outer, output, inner], in fixed point of 22 bits, rounded to 8. */
    fun apply(bytes: ByteArray, outer: Int, inner: Int): ByteArray {
        val fixed = IntArray(weights.size) { (weights[it] * (1 shl 22) + 0.5).toInt() }
        val made = ByteArray(outer * output * inner)
        eachSample(outer, inner) { place, source, from, until ->
            var sum = 1 shl 21
            var at = source
            for (share in from until until) {
                sum += bytes.sample(at) * fixed[share]
                at += inner
            }
            made[place] = (sum shr 22).coerceIn(0, 255).toByte()
        }
        return made
    }

    /** Values [outer, input, inner] -> [outer, output, inner]. */
    fun apply(values: FloatArray, outer: Int, inner: Int): FloatArray {
        val shares = FloatArray(weights.size) { weights[it].toFloat() }
        val made = FloatArray(outer * output * inner)
        eachSample(outer, inner) { place, source, from, until ->
            var sum = 0f
            var at = source
            for (share in from until until) {
                sum += values[at] * shares[share]
                at += inner
            }
            made[place] = sum
        }
        return made
    }

    /** take: where a sample goes, where its first input lies, and its shares. */
    private inline fun eachSample(outer: Int, inner: Int, crossinline take: (Int, Int, Int, Int) -> Unit) {
        eachAtOnce(outer * output) { line ->
            val index = line % output
            val source = (line / output * input + first[index]) * inner
            for (offset in 0 until inner) {
                take(line * inner + offset, source + offset, starts[index], starts[index + 1])
            }
        }
    }

    companion object {
        /** Bilinear, stretched where it reduces. */
        fun triangle(input: Int, output: Int) = make(input, output, support = 1.0) { maxOf(0.0, 1 - abs(it)) }

        /** Catmull and Rom's cubic, stretched where it reduces. */
        fun cubic(input: Int, output: Int) = make(input, output, support = 2.0) { offset ->
            val t = abs(offset)
            when {
                t < 1 -> (1.5 * t - 2.5) * t * t + 1
                t < 2 -> ((-0.5 * t + 2.5) * t - 4) * t + 2
                else -> 0.0
            }
        }

        /** support: beyond this distance the kernel is 0. */
        private fun make(input: Int, output: Int, support: Double, kernel: (Double) -> Double): AxisFilter {
            val scale = input.toDouble() / output
            val stretch = maxOf(1.0, scale)
            val reach = support * stretch
            val first = IntArray(output) { maxOf(0, ((it + 0.5) * scale - reach + 0.5).toInt()) }
            val shares = List(output) { index ->
                val centre = (index + 0.5) * scale
                val last = minOf(input, (centre + reach + 0.5).toInt())
                val kernels = DoubleArray(last - first[index]) { kernel((first[index] + it - centre + 0.5) / stretch) }
                val sum = kernels.sum()
                kernels.map { it / sum }
            }
            val starts = shares.runningFold(0) { start, each -> start + each.size }
            return AxisFilter(input, first, starts.toIntArray(), shares.flatten().toDoubleArray())
        }
    }
}
