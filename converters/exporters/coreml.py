"""Core ML: an ML program for iOS 16 and later (in eight bits, iOS 17), half precision but for the sampling grids,
pictures as image inputs."""

import json
import uuid
from pathlib import Path
from typing import Any

import coremltools as ct
import numpy as np
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

from converters.exporters import weight_only_int8 as weights8
from converters.exporters.exported import Exported, itemise
from converters.passes.graph import export_program
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import Kind, TensorContract
from dmvton_mobile.targets import Precision

DEPLOYMENT_TARGET = ct.target.iOS16
INT8_DEPLOYMENT_TARGET = ct.target.iOS17  # the first with `quantize` and `dequantize`
HALF_PASS = "dmvton::half_with_exact_coordinates"
SHARING_PASS = "dmvton::share_equal_constants"
SMALLEST_PALETTIZED = 1024  # weights of a tensor; smaller ones are a fiftieth of all and would cost some 2 dB
CONVOLUTIONS = {"conv", "conv_transpose"}
LEARNED = {*CONVOLUTIONS, "linear", "matmul"}
THRESHOLDS = {"greater", "ceil", "floor", "round", "sign"}
KEPT_FLOAT32 = (
    "sampling coordinates: half precision moves a sample by up to 0.03 pixels at every warp",
    "the mask threshold: half precision flips pixels that lie on it",
)


@register_pass(namespace="dmvton")
class half_with_exact_coordinates(ct.transform.FP16ComputePrecision):  # noqa: N801 (the pass's name)
    """coremltools' half-precision pass, but for what leads to sampling coordinates or a threshold without a learned
    layer between."""

    def __init__(self) -> None:
        super().__init__(op_selector=lambda operation: not _decides_where(operation))

    def should_cast_parameter(self, op: Any, param_name: str) -> bool:
        return (op.op_type, param_name) != ("resample", "coordinates") and super().should_cast_parameter(op, param_name)


@register_pass(namespace="dmvton")
class share_equal_constants(AbstractGraphPass):  # noqa: N801 (the pass's name)
    """One constant for all that are equal, by a short name. coremltools gives every operation its own strides, groups,
    scales and types, which beside weights in eight bits take a sixth of the package."""

    def apply(self, prog: Any) -> None:
        for function in prog.functions.values():
            self._share(function)

    @block_context_manager
    def _share(self, block: Any) -> None:
        first: dict[tuple[Any, ...], Any] = {}
        for operation in list(block.operations):
            if operation.op_type != "const" or operation.outputs[0] in block.outputs:
                continue
            [var] = operation.outputs
            same = first.setdefault((var.dtype, var.shape, np.asarray(var.val).tobytes()), var)
            if same is var:
                operation.name = var.name = f"c{len(first)}"
            else:
                block.replace_uses_of_var_after_op(anchor_op=operation, old_var=var, new_var=same, force_replace=True)
                block.remove_ops([operation])


def _decides_where(operation: Any) -> bool:
    if operation.op_type in THRESHOLDS:
        return True
    seen: set[Any] = set()
    waiting = list(operation.outputs)
    while waiting:
        var = waiting.pop()
        if var in seen:
            continue
        seen.add(var)
        for child in var.child_ops:
            if child.op_type in THRESHOLDS or (child.op_type == "resample" and child.coordinates is var):
                return True
            if child.op_type not in LEARNED:
                waiting += child.outputs
    return False


def export_coreml(example: ComponentExample, path: Path, precision: Precision, metadata: dict[str, str]) -> Exported:
    """Writes the component as an .mlpackage, the same bytes for the same network.

    metadata: what the package says of itself: author, license, version, short_description and user-defined keys.
    """
    contract = example.contract
    program = export_program(example.graph, example.inputs)
    model = ct.convert(
        program.run_decompositions({}),
        inputs=[_input(tensor) for tensor in contract.inputs],
        outputs=[ct.TensorType(name=tensor.name, dtype=np.float32) for tensor in contract.outputs],
        convert_to="mlprogram",
        minimum_deployment_target=INT8_DEPLOYMENT_TARGET if precision is Precision.INT8 else DEPLOYMENT_TARGET,
        compute_precision=ct.precision.FLOAT32,
        pass_pipeline=_pipeline(precision),
        skip_model_load=True,
    )
    if precision is Precision.PALETTE6:
        model = _palettized(model)
    if precision is Precision.W8:
        model = _quantized(model)
    for tensor in contract.inputs:
        model.input_description[tensor.name] = tensor.description
    for tensor in contract.outputs:
        model.output_description[tensor.name] = tensor.description
    _describe(model, metadata)
    model.save(str(path))
    _make_canonical(path)
    kept = {Precision.FP16: KEPT_FLOAT32, Precision.W8: weights8.KEPT_FLOAT32}
    return Exported(itemise(path, program, precision), kept.get(precision, ()))


