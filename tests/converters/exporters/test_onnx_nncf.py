"""int8 for ONNX by NNCF: what may be integers is, what must not be is not, layers return to float32 for quality's sake,
and what cannot be done is refused."""

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

from converters.convert import convert
from converters.exporters.control_samples import ControlSamples
from converters.exporters.nncf_component import RETURNED
from converters.exporters.onnx import OPSET, OnnxExporter
from converters.exporters.onnx_layers import additions_between, convolutions, layers_of
from converters.exporters.onnx_nncf import OnnxNncfExporter
from converters.exporters.protocol import ComponentExport, QuantizationOptions, TargetJob
from converters.plan import DEFAULT_MAX_DROP_DB, Plan
from converters.registry import lowered_components
from converters.target import Delegate, Quantizer
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, verify_files
from dmvton_mobile.bundles.golden import ReplayStatus, replay_all
from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import DEFAULT_SIZE, Component, Components
from dmvton_mobile.datasets.dataset import Phase, TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.quantization import float_layers, quantizable_layers
from dmvton_mobile.targets import Precision, Target
from tests.cli.test_cli import refusal
from tests.conftest import SMALL
from tests.rendered import rendered_people

KEPT = "warp.aflow_net.narrow"
NNCF = ("convert", "--target", "onnx", "--precision", "int8", "--quantizer", "nncf")
IMAGES = 32  # half of them for ranges, half for evaluation


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("people") / "people", IMAGES)


@pytest.fixture(scope="module")
def dataset(people: Path) -> TryOnDataset:
    return open_dataset(people, "train", SMALL)


