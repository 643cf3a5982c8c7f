"""ONNX: opset 20, simplified, checked; the same bytes for the same network."""

from pathlib import Path

import numpy as np
import onnx
import onnxsim
import torch
from onnx import TensorProto, helper, numpy_helper

from converters.exported import Exported, itemise
from converters.graph import export_program
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision

OPSET = 20  # the first with GridSample as ONNX Runtime and the phone providers implement it
SMALL = 1024  # bytes; smaller tensors stay float32, they weigh nothing and some hold positions


def export_onnx(example: ComponentExample, path: Path, precision: Precision) -> Exported:
    """Writes the component as an .onnx file.

    fp16 halves the stored weights; arithmetic stays float32, because ONNX Runtime's CPU provider has no half-precision
    convolution.
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
    _strip(model)
    if precision is Precision.FP16:
        _halve_weights(model)
    model.metadata_props.extend(
        onnx.StringStringEntryProto(key=tensor.name, value=tensor.description)
        for tensor in (*example.contract.inputs, *example.contract.outputs)
    )
    onnx.checker.check_model(model, full_check=True)
    path.write_bytes(model.SerializeToString(deterministic=True))
    kept = (
        ("arithmetic: ONNX Runtime's CPU provider computes convolutions in float32",)
        if precision is Precision.FP16
        else ()
    )
    return Exported(itemise(path, program, precision), kept)


def _strip(model: onnx.ModelProto) -> None:
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
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)
