"""Real artifacts of a small garment encoder in their real runtimes: they agree with PyTorch, and bad ones are
errors."""

import copy
import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from ai_edge_litert.interpreter import Interpreter

from converters.example import random_pictures
from converters.exporters.protocol import ExportedFile
from converters.registry import export_component, find_exporter, lowered_components
from dmvton_mobile.bundles.parity import BOUNDS_DB, ParityError, compare
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import Component, ComponentContract, Kind, Layout
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target
from tests.conftest import SMALL

HALF_SIZE = 0.55  # of the fp32 file, at most
TARGETS = pytest.mark.parametrize("target", list(Target))
# whose files hold the weights of fp16 in half
HALVED = pytest.mark.parametrize("target", [Target.TFLITE, Target.ONNX, Target.COREML])
# Opens files one after the other and says what came of each. In a process of its own: a runtime may end it.
OPENER = """
import json, sys
from pathlib import Path
from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.targets import Target

contract = ComponentContract.model_validate_json(sys.stdin.read())
for path in sys.argv[2:]:
    try:
        open_session(Target(sys.argv[1]), Path(path), contract)
        result = "opened"
    except DmvtonError as error:
        result = str(error)
    print(json.dumps([path, result]), flush=True)
"""


@dataclass(frozen=True)
class Made:
    """An artifact, with the network in the form it was made from."""

    network: TryOnNetwork
    example: ComponentExample
    path: Path
    exported: ExportedFile

    def open(self, target: Target) -> Session:
        return open_session(target, self.path, self.example.contract)


Maker = Callable[[Target, Precision], Made]


@pytest.fixture(scope="module")
def make(small_network: TryOnNetwork, tmp_path_factory: pytest.TempPathFactory) -> Maker:
    """The garment encoder for a target and a precision, exported when first asked for."""
    folder = tmp_path_factory.mktemp("artifacts")

    @cache
    def made(target: Target, precision: Precision) -> Made:
        path = folder / f"garment_encoder_{precision}{target.suffix}"
        facts = find_exporter(target).facts
        [example] = lowered_components(small_network, facts, (Component.GARMENT_ENCODER,), SMALL)
        network = example.graph.network
        return Made(network, example, path, export_component(example, path, target, precision))

    return made


@pytest.fixture(scope="module")
def inputs() -> Tensors:
    pictures = random_pictures(seed=5, size=SMALL)
    return {name: pictures[name] for name in ("garment", "garment_mask")}


def assert_agrees(candidate: Tensors, network: TryOnNetwork, made: Made, inputs: Tensors, bound_db: float) -> None:
    """Every output against the network in PyTorch; raises ParityError."""
    reference = TorchSession(network, Component.GARMENT_ENCODER, SMALL)
    contracts = made.example.contract.outputs
    figures = compare(
        reference.run(inputs),
        candidate,
        contracts=contracts,
        bound_db=bound_db,
        inputs="random",
        what=made.path.name,
    )
    assert len(figures) == len(contracts) == 6


@TARGETS
def test_agrees_with_pytorch(target: Target, make: Maker, inputs: Tensors) -> None:
    made = make(target, Precision.FP32)
    outputs = made.open(target).run(inputs)
    assert_agrees(outputs, made.network, made, inputs, BOUNDS_DB[Precision.FP32])


@TARGETS
def test_other_weights_do_not_pass(target: Target, make: Maker, inputs: Tensors) -> None:
    """A tenth more on one convolution's weights shows in every map that goes through it."""
    made = make(target, Precision.FP32)
    other = copy.deepcopy(made.network)
    with torch.no_grad():
        other.get_submodule("warp.image_mobile.smooth_layers.0").weight.mul_(1.1)  # type: ignore[operator]
    with pytest.raises(ParityError, match="garment_features_4"):
        assert_agrees(made.open(target).run(inputs), other, made, inputs, BOUNDS_DB[Precision.FP32])


@TARGETS
def test_a_session_gives_the_same_again(target: Target, make: Maker, inputs: Tensors) -> None:
    """A result is not overwritten by the next run, which for other inputs is another."""
    session = make(target, Precision.FP32).open(target)
    first = session.run(inputs)
    kept = {name: value.copy() for name, value in first.items()}
    other = session.run({name: 1.0 - value for name, value in inputs.items()})
    again = session.run(inputs)
    for name, value in kept.items():
        assert np.array_equal(first[name], value) and np.array_equal(again[name], value), name
        assert not np.array_equal(other[name], value), name


