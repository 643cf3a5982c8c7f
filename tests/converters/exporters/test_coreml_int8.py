"""Core ML in few bits: a quantized component and a palettized one, saved, read back and evaluated."""

import copy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, fx

from converters.registry import export_component, find_exporter, lowered_components
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import Component
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.quantization import Quantization, calibrate, converted, prepare
from dmvton_mobile.runtimes.mil import evaluator as mil
from dmvton_mobile.runtimes.mil.evaluator import MilProgram
from dmvton_mobile.targets import Precision, Target
from tests.conftest import SMALL
from tests.converters.exporters.test_reproducible import digests

ct = pytest.importorskip("coremltools")

IMAGES = 16


def picture(channels: int, seed: int) -> Tensor:
    """[1, channels, *SMALL] in [0, 1], continuous: large patches with finer ones on them."""
    generator = torch.Generator().manual_seed(seed)
    layers = (torch.rand(1, channels, 4 * detail, 3 * detail, generator=generator) / detail for detail in (1, 4))
    layer, finer = (F.interpolate(layer, SMALL, mode="bilinear") for layer in layers)
    return (0.8 * layer + finer).clamp(0, 1)


def sample(seed: int) -> TryOnSample:
    """A batch of one."""
    person, garment = (2 * picture(3, 10 * seed + part)[0] - 1 for part in (0, 1))
    mask = (picture(1, 10 * seed + 2)[0] > 0.4).float()
    return collate([TryOnSample(f"person {seed}", f"garment {seed}", person, garment, mask)])


def garment_encoder(network: TryOnNetwork) -> ComponentExample:
    """With a picture that it was not calibrated on."""
    facts = find_exporter(Target.COREML).facts
    [example] = lowered_components(network, facts, (Component.GARMENT_ENCODER,), SMALL)
    garment, mask = picture(3, 1000), (picture(1, 1001) > 0.4).float()
    return replace(example, inputs=(garment, mask))


@pytest.fixture(scope="module")
def float32() -> ComponentExample:
    return garment_encoder(default_network("dmvton-lite")[0])


@pytest.fixture(scope="module")
def int8() -> ComponentExample:
    network = prepare(default_network("dmvton-lite")[0], Quantization(size=SMALL))
    calibrate(network, [sample(seed) for seed in range(IMAGES)])
    return garment_encoder(converted(network))


@pytest.fixture(scope="module")
def packages(
    float32: ComponentExample, int8: ComponentExample, tmp_path_factory: pytest.TempPathFactory
) -> dict[Precision, Path]:
    folder = tmp_path_factory.mktemp("packages")
    return {
        precision: export(example, precision, folder / f"{precision}.mlpackage")
        for precision, example in (
            (Precision.FP32, float32), (Precision.INT8, int8), (Precision.PALETTE6, float32),
        )
    }  # fmt: skip


def export(example: ComponentExample, precision: Precision, path: Path) -> Path:
    export_component(example, path, Target.COREML, precision)
    return path


def package_bytes(path: Path) -> int:
    return sum(file.stat().st_size for file in path.rglob("*") if file.is_file())


def constants(path: Path, kind: str, part: str) -> list[Any]:
    """What the operations of a kind have as that part, as it is stored."""
    model = ct.models.MLModel(str(path), skip_model_load=True)
    spec = model.get_spec()
    load = ct.converters.mil.frontend.milproto.load.load
    program = load(spec, specification_version=spec.specificationVersion, file_weights_dir=model.weights_dir)
    return [op.inputs[part].val for op in program.functions["main"].operations if op.op_type == kind]


def distances_db(example: ComponentExample, path: Path) -> list[float]:
    """Of every output from the graph's, over its range."""
    contract = example.contract
    given = {name: value.numpy() * 255 for name, value in zip(contract.input_names, example.inputs, strict=True)}
    results = MilProgram(path).run(given)
    with torch.no_grad():
        expected = example.graph(*example.inputs)
    distances = []
    for name, value in zip(contract.output_names, expected, strict=True):
        error = np.square(results[name] - value.numpy()).mean()
        distances.append(20 * np.log10(np.ptp(value.numpy())) - 10 * np.log10(error + 1e-20))
    return distances


def test_int8_weights_are_stored_as_integers(packages: dict[Precision, Path], int8: ComponentExample) -> None:
    stored = constants(packages[Precision.INT8], "constexpr_affine_dequantize", "quantized_data")
    assert {weight.dtype for weight in stored} == {np.dtype(np.int8)}
    integers = [value for value in int8.graph.state_dict().values() if value.dtype == torch.int8]
    floats = sum(weight.size for weight in constants(packages[Precision.FP32], "conv", "weight"))
    assert sum(weight.size for weight in stored) > 0.85 * floats
    assert len(stored) <= len(integers)
    assert package_bytes(packages[Precision.INT8]) < 0.4 * package_bytes(packages[Precision.FP32])