@pytest.fixture(scope="module")
def bundle(people: Path, tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    return converted(
        people, tmp_path_factory.mktemp("nncf") / "lite.dmvton", precisions=(Precision.FP32, Precision.INT8)
    )


def converted(people: Path, out: Path, **changed: Any) -> Bundle:
    weights = changed.pop("weights", Weights(calibration=people, keep_float=(KEPT,)))
    plan = Plan(
        weights=weights,
        targets=(Target.ONNX,),
        out=out,
        quantizer=Quantizer.NNCF,
        delegate=Delegate.XNNPACK,
        **{"precisions": (Precision.INT8,), "components": Components.SPLIT, "size": SMALL, **changed},
    )
    convert(plan, on_result=lambda _: None, on_step=lambda _: None)
    return read_bundle(out)


def options_for(people: Path, keep_float: tuple[str, ...] = ()) -> QuantizationOptions:
    return QuantizationOptions(size=SMALL, max_drop_db=DEFAULT_MAX_DROP_DB, calibration=people, keep_float=keep_float)


def model_of(bundle: Bundle, component: Component = Component.TRYON) -> onnx.ModelProto:
    return onnx.load(bundle.folder / f"onnx/{component}_int8.onnx")


def examples_of(network: TryOnNetwork, size: tuple[int, int] = SMALL) -> list[ComponentExample]:
    return lowered_components(network, OnnxExporter.facts, Components.SPLIT.members, size)


def weights_in_int8(model: onnx.ModelProto) -> set[str]:
    """The convolutions whose weights are integers in the file."""
    held = {constant.name: constant.data_type for constant in model.graph.initializer}
    integers = {
        node.output[0]
        for node in model.graph.node
        if node.op_type == "DequantizeLinear" and held.get(node.input[0]) == TensorProto.INT8
    }
    return {node.name for node in convolutions(model) if node.input[1] in integers}


class TestBundle:
    def test_files_are_well_below_a_half(self, bundle: Bundle) -> None:
        sizes = {item.path: item.footprint.file_bytes for item in bundle.manifest.artifacts}
        for component in Components.SPLIT.members:
            assert sizes[f"onnx/{component}_int8.onnx"] < 0.4 * sizes[f"onnx/{component}_fp32.onnx"]

    def test_every_artifact_replays(self, bundle: Bundle) -> None:
        verify_files(bundle)
        replays = replay_all(bundle)
        assert [replay.status for replay in replays] == [ReplayStatus.VERIFIED] * 2, [each.problem for each in replays]

    def test_golden_tensors_are_the_float_networks(self, bundle: Bundle) -> None:
        plain, eight = (bundle.folder / "golden" / name for name in ("tryon.safetensors", "tryon_int8.safetensors"))
        assert plain.read_bytes() == eight.read_bytes()

    def test_the_manifest_says_how_it_was_made(self, bundle: Bundle) -> None:
        quantization = bundle.manifest.quantization
        assert quantization is not None and quantization.calibration is not None
        assert (quantization.size, quantization.keep_float) == (SMALL, (KEPT,))
        assert quantization.calibration.images == IMAGES // 2
        control = quantization.accuracy_control
        assert control is not None
        assert (control.images, control.pairing, control.max_drop_db) == (IMAGES // 2, "unpaired", 0.3)
        assert control.float_db - control.int8_db <= control.max_drop_db and control.int8_db > 5
        assert "nncf" in bundle.manifest.tool_versions

    def test_what_stayed_float_is_said(self, bundle: Bundle) -> None:
        said = {item.path: "\n".join(item.kept_float32) for item in bundle.manifest.artifacts}
        assert f"{KEPT}: chosen by {KEPT}" in said["onnx/tryon_int8.onnx"]
        assert "warp.aflow_net.offset_4: a flow head" in said["onnx/tryon_int8.onnx"]
        assert said["onnx/tryon_fp32.onnx"] == ""

    def test_every_layer_that_may_be_integers_is(self, bundle: Bundle) -> None:
        """And no other; told by the float32 file, whose convolutions have the same names."""
        network = default_network("dmvton-lite")[0]
        kept = {item.layer for item in float_layers(network, (KEPT,))}
        wanted = set(quantizable_layers(network)) - kept
        seen = set()
        for example in examples_of(network):
            component = example.contract.component
            plain = onnx.load(bundle.folder / f"onnx/{component}_fp32.onnx")
            layers = layers_of(plain, example.graph.network)
            eight = {layers[name] for name in weights_in_int8(model_of(bundle, component))}
            assert eight == set(layers.values()) & wanted
            seen |= set(layers.values())
        assert seen == wanted | kept

    @pytest.mark.parametrize("component", Components.SPLIT.members)
    def test_only_convolutions_and_additions_read_what_was_rounded(self, bundle: Bundle, component: Component) -> None:
        model = model_of(bundle, component)
        rounded = {node.output[0] for node in model.graph.node if node.op_type == "DequantizeLinear"}
        readers = [node.op_type for node in model.graph.node if rounded & set(node.input)]
        assert set(readers) == {"Conv", "Add"} and readers.count("Conv") > 30

    @pytest.mark.parametrize("component", Components.SPLIT.members)
    def test_nothing_for_debuggers_is_left(self, bundle: Bundle, component: Component) -> None:
        model = model_of(bundle, component)
        assert [(each.domain, each.version) for each in model.opset_import] == [("", OPSET)]
        assert not model.graph.value_info and not model.doc_string
        assert not any(node.doc_string or node.metadata_props for node in model.graph.node)
        described = {each.key for each in model.metadata_props}
        assert described == {each.name for each in (*model.graph.input, *model.graph.output)}

    def test_bytes_are_accounted_for(self, bundle: Bundle) -> None:
        for item in bundle.manifest.artifacts:
            footprint = item.footprint
            assert footprint.file_bytes == (bundle.folder / item.path).stat().st_size
            parts = (footprint.weight_bytes, footprint.constant_bytes or 0, footprint.metadata_bytes or 0)
            assert sum(parts) == footprint.file_bytes and min(parts) > 0
            if item.precision is Precision.INT8:
                assert 0.6 * footprint.file_bytes < footprint.weight_bytes

    @pytest.mark.slow
    def test_the_same_bytes_again(self, bundle: Bundle, people: Path, tmp_path: Path) -> None:
        again = converted(people, tmp_path / "again.dmvton")
        for component in Components.SPLIT.members:
            name = f"onnx/{component}_int8.onnx"
            assert (again.folder / name).read_bytes() == (bundle.folder / name).read_bytes()

    @pytest.mark.slow
    def test_in_one_graph(self, people: Path, tmp_path: Path) -> None:
        whole = converted(people, tmp_path / "whole.dmvton", components=Components.WHOLE)
        [item] = whole.manifest.artifacts
        assert item.path == "onnx/whole_int8.onnx"
        assert len(weights_in_int8(model_of(whole, Component.WHOLE))) == 120


SPOILT = "warp.person.smooth_8.2"
FEW = ("generator", "warp.[!p]*", "warp.person.[!s]*")  # patterns of what stays float32, so that little is tried
ALL_BUT_SPOILT = (*FEW, "warp.person.s[!m]*", "warp.person.smooth_[!8]*", "warp.person.smooth_8.0")


class TestAccuracyControl:
    """With a network of the same function, one of whose layers reads a channel that is a thousand times as large as the
    others: no eight bits for all channels together can hold those. At the size that it was trained for: at others its
    try-ons are so bad that hardly anything makes them worse."""

    @pytest.fixture(scope="class")
    def large_people(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        return rendered_people(tmp_path_factory.mktemp("large") / "people", IMAGES, size=DEFAULT_SIZE)

    @pytest.fixture(scope="class")
    def checkpoint(self, tmp_path_factory: pytest.TempPathFactory) -> Path:
        network, _ = default_network("dmvton-lite")
        state = network.state_dict()
        state["warp.person.smooth_8.1.weight"][0] *= 1000
        state["warp.person.smooth_8.1.bias"][0] *= 1000
        state[f"{SPOILT}.weight"][:, 0] /= 1000
        path = tmp_path_factory.mktemp("spoilt") / "lite.safetensors"
        save_checkpoint(network, path, trained=True)
        return path

    def test_what_eight_bits_cannot_hold_is_returned(
        self, checkpoint: Path, large_people: Path, tmp_path: Path
    ) -> None:
        weights = Weights(checkpoint=checkpoint, calibration=large_people, keep_float=FEW)
        made = converted(large_people, tmp_path / "b.dmvton", weights=weights, size=DEFAULT_SIZE, max_drop_db=0.1)
        said = {item.contract.component: item.kept_float32 for item in made.manifest.artifacts}
        returned = [each for each in said[Component.TRYON] if each.endswith(RETURNED)]
        assert f"{SPOILT}: {RETURNED}" in returned
        assert len(weights_in_int8(model_of(made))) == 13 - len(returned) > 8
        assert not any(each.endswith(RETURNED) for each in said[Component.GARMENT_ENCODER])
        control = made.manifest.quantization and made.manifest.quantization.accuracy_control
        assert control and control.max_drop_db == 0.1 and control.float_db - control.int8_db <= 0.1
        assert [replay.status for replay in replay_all(made)] == [ReplayStatus.VERIFIED]

    def test_where_nothing_is_left(self, checkpoint: Path, large_people: Path, tmp_path: Path) -> None:
        weights = Weights(checkpoint=checkpoint, calibration=large_people, keep_float=ALL_BUT_SPOILT)
        with pytest.raises(CheckFailed, match="whole_int8.onnx: try-ons lose more than 0.1 dB with any layer in int8"):
            converted(
                large_people,
                tmp_path / "b.dmvton",
                weights=weights,
                size=DEFAULT_SIZE,
                max_drop_db=0.1,
                components=Components.WHOLE,
            )
        assert list(tmp_path.iterdir()) == []


class TestControlSamples:
    def test_none_that_gave_ranges_is_evaluated(self, dataset: TryOnDataset) -> None:
        samples = ControlSamples.of(dataset)
        names = [{sample.person_name for sample in part} for part in (samples.calibration, samples.evaluation)]
        assert [len(part) for part in names] == [IMAGES // 2] * 2 and not names[0] & names[1]
        assert samples.pairing is Pairing.UNPAIRED

    def test_without_another_garments_truth_the_worn_one_is_evaluated(self, people: Path) -> None:
        assert ControlSamples.of(without("unpaired", "truth")(people)).pairing is Pairing.PAIRED

    def test_without_any_truth(self, people: Path) -> None:
        with pytest.raises(DmvtonError, match="has neither label maps nor rendered truth.*pass another --calibration"):
            ControlSamples.of(without("unpaired", "truth", "label")(people))

    def test_too_few_for_ranges(self, tmp_path: Path) -> None:
        few = rendered_people(tmp_path / "few", 10)
        with pytest.raises(DmvtonError, match="Calibration needs 16 images or more; these are 5"):
            OnnxNncfExporter().check(default_network("dmvton-lite")[0], options_for(few))


def without(*fields: str) -> Any:
    """Opens a dataset whose samples lack these: one as others publish them."""

    class Poorer(Viton):
        def __getitem__(self, index: int) -> TryOnSample:
            changed: dict[str, Any] = dict.fromkeys(fields)
            return replace(super().__getitem__(index), **changed)

    return lambda root: Poorer(root, Phase.TRAIN, SMALL)


class TestLayers:
    def test_a_students_are_all_found(self, tmp_path: Path) -> None:
        """Its refine heads are split by the lowering, and their parts have the names of the layers they were."""
        network = seeded_network("dmvton-student")
        found: set[str] = set()
        for example in examples_of(network, (64, 64)):
            path = tmp_path / "plain.onnx"
            OnnxExporter().export_component(ComponentExport(example, path, Precision.FP32))
            found |= set(layers_of(onnx.load(path), example.graph.network).values())
        assert found >= set(quantizable_layers(network))
        assert {"warp.aflow_net.netRefine.0.0", "warp.aflow_net.netRefine.0.6"} <= found

    def test_a_convolution_of_nobodys(self, bundle: Bundle) -> None:
        [_, example] = examples_of(default_network("dmvton-lite")[0])
        model = onnx.load(bundle.folder / "onnx/tryon_fp32.onnx")
        node = convolutions(model)[7]
        [weights] = [constant for constant in model.graph.initializer if constant.name == node.input[1]]
        changed = numpy_helper.to_array(weights).copy()
        changed[0, 0] *= 1.1
        weights.CopyFrom(numpy_helper.from_array(changed, weights.name))
        with pytest.raises(
            DmvtonError, match=f"{node.name} of the .onnx file has the weights of no layer of dmvton-lit"
        ):
            layers_of(model, example.graph.network)

    def test_one_that_is_not_in_the_files(self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(
            "converters.exporters.onnx_nncf.quantizable_layers", lambda _: ["generator.out", "generator.extra"]
        )
        network = default_network("dmvton-lite")[0]
        components = tuple(
            ComponentExport(example, tmp_path / f"{example.contract.component}.onnx", Precision.INT8)
            for example in examples_of(network)
        )
        job = TargetJob(network, Target.ONNX, Precision.INT8, components, options_for(people))
        with pytest.raises(DmvtonError, match="generator.extra cannot be found in the .onnx files"):
            OnnxNncfExporter().export(job, on_step=lambda _: None)

    def test_additions_of_anything_else_are_none_between_layers(self) -> None:
        shape = [1, 2, 4, 4]
        nodes = [
            helper.make_node("Conv", ["x", "w"], ["a"], name="first"),
            helper.make_node("Conv", ["x", "w"], ["b"], name="second"),
            helper.make_node("Clip", ["b", "low", "high"], ["c"], name="clip"),
            helper.make_node("Add", ["a", "c"], ["d"], name="of both"),
            helper.make_node("Add", ["d", "x"], ["e"], name="of the input"),
            helper.make_node("Add", ["a", "position"], ["f"], name="of a position"),
        ]
        made = helper.make_graph(
            nodes,
            "additions",
            [helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)],
            [helper.make_tensor_value_info(name, TensorProto.FLOAT, shape) for name in ("e", "f")],
            [numpy_helper.from_array(np.zeros(shape, np.float32), "position")],
        )
        model = helper.make_model(made)
        assert additions_between(model, {"first", "second"}) == ["of both"]
        assert additions_between(model, {"first"}) == []


class TestRefused:
    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--target", "onnx", "tflite"), "--quantizer nncf is for .onnx files only: pass --target onnx"),
            (("--target", "onnx", "--precision", "fp32"), "--quantizer nncf makes int8 files: add --precision int8"),
            (("--target", "onnx", "--quantized", "x"), "--quantizer nncf starts from float weights: drop --quantized"),
            (
                ("--target", "onnx"),
                "--quantizer nncf needs pictures for ranges and for evaluation: pass --calibration DIR",
            ),
            (
                ("--target", "onnx", "--calibration", "people", "--max-drop", "0"),
                "--max-drop is in decibels and above 0, like 0.3; this is 0.",
            ),
            (
                ("--target", "onnx", "--calibration", "people", "--max-drop", "nan"),
                "--max-drop is in decibels and above 0, like 0.3; this is nan.",
            ),
            (
                ("--target", "onnx", "--quantizer", "pt2e", "--max-drop", "0.3"),
                "--max-drop is for accuracy control: add --quantizer nncf, or drop it.",
            ),
        ],
    )
    def test_at_once(self, tmp_path: Path, options: tuple[str, ...], said: str) -> None:
        common = () if "--precision" in options else ("--precision", "int8")
        out = ("--out", tmp_path / "new.dmvton")
        assert said in refusal("convert", "--quantizer", "nncf", *common, *options, *out)
        assert list(tmp_path.iterdir()) == []

    def test_no_such_dataset(self, tmp_path: Path) -> None:
        said = refusal(*NNCF, "--calibration", tmp_path / "nowhere", "--out", tmp_path / "new.dmvton")
        assert "There is no folder" in said and list(tmp_path.iterdir()) == []

    def test_a_network_that_is_quantized_already(self, people: Path, tmp_path: Path) -> None:
        from tests.converters.exporters.test_int8 import quantized

        save_checkpoint(quantized(people), tmp_path / "int8.safetensors", trained=False)
        said = refusal(
            *NNCF, "--checkpoint", tmp_path / "int8.safetensors", "--calibration", people,
            "--out", tmp_path / "new.dmvton",
        )  # fmt: skip
        assert "is quantized already: give --quantizer nncf the float checkpoint" in said

    def test_every_layer_kept(self, people: Path) -> None:
        options = options_for(people, keep_float=("warp", "generator"))
        with pytest.raises(DmvtonError, match="Nothing would be quantized: every layer is kept float32"):
            OnnxNncfExporter().check(default_network("dmvton-lite")[0], options)

    def test_a_pattern_that_matches_nothing(self, people: Path, tmp_path: Path) -> None:
        said = refusal(
            *NNCF, "--calibration", people, "--size", "128x96", "--keep-float", "generator.down",
            "--out", tmp_path / "new.dmvton",
        )  # fmt: skip
        assert "'generator.down' matches no convolution of dmvton-lite" in said

    def test_nncf_is_not_installed(self, people: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setitem(sys.modules, "nncf", None)  # as Python marks what it must not find
        said = refusal(*NNCF, "--calibration", people, "--size", "128x96", "--out", tmp_path / "new.dmvton")
        assert 'Quantizing with NNCF needs nncf, which is not installed: pip install "dmvton-mobile[onnx,nncf]"' in said
        assert list(tmp_path.iterdir()) == []


def test_nothing_is_reported_to_nncfs_makers(tmp_path: Path) -> None:
    """In a process of its own, since NNCF keeps quiet where it sees pytest."""
    code = (
        "from converters.exporters.vendor_nncf import import_nncf; import_nncf(); "
        "import nncf.telemetry as t; print(t.telemetry)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, env={"HOME": str(tmp_path)}
    )
    assert "MagicMock" in done.stdout, "its stand-in for a reporter that is not installed"
    assert not (tmp_path / "intel").exists(), "where it would keep an identifier"
