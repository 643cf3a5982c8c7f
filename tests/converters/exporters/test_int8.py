"""int8 end to end: calibrated, converted for three runtimes, run in them, and refused where it cannot be."""

import shutil
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import pytest
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from onnx import numpy_helper

from converters.verification import size_problems
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.bundles.golden import ReplayStatus, replay, replay_all
from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.datasets.dataset import evenly_spaced_samples
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.quantization import calibrate, prepare
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.targets import Precision, Target
from tests.cli.test_cli import refusal
from tests.conftest import INT8_IMAGES, SMALL

TARGETS = (Target.TFLITE, Target.EXECUTORCH, Target.ONNX)


@pytest.fixture
def bundle(int8_bundle: Bundle) -> Bundle:
    return int8_bundle


@pytest.fixture
def people(int8_people: Path) -> Path:
    return int8_people


@pytest.mark.parametrize("target", TARGETS)
def test_files_are_a_third(bundle: Bundle, target: Target) -> None:
    plain, eight = (
        sum(item.footprint.file_bytes for item in bundle.manifest.artifacts_of(target, precision))
        for precision in (Precision.FP32, Precision.INT8)
    )
    assert eight < 0.36 * plain


def test_every_artifact_replays_in_its_runtime(bundle: Bundle) -> None:
    verify_files(bundle)
    replays = replay_all(bundle)
    assert len(replays) == 2 * len(TARGETS)
    assert all(each.status is ReplayStatus.VERIFIED for each in replays), [each.problem for each in replays]


def test_the_manifest_says_what_stayed_float(bundle: Bundle) -> None:
    quantization = bundle.manifest.quantization
    assert quantization is not None and quantization.calibration is not None
    assert (quantization.size, quantization.calibration.images) == (SMALL, INT8_IMAGES)
    for item in bundle.manifest.artifacts_of(Target.TFLITE, Precision.INT8):
        said = "\n".join(item.kept_float32)
        assert "warp.aflow_net.narrow: chosen by warp.aflow_net.narrow" in said
        assert "warp.aflow_net.offset_4: a flow head" in said and "sampling positions" in said


def test_weight_bytes_are_those_of_integers(bundle: Bundle) -> None:
    for target in TARGETS:
        for item in bundle.manifest.artifacts_of(target, Precision.INT8):
            footprint = item.footprint
            assert 0.6 * footprint.file_bytes < footprint.weight_bytes < footprint.file_bytes


def test_tflite_convolves_integers(bundle: Bundle) -> None:
    model = flatbuffer_utils.read_model(bundle.folder / "tflite/tryon_int8.tflite")
    [graph] = model.subgraphs
    kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
    convolutions = [
        operation
        for operation in graph.operators
        if kinds[operation.opcodeIndex] in (schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D)
    ]
    types = [[graph.tensors[tensor].type for tensor in operation.inputs[:2]] for operation in convolutions]
    assert types.count([schema.TensorType.FLOAT32] * 2) == 4  # two flow heads, a reader of positions, the chosen one
    assert all(pair in ([schema.TensorType.INT8] * 2, [schema.TensorType.FLOAT32] * 2) for pair in types)


def test_onnx_holds_integers(bundle: Bundle) -> None:
    model = onnx.load(bundle.folder / "onnx/tryon_int8.onnx")
    held = {initializer.name: initializer for initializer in model.graph.initializer}
    weights = [
        held[node.input[0]].data_type
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and node.input[0] in held
    ]
    assert len(weights) > 80 and set(weights) == {onnx.TensorProto.INT8}


@pytest.mark.parametrize("component", ["garment_encoder", "tryon"])
def test_onnx_runtime_convolves_integers(bundle: Bundle, component: str, tmp_path: Path) -> None:
    """Every convolution with integer weights but one, whose ReLU6 stays: a concatenation with signed maps gives it
    their range, which is wider."""
    path = bundle.folder / f"onnx/{component}_int8.onnx"
    made = {output: node for node in onnx.load(path).graph.node for output in node.output}
    weights = [made.get(node.input[1]) for node in made.values() if node.op_type == "Conv"]
    wanted = sum(node is not None and node.op_type == "DequantizeLinear" for node in weights)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    ran = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert wanted - 1 <= ran.count("QLinearConv") <= wanted and wanted > 30


def swap_outputs(folder: Path) -> None:
    """Of the last layer: a colour for the composition."""
    path = folder / "onnx/tryon_int8.onnx"
    model = onnx.load(path)
    [weights] = [each for each in model.graph.initializer if tuple(each.dims) == (5, 24, 3, 3)]
    weights.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(weights)[[3, 1, 2, 0, 4]], weights.name))
    onnx.save(model, path)


