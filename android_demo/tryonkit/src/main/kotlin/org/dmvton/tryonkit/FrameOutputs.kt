package org.dmvton.tryonkit

/**
 * What composition needs of a frame: float32 NCHW, batch 1, all of one height and width.
 *
 * flow: 2 channels, a sampling grid in the garment's canvas, x first. composition: 1 channel, in [0, 1], how much of
 * the garment shows. rendered: 3 channels, R, G, B in [0, 1], what the generator painted. person: 3 channels, the
 * network's input.
 *
 * Throws TryOnException where shapes do not fit together, and where a network gave no numbers.
 */
class FrameOutputs(val flow: Tensor, val composition: Tensor, val rendered: Tensor, val person: Tensor) {
    internal val size: Size

    init {
        if (flow.shape.size != 4 || flow.shape[2] < 2 || flow.shape[3] < 2) {
            throw TryOnException("flow must be [1, 2, H, W] of two pixels or more, it is ${flow.shape}.")
        }
        size = Size(flow.shape[2], flow.shape[3])
        require("flow", flow, 2)
        require("composition", composition, 1)
        require("rendered", rendered, 3)
        require("person", person, 3)
    }

    private fun require(name: String, tensor: Tensor, channels: Int) {
        val shape = listOf(1, channels, size.height, size.width)
        if (tensor.shape != shape) throw TryOnException("$name must be $shape, it is ${tensor.shape}.")
        if (!tensor.isFinite) {
            throw TryOnException("$name holds NaN or infinity: the network gave no numbers for this picture.")
        }
    }
}
