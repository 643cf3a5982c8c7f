"""TFLite: one signature with our tensor names, channels last; runs in XNNPACK but for the row gathers."""

from collections import Counter
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from converters.exporters import weight_only_int8 as weights8
from converters.exporters.exported import Exported, itemise
from converters.passes.graph import export_program
from converters.passes.tflite_int8 import IntegerKernels
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.targets import Precision


class Named(nn.Module):
    """The component with inputs and outputs by name: a .tflite file's signature takes its names from here."""

    def __init__(self, component: nn.Module, inputs: list[str], outputs: list[str]):
        super().__init__()
        self.component = component
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, **tensors: Tensor) -> dict[str, Tensor]:
        results = self.component(*(tensors[name] for name in self.inputs))
        return dict(zip(self.outputs, results, strict=True))


def export_tflite(example: ComponentExample, path: Path, precision: Precision) -> Exported:
    """Writes the component as a .tflite file. fp16 halves the stored weights; a phone's delegate may then compute in
    half precision. w8 holds them in int8, which a delegate unpacks when it loads."""
    import litert_torch

    contract = example.contract
    kernels = IntegerKernels() if precision is Precision.INT8 else None
    program = export_program(example.graph, example.inputs, kernels.before if kernels else None)
    named = Named(program.module(), contract.input_names, contract.output_names)
    inputs = dict(zip(contract.input_names, example.inputs, strict=True))
    # as bytes: its own writing, in C++, ends the process without a word where the disk is full
    content = litert_torch.convert(named, sample_kwargs=inputs).model_content()
    path.write_bytes(kernels.after(content) if kernels else content)
    kept: tuple[str, ...] = ()
    if precision is Precision.FP16:
        _halve_weights(path)
        kept = ("arithmetic: XNNPACK on this machine's kind of processor computes in float32",)
    if precision is Precision.W8:
        _quantize_weights(path)
        kept = weights8.KEPT_FLOAT32
    delegated, leftover = placement(path)
    return Exported(itemise(path, program, precision, delegated=delegated, leftover=leftover), kept)


def placement(path: Path) -> tuple[int, dict[str, int]]:
    """How many operations XNNPACK takes, and how many of each kind stay outside."""
    operations = planned(path)
    outside = [operation["op_name"] for operation, delegated in operations if not delegated]
    return len(operations) - len(outside), dict(sorted(Counter(outside).items()))


def planned(path: Path) -> list[tuple[dict[str, Any], bool]]:
    """The operations of the file as LiteRT describes them, in their order, and whether XNNPACK takes each."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    operations = interpreter._get_ops_details()
    delegates = [operation for operation in operations if operation["op_name"] == "DELEGATE"]
    originals = [operation for operation in operations if operation["op_name"] != "DELEGATE"]
    made = {tensor for delegate in delegates for tensor in delegate["outputs"]}
    needed = {tensor for delegate in delegates for tensor in delegate["inputs"]}
    needed |= {detail["index"] for detail in interpreter.get_output_details()}
    found = []
    for operation in reversed(originals):  # in order of execution: who needs a tensor comes after who makes it
        outputs = set(operation["outputs"])
        delegated = not outputs & needed or bool(outputs & made)
        found.append((operation, delegated))
        if not delegated:
            needed |= set(operation["inputs"])
    return found[::-1]


def _halve_weights(path: Path) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    _store_weights(path, weights, AlgorithmName.FLOAT_CASTING)


def _quantize_weights(path: Path) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    weights = qtyping.TensorQuantizationConfig(num_bits=8, granularity=qtyping.QuantGranularity.CHANNELWISE)
    _store_weights(path, weights, AlgorithmName.MIN_MAX_UNIFORM_QUANT, smallest=weights8.SMALLEST)


def _store_weights(path: Path, weights: Any, algorithm: str, smallest: int = 0) -> None:
    """Rewrites the file with the convolutions' weights held so, behind a dequantize. smallest: values of a tensor."""
    from ai_edge_quantizer import qtyping, quantizer

    tool = quantizer.Quantizer(str(path))
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
        min_weight_elements=smallest,
    )
    for operation in (
        qtyping.TFLOperationName.CONV_2D,
        qtyping.TFLOperationName.DEPTHWISE_CONV_2D,
        qtyping.TFLOperationName.CONV_2D_TRANSPOSE,
    ):
        tool.update_quantization_recipe(regex=".*", operation_name=operation, op_config=config, algorithm_key=algorithm)
    smaller = tool.quantize().quantized_model
    assert smaller is not None
    path.write_bytes(smaller)
