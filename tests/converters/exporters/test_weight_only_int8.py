"""w8 end to end: our own weights, as they are, for three targets; run in them, and refused where it cannot be."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import coremltools as ct
import numpy as np
import onnx
import onnxruntime
import pytest
import torch
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from onnx import numpy_helper
from torch import nn

from converters import convert as converting
from converters.convert import convert
from converters.exporters.footprint import measure_footprint
from converters.passes.pipeline import export_program
from converters.passes.weight_only_int8 import LEVELS, MIN_WEIGHTS
from converters.plan import Plan
from converters.registry import export_component, find_exporter, lowered_components
from converters.target import Delegate
from converters.verification import size_problems
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.bundles.golden import ReplayStatus, replay, replay_all
from dmvton_mobile.bundles.manifest import Artifact
from dmvton_mobile.bundles.parity import BOUNDS_DB
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import Component, Components
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.mil.evaluator import MilProgram
from dmvton_mobile.targets import Precision, Target, artifact_path
from tests.cli.test_cli import refusal
from tests.conftest import SMALL
from tests.converters.exporters.test_reproducible import digests

TARGETS = (Target.COREML, Target.TFLITE, Target.ONNX)
EACH = pytest.mark.parametrize("target", TARGETS)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    out = tmp_path_factory.mktemp("w8") / "lite.dmvton"
    plan = Plan(
        weights=Weights(),
        targets=TARGETS,
        precisions=(Precision.FP32, Precision.W8),
        components=Components.SPLIT,
        delegate=Delegate.XNNPACK,
        out=out,
        size=SMALL,
    )
    convert(plan, on_result=lambda _: None, on_step=lambda _: None)
    return read_bundle(out)


def pairs(bundle: Bundle, target: Target) -> list[tuple[Artifact, Artifact]]:
    """Each component in w8, and in float32."""
    eight, plain = (bundle.manifest.artifacts_of(target, each) for each in (Precision.W8, Precision.FP32))
    return list(zip(eight, plain, strict=True))


def example(target: Target, component: Component = Component.GARMENT_ENCODER) -> ComponentExample:
    [made] = lowered_components(default_network("dmvton-lite")[0], find_exporter(target).facts, (component,), SMALL)
    return made


@EACH
def test_files_are_a_third(bundle: Bundle, target: Target) -> None:
    plain, eight = (
        sum(item.footprint.file_bytes for item in bundle.manifest.artifacts_of(target, precision))
        for precision in (Precision.FP32, Precision.W8)
    )
    assert eight < 0.36 * plain


def test_every_artifact_replays_in_its_runtime(bundle: Bundle) -> None:
    verify_files(bundle)
    replays = replay_all(bundle)
    assert len(replays) == 2 * len(TARGETS)
    assert all(each.status is ReplayStatus.VERIFIED for each in replays), [each.problem for each in replays]
    assert bundle.manifest.quantization is None and len(bundle.manifest.golden) == 1


@EACH
def test_parity_is_that_of_eight_bits(bundle: Bundle, target: Target) -> None:
    """Above the bound by far; not that of float32, which is 100 dB and more."""
    for item in bundle.manifest.artifacts_of(target, Precision.W8):
        assert all(figure.bound_db == BOUNDS_DB[Precision.W8] for figure in item.parity)
        assert 40 < min(figure.psnr_db for figure in item.parity if figure.psnr_db is not None) < 75


@EACH
def test_what_stayed_float_is_said(bundle: Bundle, target: Target) -> None:
    for item in bundle.manifest.artifacts_of(target, Precision.W8):
        said = "\n".join(item.kept_float32)
        assert all(part in said for part in ("arithmetic: ", f"fewer than {MIN_WEIGHTS} weights: ", "positions"))


Held = list[tuple[np.ndarray, np.ndarray]]  # int8 weights, output channels first; the scale of each channel


def held_in_onnx(path: Path) -> Held:
    model = onnx.load(path)
    values = {item.name: numpy_helper.to_array(item) for item in model.graph.initializer}
    casts = {node.output[0]: node.input[0] for node in model.graph.node if node.op_type == "Cast"}
    muls = [node for node in model.graph.node if node.op_type == "Mul" and node.input[0] in casts]
    return [
        (values[casts[node.input[0]]], values[node.input[1]].reshape(-1))
        for node in muls
        if casts[node.input[0]] in values
    ]


def held_in_tflite(path: Path) -> Held:
    model = flatbuffer_utils.read_model(path)
    [graph] = model.subgraphs
    held = []
    for tensor in graph.tensors:
        if tensor.type == schema.TensorType.INT8 and model.buffers[tensor.buffer].data is not None:
            weights = np.frombuffer(bytes(model.buffers[tensor.buffer].data), np.int8).reshape(tensor.shape)
            assert not np.any(tensor.quantization.zeroPoint)
            axis = tensor.quantization.quantizedDimension
            held.append((np.moveaxis(weights, axis, 0), np.asarray(tensor.quantization.scale)))
    return held


def held_in_coreml(path: Path) -> Held:
    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    load = ct.converters.mil.frontend.milproto.load.load
    program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir)
    held = []
    for op in program.functions["main"].operations:
        if op.op_type == "constexpr_affine_dequantize":
            assert not np.any(op.inputs["zero_point"].val)
            weights = np.moveaxis(op.inputs["quantized_data"].val, int(op.inputs["axis"].val), 0)
            held.append((weights, op.inputs["scale"].val))
    return held


HELD: dict[Target, Callable[[Path], Held]] = {
    Target.ONNX: held_in_onnx,
    Target.TFLITE: held_in_tflite,
    Target.COREML: held_in_coreml,
}


@EACH
def test_weights_are_int8_by_channel(bundle: Bundle, target: Target) -> None:
    """Every convolution's but the small ones, symmetric, and the footprint counts them as they are."""
    for eight, plain in pairs(bundle, target):
        held = HELD[target](bundle.folder / eight.path)
        assert len(held) > 20
        for weights, scales in held:
            assert weights.dtype == np.int8 and weights.size >= MIN_WEIGHTS
            assert scales.shape == (len(weights),)
            assert (np.abs(weights.reshape(len(weights), -1).astype(int)).max(1) == LEVELS).all()
        values = sum(weights.size for weights, _ in held)
        assert plain.footprint.weight_bytes - eight.footprint.weight_bytes == 3 * values
        assert values > 0.9 * plain.footprint.weight_bytes / 4
        assert eight.footprint.constant_bytes == plain.footprint.constant_bytes


