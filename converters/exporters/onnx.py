"""ONNX: opset 20, simplified, checked; the same bytes for the same network."""

from pathlib import Path

import numpy as np
import onnx
import onnxsim
import torch
from onnx import TensorProto, helper, numpy_helper

from converters.exporters import weight_only_int8 as weights8
from converters.exporters.exported import Exported, itemise
from converters.passes.graph import export_program
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision

OPSET = 20  # the first with GridSample as ONNX Runtime and the phone providers implement it
SMALL = 1024  # bytes; smaller tensors stay float32, they weigh nothing and some hold positions
BUT_OUTPUTS = {"Conv": (1, 2, 3), "ConvTranspose": (0, 2, 3)}  # the axes of a weight that are not its output channels
KEPT_FLOAT32 = {
    Precision.FP16: ("arithmetic: ONNX Runtime's CPU provider computes convolutions in float32",),
    Precision.W8: weights8.KEPT_FLOAT32,
}


def export_onnx(example: ComponentExample, path: Path, precision: Precision) -> Exported:
    """Writes the component as an .onnx file.

    fp16 halves the stored weights, w8 holds them in int8; arithmetic stays float32, because ONNX Runtime's CPU provider
    has no half-precision convolution, nor one of integer weights alone.
    """
    program = export_program(example.graph, example.inputs)
    exported = torch.onnx.export(
        program,
        input_names=example.contract.input_names,
        output_names=example.contract.output_names,
        opset_version=OPSET,
        dynamo=True,
        verbose=False,
    )
    assert exported is not None  # it is None only when written to a file at once
    model, equal = onnxsim.simplify(exported.model_proto)
    if not equal:
        raise DmvtonError(
            f"onnxsim changed what {example.contract.component} computes; report this with the network's name."
        )
    strip(model)
    if precision is Precision.FP16:
        _halve_weights(model)
    if precision is Precision.W8:
        _quantize_weights(model)
    if precision is Precision.INT8:
        make_activations_unsigned(model)
    model.metadata_props.extend(
        onnx.StringStringEntryProto(key=tensor.name, value=tensor.description)
        for tensor in (*example.contract.inputs, *example.contract.outputs)
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    return Exported(itemise(path, program, precision), KEPT_FLOAT32.get(precision, ()))


def strip(model: onnx.ModelProto) -> None:
    """Drops what only a debugger reads: stack traces, intermediate shapes, doc strings."""
    del model.metadata_props[:]
    del model.graph.metadata_props[:]
    del model.graph.value_info[:]
    model.graph.doc_string = model.doc_string = ""
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""


def _halve_weights(model: onnx.ModelProto) -> None:
    """Stores large float32 initializers as float16 behind a Cast, which runtimes fold when they load."""
    casts = []
    for initializer in model.graph.initializer:
        if initializer.data_type != TensorProto.FLOAT or len(initializer.raw_data) < SMALL:
            continue
        name = initializer.name
        half = numpy_helper.from_array(numpy_helper.to_array(initializer).astype(np.float16), f"{name}_half")
        initializer.CopyFrom(half)
        casts.append(helper.make_node("Cast", [f"{name}_half"], [name], to=TensorProto.FLOAT))
    _put_first(model, casts)


def _quantize_weights(model: onnx.ModelProto) -> None:
    """Stores the weights of convolutions as int8 behind a Cast and a Mul by their channels' scales, which runtimes fold
    when they load. A DequantizeLinear would be computed again for every frame, and keep convolutions from their
    fastest layout."""
    convolutions = {node.input[1]: node.op_type for node in model.graph.node if node.op_type in BUT_OUTPUTS}
    scales = []
    restored = []
    for initializer in model.graph.initializer:
        name, weights = initializer.name, numpy_helper.to_array(initializer)
        if name not in convolutions or weights.size < weights8.SMALLEST:
            continue
        largest = np.abs(weights).max(BUT_OUTPUTS[convolutions[name]], keepdims=True)
        scale = np.where(largest > 0, largest, 1) / np.float32(weights8.LEVELS)
        steps = np.rint(weights / scale).astype(np.int8)
        initializer.CopyFrom(numpy_helper.from_array(steps, f"{name}_int8"))
        scales.append(numpy_helper.from_array(scale, f"{name}_scale"))
        restored.append(helper.make_node("Cast", [f"{name}_int8"], [f"{name}_steps"], to=TensorProto.FLOAT))
        restored.append(helper.make_node("Mul", [f"{name}_steps", f"{name}_scale"], [name]))
    model.graph.initializer.extend(scales)
    _put_first(model, restored)


def make_activations_unsigned(model: onnx.ModelProto) -> None:
    """Activations in uint8 where they were int8, moved by 128: the same numbers. On x86-64 ONNX Runtime moves some of
    them by itself, and an operation that takes the one kind and gives the other stays float32."""
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


def _put_first(model: onnx.ModelProto, nodes: list[onnx.NodeProto]) -> None:
    nodes = [*nodes, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