@TARGETS
def test_missing_input_is_an_error(target: Target, make: Maker, inputs: Tensors) -> None:
    made = make(target, Precision.FP32)
    with pytest.raises(DmvtonError, match=f"{made.path.name} needs the input 'garment_mask'; given: garment"):
        made.open(target).run({"garment": inputs["garment"]})


@TARGETS
def test_wrong_shape_is_an_error(target: Target, make: Maker, inputs: Tensors) -> None:
    """Another size; and channels last, even for a file that holds them so."""
    made = make(target, Precision.FP32)
    session = made.open(target)
    for garment in (inputs["garment"][:, :, :64], inputs["garment"].transpose(0, 2, 3, 1), inputs["garment"][0]):
        with pytest.raises(DmvtonError, match=rf"{made.path.name} takes garment as \(1, 3, 128, 96\)"):
            session.run({**inputs, "garment": garment})


@TARGETS
def test_missing_file_is_an_error(target: Target, make: Maker, tmp_path: Path) -> None:
    missing = tmp_path / f"missing{target.suffix}"
    with pytest.raises(DmvtonError, match=missing.name):
        open_session(target, missing, make(target, Precision.FP32).example.contract)


def damaged(made: Made, folder: Path) -> list[Path]:
    """The artifact cut short, and others' bytes in its place; of a package, each of its files so."""
    random = np.random.default_rng(0).bytes(20_000)
    whole = made.path.read_bytes() if made.path.is_file() else b""
    contents = {"random": random, "text": b"<html>404 Not Found</html>" * 50, "empty": b""}
    contents |= {f"cut_{cut}": whole[:-cut] for cut in (1, len(whole) // 2, len(whole) - 64) if whole}
    contents |= {"head_only": whole[:64] + random} if whole else {}
    paths = []
    for name, content in contents.items():
        paths.append(folder / f"{name}{made.path.suffix}")
        paths[-1].write_bytes(content)
    for file in sorted(made.path.rglob("*")):
        if file.is_file():
            package = folder / f"{file.stem}_cut{made.path.suffix}"
            shutil.copytree(made.path, package)
            (package / file.relative_to(made.path)).write_bytes(file.read_bytes()[: file.stat().st_size // 2])
            paths.append(package)
    return paths


def open_apart(target: Target, paths: list[Path], contract: ComponentContract) -> dict[str, str]:
    """What came of opening each file; those after which the process ended are not in it."""
    command = [sys.executable, "-c", OPENER, str(target), *map(str, paths)]
    done = subprocess.run(command, input=contract.model_dump_json(), capture_output=True, text=True, check=False)
    return dict(json.loads(line) for line in done.stdout.splitlines() if line.startswith("["))


@TARGETS
def test_damaged_files_are_errors(target: Target, make: Maker, tmp_path: Path) -> None:
    made = make(target, Precision.FP32)
    paths = [*damaged(made, tmp_path), made.path]
    results = open_apart(target, paths, made.example.contract)
    assert list(results) == [str(path) for path in paths]  # a process that ends early has opened fewer
    assert results.pop(str(made.path)) == "opened"
    for path, result in results.items():
        assert Path(path).name in result, result


def test_tflite_holds_everything_channels_last(make: Maker, inputs: Tensors) -> None:
    """The file itself, read without its contract; the session speaks NCHW all the same."""
    made = make(Target.TFLITE, Precision.FP32)
    contract = made.example.contract
    assert all(tensor.layout is Layout.NHWC for tensor in (*contract.inputs, *contract.outputs))
    signature = Interpreter(str(made.path)).get_signature_runner("serving_default")
    shapes = {
        name: tuple(int(length) for length in detail["shape"])
        for name, detail in {**signature.get_input_details(), **signature.get_output_details()}.items()
    }
    assert shapes["garment"] == (1, *SMALL, 3) and shapes["garment_features_4"] == (
        1,
        SMALL[0] // 2,
        SMALL[1] // 2,
        256,
    )
    assert shapes == {tensor.name: tensor.shape for tensor in (*contract.inputs, *contract.outputs)}
    outputs = made.open(Target.TFLITE).run(inputs)
    assert outputs["garment_features_4"].shape == (1, 256, SMALL[0] // 2, SMALL[1] // 2)
    assert {name: value.shape for name, value in outputs.items()} == {
        tensor.name: tensor.nchw_shape for tensor in contract.outputs
    }


def test_onnx_holds_features_channels_last_and_pictures_as_planes(make: Maker) -> None:
    made = make(Target.ONNX, Precision.FP32)
    contract = made.example.contract
    model = onnx.load(made.path)
    shapes = {
        value.name: tuple(length.dim_value for length in value.type.tensor_type.shape.dim)
        for value in (*model.graph.input, *model.graph.output)
    }
    assert shapes == {tensor.name: tensor.shape for tensor in (*contract.inputs, *contract.outputs)}
    assert shapes["garment"] == (1, 3, *SMALL) and shapes["garment_features_0"][-1] == 256
    assert all((tensor.layout is Layout.NHWC) == (tensor.kind is Kind.FEATURES) for tensor in contract.outputs)


@pytest.mark.parametrize("target", [Target.TFLITE, Target.EXECUTORCH])
def test_the_delegate_takes_the_whole_garment_encoder(target: Target, make: Maker) -> None:
    footprint = make(target, Precision.FP32).exported.footprint
    assert footprint.leftover_operations == {}
    assert footprint.delegated_operations is not None and footprint.delegated_operations > 50


@pytest.mark.parametrize("target", [Target.ONNX, Target.COREML])
def test_who_runs_what_is_not_claimed_where_the_file_does_not_say(target: Target, make: Maker) -> None:
    footprint = make(target, Precision.FP32).exported.footprint
    assert footprint.delegated_operations is None and footprint.leftover_operations is None


@pytest.mark.slow
def test_tflite_leaves_only_the_row_gathers_of_a_frame(small_network: TryOnNetwork, tmp_path: Path) -> None:
    """At full size: a gather and the cast of its index to an integer, and nothing else."""
    [example] = lowered_components(small_network, find_exporter(Target.TFLITE).facts, (Component.TRYON,))
    footprint = export_component(example, tmp_path / "tryon.tflite", Target.TFLITE).footprint
    leftover = footprint.leftover_operations
    assert leftover is not None and leftover.keys() == {"EMBEDDING_LOOKUP", "CAST"}
    assert footprint.delegated_operations is not None and footprint.delegated_operations > sum(leftover.values())


@TARGETS
def test_the_file_is_little_more_than_its_weights(target: Target, make: Maker) -> None:
    made = make(target, Precision.FP32)
    footprint = made.exported.footprint
    files = [made.path] if made.path.is_file() else [file for file in made.path.rglob("*") if file.is_file()]
    assert footprint.file_bytes == sum(file.stat().st_size for file in files)
    assert footprint.weight_bytes <= footprint.file_bytes <= 1.02 * footprint.weight_bytes
    assert footprint.constant_bytes is not None and footprint.metadata_bytes is not None
    assert footprint.file_bytes == footprint.weight_bytes + footprint.constant_bytes + footprint.metadata_bytes


@HALVED
def test_fp16_halves_the_file(target: Target, make: Maker) -> None:
    full, half = make(target, Precision.FP32).exported.footprint, make(target, Precision.FP16).exported.footprint
    assert half.file_bytes <= HALF_SIZE * full.file_bytes and half.weight_bytes == full.weight_bytes // 2


def test_executorch_keeps_the_weights_of_fp16_in_float32(make: Maker) -> None:
    """Its XNNPACK delegate stores them so and halves them when it loads; the artifact says so."""
    full, half = make(Target.EXECUTORCH, Precision.FP32), make(Target.EXECUTORCH, Precision.FP16)
    assert half.exported.footprint.weight_bytes == full.exported.footprint.weight_bytes
    assert any("weights in the file" in reason for reason in half.exported.kept_float32)


@TARGETS
def test_fp16_agrees(target: Target, make: Maker, inputs: Tensors) -> None:
    full, half = make(target, Precision.FP32), make(target, Precision.FP16)
    outputs = half.open(target).run(inputs)
    assert_agrees(outputs, half.network, half, inputs, BOUNDS_DB[Precision.FP16])
    full_outputs = full.open(target).run(inputs)
    assert any(not np.array_equal(outputs[name], full_outputs[name]) for name in outputs)  # it is another file indeed


@TARGETS
def test_what_stayed_float32_is_said(target: Target, make: Maker) -> None:
    """With the reason; a float32 artifact has nothing to say."""
    kept = make(target, Precision.FP16).exported.kept_float32
    assert kept and all(": " in reason for reason in kept)
    assert make(target, Precision.FP32).exported.kept_float32 == ()