def test_targets_hold_the_same_integers(bundle: Bundle) -> None:
    """One weight in a thousand may lie halfway between two."""
    made = [
        np.sort(np.concatenate([weights.ravel() for weights, _ in HELD[target](bundle.folder / item.path)]))
        for target in TARGETS
        for item in bundle.manifest.artifacts_of(target, Precision.W8)[-1:]
    ]
    assert all(np.mean(made[0] != other) < 0.001 for other in made[1:])


def test_xnnpack_takes_what_it_took(bundle: Bundle) -> None:
    for eight, plain in zip(
        bundle.manifest.artifacts_of(Target.TFLITE, Precision.W8),
        bundle.manifest.artifacts_of(Target.TFLITE, Precision.FP32),
    ):
        assert eight.footprint.leftover_operations == plain.footprint.leftover_operations
        delegated = eight.footprint.delegated_operations, plain.footprint.delegated_operations
        assert delegated[0] is not None and delegated[1] is not None
        dequantized = len(held_in_tflite(bundle.folder / eight.path))
        assert delegated[0] - delegated[1] == dequantized


def test_onnx_runtime_unpacks_when_it_loads(bundle: Bundle, tmp_path: Path) -> None:
    """What it runs then is what it runs in float32, operation by operation."""
    kinds = []
    for precision in (Precision.W8, Precision.FP32):
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 3
        options.optimized_model_filepath = str(tmp_path / f"{precision}.onnx")
        path = bundle.folder / artifact_path(Component.TRYON, Target.ONNX, precision)
        onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        kinds.append(sorted(node.op_type for node in onnx.load(tmp_path / f"{precision}.onnx").graph.node))
    assert kinds[0] == kinds[1]


def test_core_ml_keeps_positions(bundle: Bundle) -> None:
    """Packages for iOS 16, which tell positions from weights."""
    path = bundle.folder / artifact_path(Component.TRYON, Target.COREML, Precision.W8)
    assert ct.models.MLModel(str(path), skip_model_load=True).get_spec().specificationVersion == 7
    assert all(weights.ndim == 4 and weights.shape[0] > 1 for weights, _ in held_in_coreml(path))
    assert "conv" in MilProgram(path).operation_types


