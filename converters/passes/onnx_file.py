"""Passes on an .onnx file: debug information dropped, weights stored in fewer bits, activations unsigned. In place."""

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from converters.passes.weight_only_int8 import LEVELS, MIN_WEIGHTS

MIN_FP16_BYTES = 1024  # of a tensor; smaller ones stay float32: they weigh nothing, and some hold positions
BUT_OUTPUTS = {"Conv": (1, 2, 3), "ConvTranspose": (0, 2, 3)}  # the axes of a weight that are not its output channels


def strip_debug_info(model: onnx.ModelProto) -> None:
    """Drops stack traces, intermediate shapes and doc strings."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = model.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def store_weights_fp16(model: onnx.ModelProto) -> None:
    """Stores large float32 initializers as float16 behind a Cast, which runtimes fold when they load."""
    casts = []
    for initializer in model.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT or len(initializer.raw_data) < MIN_FP16_BYTES:
            continue
        name = initializer.name
        fp16 = numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16), f"{name}_half")
        initializer.CopyFrom(fp16)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    _prepend(model, casts)


def store_weights_int8(model: onnx.ModelProto) -> None:
    """Stores the weights of convolutions as int8 behind a Cast and a Mul by the scales of their channels.

    Runtimes fold these when they load. A DequantizeLinear would be computed again for every frame, and keep
    convolutions from their fastest layout.
    """
    convolutions = {node.input[1]: node.op_type for node in model.graph.node if node.op_type in BUT_OUTPUTS}
    scales = []
    restored = []
    for initializer in model.graph.initializer:
        name, weights = initializer.name, numpy_helper.to_array(initializer)
        if name not in convolutions or weights.size < MIN_WEIGHTS:
            continue
        largest = np.abs(weights).max(BUT_OUTPUTS[convolutions[name]], keepdims=True)
        scale = np.where(largest > 0, largest, 1) / np.float32(LEVELS)
        steps = np.rint(weights / scale).astype(np.int8)
        initializer.CopyFrom(numpy_helper.from_array(steps, f"{name}_int8"))
        scales.append(numpy_helper.from_array(scale, f"{name}_scale"))
        restored.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_steps"], to=TensorProto.FLOAT))
        restored.append(helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name]))
    model.graph.initializer.extend(scales)
    _prepend(model, restored)


def make_activations_unsigned(model: onnx.ModelProto) -> None:
    """Turns int8 activations into uint8, moved by 128: the same numbers.

    On x86-64 ONNX Runtime moves some of them by itself, and an operation whose input is int8 and whose output is uint8
    stays float32.
    """
    constants = {constant.name: constant for constant in model.graph.initializer}
    moved: dict[str, onnx.TensorProto] = {}
    for node in model.graph.node:
        if node.op_type in ("QuantizeLinear", "DequantizeLinear") and node.input[0] not in constants:
            zero_point = node.input[2]
            shifted = numpy_helper.to_array(constants[zero_point]).astype(np.int16) + 128
            node.input[2] = f"{zero_point}_unsigned"
            moved[node.input[2]] = numpy_helper.from_array(shifted.astype(np.uint8), node.input[2])
    read = {name for node in model.graph.node for name in node.input}
    kept = [constant for name, constant in constants.items() if name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend([*kept, *moved.values()])


def _prepend(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