def test_swapped_channels_are_found(bundle: Bundle, tmp_path: Path) -> None:
    shutil.copytree(bundle.folder, tmp_path / "spoilt.dmvton")
    swap_outputs(tmp_path / "spoilt.dmvton")
    found = replay(read_bundle(tmp_path / "spoilt.dmvton"), Target.ONNX, Precision.INT8)
    assert found.status is ReplayStatus.FAILED and "dB" in str(found.problem)


def test_runtimes_agree(bundle: Bundle) -> None:
    """On the garment's features: each output within one step in a hundred of its range."""
    made = []
    random = np.random.default_rng(0)
    garment = random.random((1, 3, *SMALL), np.float32)
    for target in TARGETS:
        [encoder] = [
            item
            for item in bundle.manifest.artifacts_of(target, Precision.INT8)
            if item.contract.component == "garment_encoder"
        ]
        session = open_session(target, bundle.folder / encoder.path, encoder.contract)
        made.append(session.run({"garment": garment, "garment_mask": np.ones((1, 1, *SMALL), np.float32)}))
    for name, value in made[0].items():
        for other in made[1:]:
            assert np.abs(value - other[name]).mean() < 0.01 * np.ptp(value)


def test_an_artifact_that_grew(bundle: Bundle) -> None:
    both = bundle.manifest.artifacts_of(Target.ONNX, Precision.FP32) + bundle.manifest.artifacts_of(
        Target.ONNX, Precision.INT8
    )
    assert size_problems(both) == []
    eight = both[-1]
    bigger = eight.model_copy(update={"footprint": eight.footprint.model_copy(update={"file_bytes": 10**8})})
    [said] = size_problems([*both[:-1], bigger])
    assert said.startswith("onnx/tryon_int8.onnx has 100000000 bytes") and said.endswith("int8 must save some.")


class TestRefused:
    @pytest.fixture(scope="class")
    def eight(self, int8_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
        """A quantized checkpoint."""
        path = tmp_path_factory.mktemp("checkpoint") / "int8.safetensors"
        save_checkpoint(quantized(int8_people), path, trained=False)
        return path

    def test_no_ranges(self, tmp_path: Path) -> None:
        said = refusal("convert", "--network", "dmvton-student", "--precision", "int8", "--out", tmp_path / "b.dmvton")
        assert "pass --calibration DIR" in said and list(tmp_path.iterdir()) == []

    def test_other_precisions_of_a_quantized_checkpoint(self, eight: Path, tmp_path: Path) -> None:
        said = refusal("convert", "--checkpoint", eight, "--precision", "fp32", "--out", tmp_path / "b.dmvton")
        assert "converts to int8 alone, not fp32" in said

    def test_another_size(self, eight: Path, tmp_path: Path) -> None:
        said = refusal("convert", "--checkpoint", eight, "--precision", "int8", "--out", tmp_path / "b.dmvton")
        assert "was quantized for 128x96, not 256x192" in said

    def test_another_networks_checkpoint(self, eight: Path, tmp_path: Path) -> None:
        said = refusal(
            "convert", "--network", "dmvton-student", "--quantized", eight, "--precision", "int8",
            "--out", tmp_path / "b.dmvton",
        )  # fmt: skip
        assert "holds dmvton-lite, and the float checkpoint dmvton-student" in said

    def test_a_float_checkpoint_as_the_quantized_one(self, tmp_path: Path) -> None:
        path = tmp_path / "float.safetensors"
        save_checkpoint(seeded_network("dmvton-lite"), path, trained=False)
        said = refusal("convert", "--quantized", path, "--precision", "int8", "--out", tmp_path / "b.dmvton")
        assert "is not quantized: dmvton compress makes one" in said

    def test_other_delegates(self, tmp_path: Path) -> None:
        said = refusal(
            "convert", "--target", "executorch", "--delegate", "vulkan", "--precision", "int8",
            "--out", tmp_path / "b.dmvton",
        )  # fmt: skip
        assert "int8 goes through XNNPACK, not --delegate vulkan" in said

    def test_palettes_beyond_core_ml(self, tmp_path: Path) -> None:
        said = refusal("convert", "--target", "onnx", "--precision", "palette6", "--out", tmp_path / "b.dmvton")
        assert "palette6 is not for onnx: it is for Core ML packages only" in said


def quantized(people: Path) -> TryOnNetwork:
    from dmvton_mobile.datasets.layouts.registry import open_dataset

    network = prepare(seeded_network("dmvton-lite"), Quantization(size=SMALL))
    calibrate(network, evenly_spaced_samples(open_dataset(people, "train", SMALL), INT8_IMAGES))
    return network