class Transposed(nn.Module):
    """A layer whose output channels are its weight's second axis, each of a range of its own; and what stays: a small
    layer, and a table that no convolution reads."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.up = nn.ConvTranspose2d(16, 12, 4, 2, 1)
        self.small = nn.Conv2d(12, 3, 3, padding=1)
        self.table = nn.Parameter(torch.rand(1, 3, *SMALL))
        with torch.no_grad():
            self.up.weight.mul_(torch.logspace(-3, 0, 12).reshape(1, 12, 1, 1))

    def forward(self, garment: torch.Tensor, garment_mask: torch.Tensor) -> tuple[torch.Tensor, ...]:
        picture = torch.cat([garment] * 5 + [garment_mask], 1)[..., ::2, ::2]
        return (self.small(self.up(picture) * torch.logspace(3, 0, 12).reshape(1, 12, 1, 1)) + self.table,)


@EACH
def test_transposed_convolutions(target: Target, tmp_path: Path) -> None:
    """With one scale for each input channel instead, small outputs would be lost."""
    given = example(Target.COREML)
    contract = given.contract.model_copy(update={"outputs": given.contract.outputs[:1]})
    [output] = contract.outputs
    contract = contract.model_copy(update={"outputs": (output.model_copy(update={"shape": (1, 3, *SMALL)}),)})
    made = replace(given, graph=Transposed().eval(), contract=contract)  # type: ignore[arg-type]  # it is called alike
    path = tmp_path / f"transposed{target.suffix}"
    exported = export_component(made, path, target, Precision.W8)
    values = 16 * 12 * 16
    assert sum(weights.size for weights, _ in HELD[target](path)) == values
    plain = measure_footprint(path, export_program(made.graph, made.inputs), Precision.FP32)
    assert plain.weight_bytes - exported.footprint.weight_bytes == 3 * values
    session = open_session(target, path, contract)
    inputs = {name: value.numpy() for name, value in zip(contract.input_names, made.inputs, strict=True)}
    with torch.no_grad():
        expected = made.graph(*made.inputs)[0].numpy()
    assert np.abs(session.run(inputs)[output.name] - expected).max() < 0.01 * np.ptp(expected)


@EACH
def test_same_bytes_twice(bundle: Bundle, target: Target, tmp_path: Path) -> None:
    first, again = (tmp_path / f"{name}{target.suffix}" for name in ("first", "again"))
    for path in (first, again):
        export_component(example(target), path, target, Precision.W8)
    assert digests(first) == digests(again)
    if target is not Target.COREML:  # a bundle's package says more of itself
        kept = bundle.folder / artifact_path(Component.GARMENT_ENCODER, target, Precision.W8)
        assert digests(kept) == digests(first)


def swap_outputs(path: Path) -> None:
    """Of the last layer: a colour for the composition."""
    model = onnx.load(path)
    [weights] = [each for each in model.graph.initializer if tuple(each.dims) == (5, 24, 3, 3)]
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights)[[3, 1, 2, 0, 4]], weights.name))
    onnx.save(model, path)


def halve_scales(path: Path) -> None:
    """Of one layer in the middle."""
    model = onnx.load(path)
    scales = [each for each in model.graph.initializer if each.name.endswith("_scale")]
    middle = scales[len(scales) // 2]
    middle.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(middle) / 2, middle.name))
    onnx.save(model, path)


@pytest.mark.parametrize("spoil", [swap_outputs, halve_scales])
def test_other_weights_are_found(bundle: Bundle, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoilt = tmp_path / "spoilt.dmvton"
    shutil.copytree(bundle.folder, spoilt)
    spoil(spoilt / artifact_path(Component.TRYON, Target.ONNX, Precision.W8))
    found = replay(read_bundle(spoilt), Target.ONNX, Precision.W8)
    assert found.status is ReplayStatus.FAILED and "dB" in str(found.problem)


def test_an_artifact_that_grew(bundle: Bundle) -> None:
    both = bundle.manifest.artifacts_of(Target.ONNX, Precision.FP32) + bundle.manifest.artifacts_of(
        Target.ONNX, Precision.W8
    )
    assert size_problems(both) == []
    eight = both[-1]
    bigger = eight.model_copy(update={"footprint": eight.footprint.model_copy(update={"file_bytes": 10**8})})
    [said] = size_problems([*both[:-1], bigger])
    assert said.startswith("onnx/tryon_w8.onnx has 100000000 bytes") and said.endswith("w8 must save some.")


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--target", "executorch", "--precision", "w8"), "w8 is not for executorch: XNNPACK has no convolution"),
        (("--target", "all", "--precision", "w8"), "Pass --target coreml tflite onnx, or some of these."),
        (("--precision", "fp32", "--precision", "w8"), "w8 is not for executorch"),
        (("--target", "executorch", "--delegate", "coreml", "--precision", "w8"), "w8 is not for executorch"),
        (("--target", "coreml", "onnx", "--precision", "palette6"), "palette6 is not for onnx: "),
    ],
)
def test_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str) -> None:
    """Before anything is loaded or written."""
    monkeypatch.setattr(converting, "networks_by_precision", lambda *_, **__: pytest.fail("something was loaded"))
    assert said in refusal("convert", *options, "--out", tmp_path / "new.dmvton")
    assert list(tmp_path.iterdir()) == []
