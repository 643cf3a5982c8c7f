"""int8: which layers of a network are quantized, their ranges, and the graphs that every exporter takes.

    quantized = prepare(network, Quantization(size=(256, 192)))   # fake quantization, still float32, trainable
    calibrate(quantized, samples)                                 # ranges of activations
    ...                                                           # training, where it is wanted
    integers = converted(quantized)                               # int8 weights between quantize and dequantize

torchao's PT2E with XNNPACK's quantizer does the work, on the convolutional modules of a network; flow heads, matching,
warps and composition stay float32.
"""

from dmvton_mobile.networks.config import Calibration, Quantization
from dmvton_mobile.quantization.calibrate import calibrate, checked_digest, follow_weights
from dmvton_mobile.quantization.layers import FloatLayer, float_layers, quantizable_layers
from dmvton_mobile.quantization.prepare import converted, prepare
from dmvton_mobile.quantization.rounding import layer_roundings, rounding_only
from dmvton_mobile.quantization.state import load_quantized_state, quantized_state

__all__ = [
    "Calibration",
    "FloatLayer",
    "Quantization",
    "calibrate",
    "checked_digest",
    "converted",
    "float_layers",
    "follow_weights",
    "layer_roundings",
    "load_quantized_state",
    "prepare",
    "quantizable_layers",
    "quantized_state",
    "rounding_only",
]
