"""TFLite: one signature with our tensor names, channels last; runs in XNNPACK except for the row gathers."""

from collections import Counter
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from converters.exporters.footprint import measure_footprint
from converters.exporters.protocol import (
    PALETTE6_REASON,
    ComponentExport,
    ComponentExporter,
    ExportedFile,
    ExporterFacts,
)
from converters.lowering.variants import LoweringVariant
from converters.passes import weight_only_int8
from converters.passes.pipeline import export_program
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Layout
from dmvton_mobile.targets import Precision, Target

KEPT_FLOAT32 = {
    Precision.FP16: ("arithmetic: XNNPACK on this machine's kind of processor computes in float32",),
    Precision.W8: weight_only_int8.KEPT_FLOAT32,
}


class NamedTensors(nn.Module):
    """A component with inputs and outputs by name: a .tflite file's signature takes its names from here."""

    def __init__(self, component: nn.Module, inputs: list[str], outputs: list[str]):
        super().__init__()
        self.component = component
        self.inputs = inputs
        self.outputs = outputs

    def forward(self, **tensors: Tensor) -> dict[str, Tensor]:
        """The component's outputs by name."""
        results = self.component(*(tensors[name] for name in self.inputs))
        return dict(zip(self.outputs, results, strict=True))


# LiteRT's converter writes this path into the name of every tensor. It is the one of the first bundles, so that the
# bytes of a file do not depend on where the class stands.
NamedTensors.__module__, NamedTensors.__qualname__ = "converters.tflite", "Named"


class TFLiteExporter(ComponentExporter):
    """Writes .tflite files.

    fp16 stores the weights in half precision; a phone's delegate may then compute in it. w8 stores them in int8, which
    a delegate unpacks when it loads.
    """

    facts = ExporterFacts(
        target=Target.TFLITE,
        packages=("litert_torch", "ai_edge_litert", "ai_edge_quantizer"),
        extra="tflite",
        variant=LoweringVariant.DELEGATED_ROW_GATHER,
        layouts=Layouts(Layout.NHWC, Layout.NHWC),
        refused={Precision.PALETTE6: PALETTE6_REASON},
    )

    def _write(self, component: ComponentExport) -> ExportedFile:
        import litert_torch

        from converters.passes.tflite_int8 import IntegerKernels

        example, path, precision = component.example, component.path, component.precision
        contract = example.contract
        kernels = IntegerKernels() if precision is Precision.INT8 else None
        program = export_program(example.graph, example.inputs, kernels.before if kernels else None)
        named = NamedTensors(program.module(), contract.input_names, contract.output_names)
        inputs = dict(zip(contract.input_names, example.inputs, strict=True))
        # as bytes: its own writing, in C++, ends the process without a word where the disk is full
        content = litert_torch.convert(named, sample_kwargs=inputs).model_content()
        path.write_bytes(kernels.after(content) if kernels else content)
        if precision is Precision.FP16:
            _store_weights_fp16(path)
        if precision is Precision.W8:
            _store_weights_int8(path)
        delegated, leftover = count_placement(path)
        footprint = measure_footprint(path, program, precision, delegated=delegated, leftover=leftover)
        return ExportedFile(footprint, KEPT_FLOAT32.get(precision, ()))


def count_placement(path: Path) -> tuple[int, dict[str, int]]:
    """How many operations XNNPACK takes, and how many of each kind it leaves."""
    operations = planned_operations(path)
    outside = [operation["op_name"] for operation, delegated in operations if not delegated]
    return len(operations) - len(outside), dict(sorted(Counter(outside).items()))


def planned_operations(path: Path) -> list[tuple[dict[str, Any], bool]]:
    """The operations of a .tflite file as LiteRT describes them, in their order, and whether XNNPACK takes each."""
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(str(path), num_threads=1)
    interpreter.allocate_tensors()
    operations = interpreter._get_ops_details()
    delegates = [operation for operation in operations if operation["op_name"] == "DELEGATE"]
    originals = [operation for operation in operations if operation["op_name"] != "DELEGATE"]
    delegate_outputs = {tensor for delegate in delegates for tensor in delegate["outputs"]}
    needed = {tensor for delegate in delegates for tensor in delegate["inputs"]}
    needed |= {detail["index"] for detail in interpreter.get_output_details()}
    planned = []
    for operation in reversed(originals):  # in order of execution: a tensor's readers come after its producer
        outputs = set(operation["outputs"])
        delegated = not outputs & needed or bool(outputs & delegate_outputs)
        planned.append((operation, delegated))
        if not delegated:
            needed |= set(operation["inputs"])
    return planned[::-1]


def _store_weights_fp16(path: Path) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    weights = qtyping.TensorQuantizationConfig(num_bits=16, dtype=qtyping.TensorDataType.FLOAT)
    _store_weights(path, weights, AlgorithmName.FLOAT_CASTING)


def _store_weights_int8(path: Path) -> None:
    from ai_edge_quantizer import qtyping
    from ai_edge_quantizer.algorithm_manager import AlgorithmName

    weights = qtyping.TensorQuantizationConfig(num_bits=8, granularity=qtyping.QuantGranularity.CHANNELWISE)
    _store_weights(path, weights, AlgorithmName.MIN_MAX_UNIFORM_QUANT, min_weights=weight_only_int8.MIN_WEIGHTS)


def _store_weights(path: Path, weights: Any, algorithm: str, min_weights: int = 0) -> None:
    """Rewrites the file with the weights of convolutions stored that way, behind a dequantize.

    min_weights: smaller tensors stay float32.
    """
    from ai_edge_quantizer import qtyping, quantizer

    tool = quantizer.Quantizer(str(path))
    config = qtyping.OpQuantizationConfig(
        weight_tensor_config=weights,
        compute_precision=qtyping.ComputePrecision.FLOAT,
        explicit_dequantize=True,
        min_weight_elements=min_weights,
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
