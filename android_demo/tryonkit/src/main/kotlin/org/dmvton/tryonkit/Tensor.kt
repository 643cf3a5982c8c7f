package org.dmvton.tryonkit

/** Float32 values, the last dimension first in memory. */
class Tensor(val shape: List<Int>, val values: FloatArray) {
    init {
        require(shape.fold(1L) { product, length -> product * length } == values.size.toLong()) {
            "${values.size} values for the shape $shape"
        }
    }

    internal val isFinite: Boolean get() = values.all { it.isFinite() }

    override fun equals(other: Any?): Boolean =
        other is Tensor && shape == other.shape && values.contentEquals(other.values)

    override fun hashCode(): Int = values.contentHashCode()
}

/** NCHW -> as the artifact holds it. Throws TryOnException for another shape than the contract's. */
internal fun TensorContract.held(tensor: Tensor): Tensor {
    if (tensor.shape != nchwShape) {
        throw TryOnException("$name is taken as $nchwShape (NCHW); this one is ${tensor.shape}.")
    }
    if (layout == Layout.NCHW) return tensor
    return exchanged(tensor, rows = nchwShape[1], columns = nchwShape[2] * nchwShape[3], shape)
}

/** As the artifact gave it -> NCHW. Throws TryOnException for another shape than the contract's. */
internal fun TensorContract.nchw(held: Tensor): Tensor {
    if (held.shape != shape) {
        throw TryOnException("$name is given as $shape by its contract; the artifact gave ${held.shape}.")
    }
    if (layout == Layout.NCHW) return held
    return exchanged(held, rows = shape[1] * shape[2], columns = shape[3], nchwShape)
}

/** Rows and columns of every item of the batch, exchanged. */
private fun exchanged(tensor: Tensor, rows: Int, columns: Int, shape: List<Int>): Tensor {
    val made = FloatArray(tensor.values.size)
    for (first in made.indices step rows * columns) {
        for (row in 0 until rows) {
            for (column in 0 until columns) {
                made[first + column * rows + row] = tensor.values[first + row * columns + column]
            }
        }
    }
    return Tensor(shape, made)
}