def _pipeline(precision: Precision) -> Any:
    pipeline = ct.PassPipeline()
    if precision is Precision.FP16:
        # ct.convert keeps only the selector of a custom compute_precision, so ours takes its place as a pass.
        index = pipeline.passes.index("common::add_fp16_cast")
        pipeline.remove_passes({"common::add_fp16_cast"})
        pipeline.insert_pass(index, HALF_PASS)
    if precision in (Precision.INT8, Precision.W8, Precision.PALETTE6):
        pipeline.append_pass(SHARING_PASS)
    return pipeline


def _palettized(model: Any) -> Any:
    """Weights as indices of six bits into a table of 64 float32 values for each tensor, found by k-means."""
    # comes with scikit-learn, whose k-means coremltools runs
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    tables = ct.optimize.coreml.OpPalettizerConfig(mode="kmeans", nbits=6, weight_threshold=SMALLEST_PALETTIZED)
    # One thread: several would add a cluster's values up in an order of their own each time.
    with threadpool_limits(limits=1):
        return ct.optimize.coreml.palettize_weights(model, ct.optimize.coreml.OptimizationConfig(tables))


def _quantized(model: Any) -> Any:
    """The weights of convolutions in int8, one scale per output channel."""
    main = model.get_spec().mlProgram.functions["main"]
    operations = main.block_specializations[main.opset].operations
    weights = [op.inputs["weight"].arguments[0].name for op in operations if op.type in CONVOLUTIONS]
    # By their names: a rule for all would take tables of positions, one for convolutions the strides they share.
    eight = ct.optimize.coreml.OpLinearQuantizerConfig(weight_threshold=weights8.SMALLEST - 1)
    config = ct.optimize.coreml.OptimizationConfig(op_name_configs=dict.fromkeys(weights, eight))
    return ct.optimize.coreml.linear_quantize_weights(model, config)


def _input(tensor: TensorContract) -> Any:
    """A picture or mask as an image that a pixel buffer fits; features as a tensor. The program sees [0, 1] in both
    cases."""
    if tensor.kind is Kind.RGB:
        return ct.ImageType(name=tensor.name, shape=tensor.shape, color_layout=ct.colorlayout.RGB, scale=1 / 255)
    if tensor.kind is Kind.MASK:
        return ct.ImageType(name=tensor.name, shape=tensor.shape, color_layout=ct.colorlayout.GRAYSCALE, scale=1 / 255)
    return ct.TensorType(name=tensor.name, shape=tensor.shape, dtype=np.float32)


def _describe(model: Any, metadata: dict[str, str]) -> None:
    known = ("author", "license", "version", "short_description")
    for key, value in metadata.items():
        if key in known:
            setattr(model, key, value)
        else:
            model.user_defined_metadata[key] = value


def _make_canonical(path: Path) -> None:
    """Drops the debug file, the date and random identifiers, and fixes the order of the rest."""
    for debug_file in path.rglob("executorch_debug_handle_mapping.json"):
        debug_file.unlink()
    specification = next(path.rglob("*.mlmodel"))
    spec = ct.proto.Model_pb2.Model()
    spec.ParseFromString(specification.read_bytes())
    spec.description.metadata.userDefined.pop("com.github.apple.coremltools.conversion_date", None)
    specification.write_bytes(spec.SerializeToString(deterministic=True))
    manifest = path / "Manifest.json"
    content = json.loads(manifest.read_text())
    names = {old: str(uuid.uuid5(uuid.NAMESPACE_URL, item["path"])) for old, item in content["itemInfoEntries"].items()}
    content["itemInfoEntries"] = {names[old]: item for old, item in content["itemInfoEntries"].items()}
    content["rootModelIdentifier"] = names[content["rootModelIdentifier"]]
    manifest.write_text(json.dumps(content, indent=4, sort_keys=True) + "\n")
