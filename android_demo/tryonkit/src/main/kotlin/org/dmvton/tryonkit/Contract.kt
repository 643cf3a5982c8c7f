package org.dmvton.tryonkit

import kotlinx.serialization.SerialName
import kotlinx.serialization.Serializable

/** The runtime that an artifact is for. */
@Serializable
enum class Target {
    @SerialName("coreml") COREML,
    @SerialName("tflite") TFLITE,
    @SerialName("executorch") EXECUTORCH,
    @SerialName("onnx") ONNX;

    override fun toString() = name.lowercase()
}

/** What the weights and the arithmetic are held in. */
@Serializable
enum class Precision {
    @SerialName("fp32") FP32,
    @SerialName("fp16") FP16,
    @SerialName("int8") INT8,
    @SerialName("w8") W8,
    @SerialName("palette6") PALETTE6;

    override fun toString() = name.lowercase()
}

/** The graphs that a network goes out as. */
@Serializable
enum class Component {
    /** Once per garment. */
    @SerialName("garment_encoder") GARMENT_ENCODER,

    /** Once per frame. */
    @SerialName("tryon") TRYON,

    /** Both in one. */
    @SerialName("whole") WHOLE;

    override fun toString() = name.lowercase()
}

/** How a network is cut. members: in the order that they run; the last is the frame's. */
@Serializable
enum class Components(val members: List<Component>) {
    @SerialName("split") SPLIT(listOf(Component.GARMENT_ENCODER, Component.TRYON)),
    @SerialName("whole") WHOLE(listOf(Component.WHOLE)),
}

/** What the numbers of a tensor mean. peak: the width of their range, for PSNR; null where a tensor has its own. */
@Serializable
enum class Kind(internal val peak: Double?) {
    /** Red, green, blue in [0, 1]. */
    @SerialName("rgb") RGB(1.0),

    /** Coverage in [0, 1]. */
    @SerialName("mask") MASK(1.0),

    /** A sampling grid, x then y. */
    @SerialName("flow") FLOW(2.0),

    /** What the garment encoder hands to the frame. */
    @SerialName("features") FEATURES(null),
}

@Serializable
enum class Layout {
    @SerialName("nchw") NCHW,
    @SerialName("nhwc") NHWC,
}

/** One float32 tensor of an artifact. shape: as the artifact holds it, in the order that layout names. */
@Serializable
data class TensorContract(val name: String, val kind: Kind, val layout: Layout, val shape: List<Int>) {
    val nchwShape: List<Int>
        get() = if (layout == Layout.NCHW) shape else listOf(shape[0], shape[3], shape[1], shape[2])
}

/** The tensors of one artifact, in the order that its runtime takes and gives them. */
@Serializable
data class ComponentContract(
    val component: Component,
    val inputs: List<TensorContract>,
    val outputs: List<TensorContract>,
)

/** Height and width in pixels. */
data class Size(val height: Int, val width: Int) {
    override fun toString() = "${width}x$height"
}