def test_int8_is_for_ios_17_and_the_rest_for_ios_16(packages: dict[Precision, Path]) -> None:
    versions = {
        precision: ct.models.MLModel(str(path), skip_model_load=True).get_spec().specificationVersion
        for precision, path in packages.items()
    }
    assert versions == {Precision.FP32: 7, Precision.INT8: 8, Precision.PALETTE6: 7}


def test_int8_follows_the_converted_graph(packages: dict[Precision, Path], int8: ComponentExample) -> None:
    """Now and then a value within float32's rounding of a half goes to the other step, and takes its readers along."""
    assert min(distances_db(int8, packages[Precision.INT8])) > 35


def quantize_unrounded(
    input: Tensor, zero_point: Tensor | None, scale: Tensor, output_dtype: str, axis: int | None
) -> Tensor:
    steps = input / scale + (0 if zero_point is None else zero_point)
    return steps.clamp(-128, 127) if output_dtype == "int8" else steps.clamp(0, 255)


def unrounded(example: ComponentExample) -> ComponentExample:
    """A copy that quantizes its activations in scale and range, but keeps what lies between two steps."""
    graph = copy.deepcopy(example.graph)
    for module in graph.modules():
        for node in module.graph.nodes if isinstance(module, fx.GraphModule) else ():
            if "dequantize_per_tensor" in str(node.target):
                node.target = lambda x, scale, zero_point, *limits, **options: (x - zero_point) * scale
            elif "quantize_per_tensor" in str(node.target):
                node.target = lambda x, scale, zero, low, high, dtype: (x / scale + zero).clamp(low, high)
        if isinstance(module, fx.GraphModule):
            module.recompile()
    return replace(example, graph=graph)


@pytest.fixture
def without_rounding(monkeypatch: pytest.MonkeyPatch) -> None:
    """An evaluator whose eight-bit numbers keep what lies between two steps, as `unrounded` does."""
    monkeypatch.setitem(mil.OPERATIONS, "quantize", quantize_unrounded)
    for name in ("int8", "uint8"):
        monkeypatch.setitem(mil._TORCH_TYPES, name, torch.float32)


@pytest.mark.usefixtures("without_rounding")
def test_int8_is_the_converted_graph_but_for_rounding(packages: dict[Precision, Path], int8: ComponentExample) -> None:
    """Without rounding nothing is left to chance: every scale, zero point, weight and operation is the graph's."""
    assert min(distances_db(unrounded(int8), packages[Precision.INT8])) > 100


@pytest.mark.usefixtures("without_rounding")
def test_a_wrong_zero_point_would_be_seen(
    packages: dict[Precision, Path], int8: ComponentExample, monkeypatch: pytest.MonkeyPatch
) -> None:
    def off_by_one(input: Tensor, zero_point: Tensor | None, scale: Tensor, axis: int | None) -> Tensor:
        return (input - (1 if zero_point is None else zero_point + 1)) * scale

    monkeypatch.setitem(mil.OPERATIONS, "dequantize", off_by_one)
    assert min(distances_db(unrounded(int8), packages[Precision.INT8])) < 60


def test_palette_holds_64_values_for_each_tensor(packages: dict[Precision, Path], float32: ComponentExample) -> None:
    path = packages[Precision.PALETTE6]
    assert {table.shape for table in constants(path, "constexpr_lut_to_dense", "lut")} == {(64,)}
    weights = sum(shape.prod() for shape in constants(path, "constexpr_lut_to_dense", "shape"))
    packed = sum(indices.nbytes for indices in constants(path, "constexpr_lut_to_dense", "indices"))
    assert packed == pytest.approx(weights * 6 / 8, rel=0.01)
    assert package_bytes(path) < 0.3 * package_bytes(packages[Precision.FP32])
    assert 35 < min(distances_db(float32, path)) < 60


def test_float32_stays_exact(packages: dict[Precision, Path], float32: ComponentExample) -> None:
    assert min(distances_db(float32, packages[Precision.FP32])) > 100


@pytest.mark.parametrize("precision", [Precision.INT8, Precision.PALETTE6])
def test_same_bytes_twice(
    precision: Precision,
    packages: dict[Precision, Path],
    float32: ComponentExample,
    int8: ComponentExample,
    tmp_path: Path,
) -> None:
    example = int8 if precision is Precision.INT8 else float32
    assert digests(export(example, precision, tmp_path / "again.mlpackage")) == digests(packages[precision])
