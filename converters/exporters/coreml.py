"""Core ML: an ML program for iOS 16 and later (int8: iOS 17), pictures as image inputs."""

import json
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from converters.exporters.footprint import measure_footprint
from converters.exporters.protocol import ComponentExport, ComponentExporter, ExportedFile, ExporterFacts
from converters.lowering.variants import LoweringVariant
from converters.passes import weight_only_int8
from converters.passes.pipeline import export_program
from dmvton_mobile.components import Layouts
from dmvton_mobile.contract import Kind, Layout, TensorContract
from dmvton_mobile.targets import Precision, Target

MIN_PALETTIZED = 1024  # weights of a tensor; smaller ones are a fiftieth of all and would cost some 2 dB
CONVOLUTIONS = {"conv", "conv_transpose"}
KNOWN_METADATA = ("author", "license", "version", "short_description")
KEPT_FLOAT32 = {
    Precision.FP16: (
        "sampling coordinates: half precision moves a sample by up to 0.03 pixels at every warp",
        "the mask threshold: half precision flips pixels that lie on it",
    ),
    Precision.W8: weight_only_int8.KEPT_FLOAT32,
}


class CoreMLExporter(ComponentExporter):
    """Writes .mlpackage folders, the same bytes for the same network."""

    facts = ExporterFacts(
        target=Target.COREML,
        packages=("coremltools",),
        extra="coreml",
        variant=LoweringVariant.NATIVE_SAMPLER,
        layouts=Layouts(Layout.NCHW, Layout.NCHW),
    )

    def _write(self, component: ComponentExport) -> ExportedFile:
        import coremltools as ct
        import numpy as np

        from converters.passes.coreml import coreml_pass_pipeline

        contract, precision = component.example.contract, component.precision
        program = export_program(component.example.graph, component.example.inputs)
        model = ct.convert(
            program.run_decompositions({}),
            inputs=[_input_type(tensor) for tensor in contract.inputs],
            outputs=[ct.TensorType(name=tensor.name, dtype=np.float32) for tensor in contract.outputs],
            convert_to="mlprogram",
            # iOS 17 is the first with `quantize` and `dequantize`
            minimum_deployment_target=ct.target.iOS17 if precision is Precision.INT8 else ct.target.iOS16,
            compute_precision=ct.precision.FLOAT32,
            pass_pipeline=coreml_pass_pipeline(precision),
            skip_model_load=True,
        )
        if precision is Precision.PALETTE6:
            model = _palettize_weights(model)
        if precision is Precision.W8:
            model = _quantize_weights(model)
        for tensor in contract.inputs:
            model.input_description[tensor.name] = tensor.description
        for tensor in contract.outputs:
            model.output_description[tensor.name] = tensor.description
        _set_metadata(model, component.metadata)
        model.save(str(component.path))
        _make_canonical(component.path)
        footprint = measure_footprint(component.path, program, precision)
        return ExportedFile(footprint, KEPT_FLOAT32.get(precision, ()))


def _input_type(tensor: TensorContract) -> Any:
    """A picture or mask as an image that a pixel buffer fits, features as a tensor.

    The program sees [0, 1] in both cases.
    """
    import coremltools as ct
    import numpy as np

    if tensor.kind is Kind.RGB:
        return ct.ImageType(name=tensor.name, shape=tensor.shape, color_layout=ct.colorlayout.RGB, scale=1 / 255)
    if tensor.kind is Kind.MASK:
        return ct.ImageType(name=tensor.name, shape=tensor.shape, color_layout=ct.colorlayout.GRAYSCALE, scale=1 / 255)
    return ct.TensorType(name=tensor.name, shape=tensor.shape, dtype=np.float32)


def _palettize_weights(model: Any) -> Any:
    """Weights as indices of six bits into a table of 64 float32 values for each tensor, found by k-means."""
    import coremltools as ct

    # comes with scikit-learn, whose k-means coremltools runs
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    tables = ct.optimize.coreml.OpPalettizerConfig(mode="kmeans", nbits=6, weight_threshold=MIN_PALETTIZED)
    # One thread: several would add a cluster's values up in an order of their own each time.
    with threadpool_limits(limits=1):
        return ct.optimize.coreml.palettize_weights(model, ct.optimize.coreml.OptimizationConfig(tables))


def _quantize_weights(model: Any) -> Any:
    """The weights of convolutions in int8, one scale per output channel."""
    import coremltools as ct

    main = model.get_spec().mlProgram.functions["main"]
    operations = main.block_specializations[main.opset].operations
    weights = [op.inputs["weight"].arguments[0].name for op in operations if op.type in CONVOLUTIONS]
    # By their names: a rule for all would take tables of positions, one for convolutions the strides they share.
    int8 = ct.optimize.coreml.OpLinearQuantizerConfig(weight_threshold=weight_only_int8.MIN_WEIGHTS - 1)
    config = ct.optimize.coreml.OptimizationConfig(op_name_configs=dict.fromkeys(weights, int8))
    return ct.optimize.coreml.linear_quantize_weights(model, config)


def _set_metadata(model: Any, metadata: Mapping[str, str]) -> None:
    for key, value in metadata.items():
        if key in KNOWN_METADATA:
            setattr(model, key, value)
        else:
            model.user_defined_metadata[key] = value


def _make_canonical(path: Path) -> None:
    """Drops the debug file, the date and random identifiers, and fixes the order of the rest."""
    import coremltools as ct

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
