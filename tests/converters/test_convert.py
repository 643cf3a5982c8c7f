"""Real conversions: what the manifest says is so, what is wrong is refused, and nothing half-made stays behind."""

import itertools
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import pytest
import torch
import typer

import converters.example
from converters import convert as converting
from converters.cli import convert_command
from converters.convert import convert
from converters.plan import Plan
from converters.results import ArtifactResult
from converters.target import Delegate
from converters.weights import Weights
from dmvton_mobile.bundles.assembly import TOOLS
from dmvton_mobile.bundles.bundle import read_bundle, read_golden, verify_files
from dmvton_mobile.bundles.golden import GOLDEN, ReplayStatus, replay_all
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.bundles.parity import BOUNDS_DB
from dmvton_mobile.checkpoints.checkpoint import save_checkpoint, weight_bytes
from dmvton_mobile.components import OUTPUT_NAMES, feature_names
from dmvton_mobile.contract import Component, ComponentContract, Components
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.imaging.decode import read_picture
from dmvton_mobile.imaging.garment_mask import find_garment_mask
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.targets import Precision, Target, artifact_path
from dmvton_mobile.tryon import TryOn
from dmvton_mobile.utils.files import atomic_folder
from tests.cli.test_cli import dmvton, refusal

ROOT = Path(__file__).parents[2]
EXAMPLE = Path(converters.example.__file__).parent
DELEGATES_OF_PHONES = [(Target.EXECUTORCH, Delegate.VULKAN), (Target.EXECUTORCH, Delegate.COREML)]
PIXELS = (256, 192)
# coarse to fine: 1/32 to 1/2 of the picture, as the frame's contract has held them since the first bundle
FEATURES_NHWC = {f"garment_features_{level}": (1, 8 << level, 6 << level, 256) for level in range(5)}


def plan(out: Path, *targets: Target, network: str = "dmvton-student", checkpoint: Path | None = None) -> Plan:
    return Plan(
        weights=Weights(network=network, checkpoint=checkpoint),
        targets=targets,
        precisions=(Precision.FP32,),
        components=Components.SPLIT,
        delegate=Delegate.XNNPACK,
        out=out,
    )


@dataclass(frozen=True)
class Converted:
    """A conversion that went well: its bundle, with its results and its steps."""

    path: Path
    manifest: Manifest
    results: list[ArtifactResult]
    steps: list[str]


def run_plan(planned: Plan) -> Converted:
    results: list[ArtifactResult] = []
    steps: list[str] = []
    return Converted(planned.out, convert(planned, on_result=results.append, on_step=steps.append), results, steps)


@pytest.fixture(scope="module")
def student(tmp_path_factory: pytest.TempPathFactory) -> Converted:
    """The paper's student in ONNX, fp32, split: converted once for all that only read it."""
    return run_plan(plan(tmp_path_factory.mktemp("converted") / "student.dmvton", Target.ONNX))


def check_figures(manifest: Manifest) -> None:
    """Every output, on both kinds of inputs, at or above the precision's bound."""
    for artifact in manifest.artifacts:
        figures = {(figure.output, figure.inputs): figure for figure in artifact.parity}
        assert figures.keys() == set(itertools.product(artifact.contract.output_names, ("example", "random")))
        assert len(figures) == len(artifact.parity)
        for figure in artifact.parity:
            assert figure.bound_db == BOUNDS_DB[artifact.precision]
            assert (figure.psnr_db is None) == (figure.max_abs_error == 0)
            assert figure.psnr_db is None or figure.psnr_db >= figure.bound_db, (artifact.path, figure)


def check_footprints(path: Path, manifest: Manifest, network: TryOnNetwork) -> None:
    """The items add up to the bytes on disk, and the weights to the network's, in the share the file stores."""
    half = manifest.artifacts[0].precision is Precision.FP16
    share = {target: 0.5 if half and target is not Target.EXECUTORCH else 1.0 for target in Target}
    for artifact in manifest.artifacts:
        footprint = artifact.footprint
        assert footprint.file_bytes == bytes_on_disk(path / artifact.path)
        assert footprint.constant_bytes is not None and footprint.metadata_bytes is not None
        items = footprint.weight_bytes + footprint.constant_bytes + footprint.metadata_bytes
        assert items == footprint.file_bytes, artifact.path
        if share[artifact.target] == 1.0:
            assert footprint.weight_bytes == pytest.approx(footprint.file_bytes, rel=0.05), artifact.path
    for target in {artifact.target for artifact in manifest.artifacts}:
        held = sum(artifact.footprint.weight_bytes for artifact in manifest.artifacts if artifact.target is target)
        assert held == pytest.approx(share[target] * weight_bytes(network), rel=0.05), target


def bytes_on_disk(path: Path) -> int:
    files = path.rglob("*") if path.is_dir() else [path]
    return sum(file.stat().st_size for file in files if file.is_file())


def check_replay(path: Path) -> None:
    """Every runtime of the bundle computes the golden outputs again, from what lies on disk."""
    bundle = read_bundle(path)
    verify_files(bundle)
    replays = replay_all(bundle)
    assert replays and [(replay.status, replay.problem) for replay in replays] == [(ReplayStatus.VERIFIED, None)] * len(
        replays
    )


def picture_of(maker: TryOn) -> np.ndarray:
    """The example person in the example garment, as integers that can be subtracted."""
    garment = read_picture(EXAMPLE / "garment.jpg")
    prepared = maker.prepare_garment(garment, find_garment_mask(garment, EXAMPLE / "garment_mask.png"))
    return maker.try_on(read_picture(EXAMPLE / "person.jpg"), prepared).astype(int)


@pytest.fixture(scope="module")
def expected_picture(tmp_path_factory: pytest.TempPathFactory) -> np.ndarray:
    """What PyTorch makes of the example with the seeded student."""
    path = tmp_path_factory.mktemp("expected") / "student.safetensors"
    save_checkpoint(seeded_network("dmvton-student"), path, trained=False)
    return picture_of(TryOn.from_checkpoint(path))


def check_picture(path: Path, target: Target, precision: Precision, expected: np.ndarray) -> None:
    made = picture_of(TryOn.from_bundle(path, target, precision))
    assert made.shape == expected.shape
    assert np.abs(made - expected).mean() < 1, target
    person = read_picture(EXAMPLE / "person.jpg").rgb.astype(int)
    assert np.abs(expected - person).mean() > 1, "the garment is to be seen at all"


class TestManifest:
    def test_what_was_converted(self, student: Converted) -> None:
        manifest = student.manifest
        assert read_bundle(student.path).manifest == manifest
        assert (manifest.network, manifest.trained, manifest.training, manifest.licence) == (
            "dmvton-student", False, None, None,
        )  # fmt: skip
        assert (manifest.components, manifest.size, manifest.align_corners) == (Components.SPLIT, PIXELS, True)
        artifacts = [(item.contract.component, item.target, item.precision, item.path) for item in manifest.artifacts]
        assert artifacts == [
            (component, Target.ONNX, Precision.FP32, artifact_path(component, Target.ONNX, Precision.FP32))
            for component in (Component.GARMENT_ENCODER, Component.TRYON)
        ]
        assert all(item.evaluator == "ONNX Runtime" and item.reproducible for item in manifest.artifacts)
        assert all(item.kept_float32 == () for item in manifest.artifacts)

    def test_every_output_was_compared(self, student: Converted, small_network: TryOnNetwork) -> None:
        check_figures(student.manifest)
        assert sum(len(item.parity) for item in student.manifest.artifacts) == 2 * (
            len(feature_names(small_network)) + len(OUTPUT_NAMES)
        )

    def test_every_byte_is_accounted_for(self, student: Converted, small_network: TryOnNetwork) -> None:
        check_footprints(student.path, student.manifest, small_network)

    def test_names_and_shapes(self, student: Converted) -> None:
        encoder, frame = (item.contract for item in student.manifest.artifacts)
        features = {"garment_picture": shapes(encoder)["garment_picture"], **FEATURES_NHWC}
        pictures = {name: (1, channels, *PIXELS) for name, channels in (("garment", 3), ("garment_mask", 1))}
        assert shapes(encoder) == pictures | features
        outputs = {name: (1, channels, *PIXELS) for name, channels in zip(OUTPUT_NAMES, (3, 2, 1, 3), strict=True)}
        assert shapes(frame) == {"person": (1, 3, *PIXELS)} | features | outputs
        assert encoder.outputs == frame.inputs[1:], "what the one gives, the other takes"

    def test_the_versions_that_made_it(self, student: Converted) -> None:
        expected = {package: metadata.version(package) for package in ("dmvton-mobile", *TOOLS)}
        assert student.manifest.tool_versions == expected

    def test_the_commit_that_made_it(self, student: Converted) -> None:
        if not (ROOT / ".git").exists():
            pytest.skip("not a checkout")
        head = subprocess.run(["git", "-C", ROOT, "rev-parse", "HEAD"], capture_output=True, text=True, check=True)
        commit = student.manifest.source_commit
        assert commit is not None and re.fullmatch(r"[0-9a-f]{40}(\+changes)?", commit)
        assert commit.removesuffix("+changes") == head.stdout.strip()

    def test_the_golden_file(self, student: Converted) -> None:
        assert student.manifest.golden == (GOLDEN,)
        golden = read_golden(read_bundle(student.path), GOLDEN)
        inputs = {f"input.{name}" for name in ("person", "garment", "garment_mask")}
        assert golden.keys() == inputs | {f"output.{name}" for name in OUTPUT_NAMES}
        assert golden["output.tryon"].shape == golden["input.person"].shape == (1, 3, *PIXELS)

    def test_a_result_and_a_step_for_each(self, student: Converted) -> None:
        assert student.steps == ["onnx fp32 garment_encoder", "onnx fp32 tryon"]
        assert [result.status for result in student.results] == ["verified", "verified"]
        assert tuple(result.artifact for result in student.results) == student.manifest.artifacts


def shapes(contract: ComponentContract) -> dict[str, tuple[int, ...]]:
    return {tensor.name: tensor.shape for tensor in (*contract.inputs, *contract.outputs)}


class TestBundle:
    def test_verify(self, student: Converted) -> None:
        result = dmvton("verify", student.path)
        assert result.exit_code == 0, result.output
        assert "onnx" in result.stdout and "verified" in result.stdout

    def test_it_puts_the_same_garment_on(self, student: Converted, expected_picture: np.ndarray) -> None:
        check_picture(student.path, Target.ONNX, Precision.FP32, expected_picture)

    def test_an_existing_bundle_is_not_touched(self, student: Converted) -> None:
        before = {path: path.stat().st_mtime_ns for path in [student.path, *student.path.rglob("*")]}
        said = refusal("convert", "--target", "onnx", "--out", student.path)
        assert f"{student.path} exists already" in said
        assert {path: path.stat().st_mtime_ns for path in [student.path, *student.path.rglob("*")]} == before
        verify_files(read_bundle(student.path))


class TestCommandLine:
    @pytest.fixture
    def planned(self, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Plan]:
        """The plan that the options make: a spy in the place of the conversion, which the other tests run."""
        plans: list[Plan] = []

        def spy(made: Plan, **_: object) -> Manifest:
            plans.append(made)
            raise CheckFailed("spied")

        monkeypatch.setattr(converting, "convert", spy)

        def parse(*arguments: str | Path) -> Plan:
            with pytest.raises(CheckFailed, match="spied"):
                converting_command(*arguments)
            return plans[-1]

        return parse

    @pytest.mark.parametrize(
        ("words", "expected"),
        [
            (("--target", "onnx", "tflite"), (Target.ONNX, Target.TFLITE)),
            (("--target", "onnx", "--target", "tflite"), (Target.ONNX, Target.TFLITE)),
            (("--target", "tflite", "onnx", "tflite"), (Target.TFLITE, Target.ONNX)),
            (("--target", "all"), tuple(Target)),
            (("--target", "onnx", "all"), tuple(Target)),
            ((), tuple(Target)),
        ],
        ids=" ".join,
    )
    def test_targets(
        self, planned: Callable[..., Plan], tmp_path: Path, words: tuple[str, ...], expected: tuple[Target, ...]
    ) -> None:
        made = planned(*words, "--precision", "fp32", "--out", tmp_path / "new.dmvton")
        assert made.targets == expected
        assert (made.weights, made.components, made.size) == (Weights(), Components.SPLIT, PIXELS)

    def test_as_a_script_from_another_folder(self, tmp_path: Path) -> None:
        command = [sys.executable, str(ROOT / "converters" / "convert.py"), "--help"]
        done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, check=False)
        assert done.returncode == 0, done.stderr
        assert all(option in done.stdout for option in ("--target", "--checkpoint", "--precision", "--delegate"))
        assert done.stdout == dmvton_help(tmp_path)


def converting_command(*arguments: str | Path) -> None:
    """The `convert` of the command line, its errors as exceptions; standard error is a real file, as in a shell."""
    app = typer.Typer(pretty_exceptions_enable=False)
    app.command()(convert_command)
    app([str(argument) for argument in arguments], prog_name="convert", standalone_mode=False)


def dmvton_help(folder: Path) -> str:
    command = [sys.executable, "-m", "dmvton_mobile.cli", "convert", "--help"]
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, check=True).stdout


class TestRefused:
    """Before anything is loaded or written."""

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (("--target", "tensorrt"), "no target 'tensorrt'. Known: coreml, tflite, executorch, onnx, all."),
            (("--target", "onnx", "tensorrt"), "no target 'tensorrt'. Known: coreml, tflite, executorch, onnx, all."),
            (
                ("--target", "tflite", "onnx", "--delegate", "vulkan"),
                "--delegate vulkan is for .pte files only: add --target executorch, or drop it.",
            ),
        ],
    )
    def test_at_once(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: tuple[str, ...], said: str
    ) -> None:
        monkeypatch.setattr(converting, "networks_by_precision", lambda *_, **__: pytest.fail("something was loaded"))
        assert said in refusal("convert", *options, "--out", tmp_path / "new.dmvton")
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("option", "value"), [("--precision", "int4"), ("--delegate", "cuda")])
    def test_a_choice_that_nobody_knows(self, tmp_path: Path, option: str, value: str) -> None:
        result = dmvton("convert", option, value, "--out", tmp_path / "new.dmvton")
        assert result.exit_code == 2 and f"'{value}' is not one of" in result.stderr
        assert list(tmp_path.iterdir()) == []

    def test_every_target_has_fp16(self, tmp_path: Path) -> None:
        for target, delegate in [*((target, Delegate.XNNPACK) for target in Target), *DELEGATES_OF_PHONES]:
            made = Plan(
                weights=Weights(network="dmvton-student"),
                targets=(target,),
                precisions=(Precision.FP16,),
                components=Components.SPLIT,
                delegate=delegate,
                out=tmp_path / "new.dmvton",
            )
            assert made.targets == (target,)

    def test_an_unknown_network(self, tmp_path: Path) -> None:
        with pytest.raises(DmvtonError, match="no network 'dmvton'. Known: dmvton-student, .*pfafn-student") as caught:
            run_plan(plan(tmp_path / "new.dmvton", Target.ONNX, network="dmvton"))
        assert caught.value.exit_code == 2 and list(tmp_path.iterdir()) == []

    def test_a_network_that_needs_a_parser(self, tmp_path: Path) -> None:
        with pytest.raises(DmvtonError, match="dmvton-teacher needs a parser's .*convert a student") as caught:
            run_plan(plan(tmp_path / "new.dmvton", Target.ONNX, network="dmvton-teacher"))
        assert caught.value.exit_code == 2 and list(tmp_path.iterdir()) == []

    def test_a_checkpoint_of_another_network(self, tmp_path: Path, small_network: TryOnNetwork) -> None:
        weights = tmp_path / "weights.safetensors"
        save_checkpoint(small_network, weights, trained=True)
        said = "weights.safetensors holds dmvton-student, not pfafn-student: pass --network dmvton-student"
        with pytest.raises(DmvtonError, match=said) as caught:
            run_plan(plan(tmp_path / "new.dmvton", Target.ONNX, network="pfafn-student", checkpoint=weights))
        assert caught.value.exit_code == 2
        assert sorted(path.name for path in tmp_path.iterdir()) == ["weights.json", "weights.safetensors"]

    def test_a_checkpoint_that_is_not_there(self, tmp_path: Path) -> None:
        with pytest.raises(DmvtonError, match="There is no .*none.safetensors"):
            run_plan(plan(tmp_path / "new.dmvton", Target.ONNX, checkpoint=tmp_path / "none.safetensors"))
        assert list(tmp_path.iterdir()) == []

    def test_a_name_that_is_no_bundles(self, tmp_path: Path) -> None:
        with pytest.raises(DmvtonError, match="name ends in .dmvton; this is student.zip"):
            run_plan(plan(tmp_path / "student.zip", Target.ONNX))
        assert list(tmp_path.iterdir()) == []


# `dmvton convert` after a change that only a process of its own may make
CHANGED = "import sys\n{change}\nfrom dmvton_mobile.cli.main import main\nmain(['convert', *sys.argv[1:]])\n"


def convert_process(*arguments: str | Path, change: str = "") -> list[str]:
    return [sys.executable, "-c", CHANGED.format(change=change), *map(str, arguments)]


def failed(*arguments: str | Path, change: str = "") -> subprocess.CompletedProcess[str]:
    """A conversion that must fail, with words for a person."""
    command = convert_process(*arguments, change=change)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode in (1, 2), done.stderr
    assert "Traceback" not in done.stderr and "\nError: " in f"\n{done.stderr}"
    return done


class TestFailed:
    """On the way: the real command in a process of its own, and nothing left behind."""

    def test_an_exporter_that_is_not_installed(self, tmp_path: Path) -> None:
        done = failed("--target", "onnx", "--out", tmp_path / "new.dmvton", change=ABSENT)
        assert done.returncode == 2
        assert 'Converting to onnx needs onnx, which is not installed: pip install "dmvton-mobile[onnx]"' in done.stderr
        assert list(tmp_path.iterdir()) == []

    def test_none_of_the_exporters_is_installed(self) -> None:
        done = subprocess.run([sys.executable, "-c", EVERY_TARGET], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        needs = {Target.TFLITE: "litert_torch", Target.COREML: "coremltools"}
        assert done.stdout.splitlines() == [
            f"Converting to {target} needs {needs.get(target, target)}, which is not installed: "
            f'pip install "dmvton-mobile[{target}]".'
            for target in Target
        ]

    def test_an_artifact_that_computes_something_else(self, tmp_path: Path) -> None:
        """Lowered with one weight tensor 3 % too large: everything runs, and the pictures are wrong."""
        done = failed("--target", "onnx", "--components", "whole", "--out", tmp_path / "new.dmvton", change=PERTURBED)
        assert done.returncode == 1, done.stderr
        assert re.search(
            r"whole_fp32.onnx differs from the PyTorch network on \w+ inputs; the bound is 60 dB", done.stderr
        )
        named = dict(re.findall(r"(\w+) (-?\d+\.\d) dB \(largest difference", done.stderr))
        assert "tryon" in named and "flow" not in named, "only the generator was changed"
        assert all(float(figure) < 60 for figure in named.values())
        assert "No bundle was written." in done.stderr
        assert re.search(r"^onnx +whole .* failed *$", done.stdout, re.MULTILINE)
        assert "…" not in done.stdout, "a log is no terminal, and its table is whole"
        assert list(tmp_path.iterdir()) == []

    def test_killed(self, tmp_path: Path) -> None:
        out = tmp_path / "student.dmvton"
        process = subprocess.Popen(convert_process("--target", "onnx", "--out", out), stderr=subprocess.DEVNULL)
        partial = tmp_path / f".{out.name}.partial-{process.pid}"
        try:
            wait_for(partial / "onnx", process)
        finally:
            process.send_signal(signal.SIGKILL)
            process.wait()
        assert [path.name for path in tmp_path.iterdir()] == [partial.name], "no bundle"
        with atomic_folder(out):  # as the next conversion does
            assert not partial.exists()
        assert [path.name for path in tmp_path.iterdir()] == [out.name]

    @pytest.mark.parametrize(
        "target",
        [
            Target.ONNX,
            Target.TFLITE,  # the one that its converter would write by itself, in C++
            pytest.param(Target.EXECUTORCH, marks=pytest.mark.slow),
            pytest.param(Target.COREML, marks=pytest.mark.slow),
        ],
    )
    def test_a_full_disk(self, small_disk: Path, target: Target) -> None:
        done = failed("--target", target, "--out", small_disk / "student.dmvton")
        assert done.returncode == 2
        last = done.stderr.strip().splitlines()[-1]
        assert last.startswith("Error: No space left on the disk while writing student.dmvton into")
        assert "Nothing was left behind" in last
        assert list(small_disk.iterdir()) == []


# as on a machine where the package was never installed
ABSENT = """
import sys

class Absent:
    def find_spec(self, name, *_):
        if name.partition(".")[0] in ("onnx", "litert_torch", "executorch", "coremltools"):
            raise ModuleNotFoundError("No module named " + name, name=name)

sys.meta_path.insert(0, Absent())
"""

EVERY_TARGET = f"""{ABSENT}
from pathlib import Path
from converters.registry import export_component
from dmvton_mobile.components import component_examples
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network
from dmvton_mobile.targets import Target

[example] = component_examples(build_network("dmvton-student"), (Component.GARMENT_ENCODER,), size=(64, 64))
for target in Target:
    try:
        export_component(example, Path("never_written"), target)
    except DmvtonError as error:
        print(error)
"""

PERTURBED = """
import torch
from converters import registry

honest = registry.lower

def dishonest(*arguments):
    network = honest(*arguments)
    with torch.no_grad():
        next(network.generator.parameters()).mul_(1.03)
    return network

registry.lower = dishonest
"""


def wait_for(path: Path, process: subprocess.Popen[bytes]) -> None:
    for _ in range(1200):
        if path.exists():
            return
        assert process.poll() is None, "it ended before it wrote anything"
        time.sleep(0.1)
    raise AssertionError(f"{path} never appeared")


@pytest.mark.slow
class TestEveryTarget:
    """Through the command line, as a person does it."""

    @pytest.mark.parametrize(
        ("precision", "targets"),
        [(Precision.FP32, tuple(Target)), (Precision.FP16, tuple(Target))],
        ids=["fp32", "fp16"],
    )
    def test_split(
        self,
        precision: Precision,
        targets: tuple[Target, ...],
        small_network: TryOnNetwork,
        expected_picture: np.ndarray,
        tmp_path: Path,
    ) -> None:
        out = tmp_path / "student.dmvton"
        converted(out, "--network", "dmvton-student", "--target", *targets, "--precision", precision)
        manifest = read_bundle(out).manifest
        assert [(item.target, item.precision) for item in manifest.artifacts] == [
            (target, precision) for target in targets for _ in Components.SPLIT.members
        ]
        check_figures(manifest)
        check_footprints(out, manifest, small_network)
        check_replay(out)
        for target in targets:
            check_picture(out, target, precision, expected_picture)
        if precision is Precision.FP16:
            assert all(item.kept_float32 for item in manifest.artifacts), "what stays float32 is said"
        assert all(placed(item) for item in manifest.artifacts)

    def test_whole(self, small_network: TryOnNetwork, expected_picture: np.ndarray, tmp_path: Path) -> None:
        out = tmp_path / "student.dmvton"
        converted(out, "--network", "dmvton-student", "--target", "all", "--components", "whole")
        manifest = read_bundle(out).manifest
        assert manifest.components is Components.WHOLE
        assert [item.target for item in manifest.artifacts] == list(Target)
        assert all(item.contract.input_names == ["person", "garment", "garment_mask"] for item in manifest.artifacts)
        check_figures(manifest)
        check_footprints(out, manifest, small_network)
        check_replay(out)
        for target in Target:
            check_picture(out, target, Precision.FP32, expected_picture)

    @pytest.mark.parametrize("name", ["pfafn-student", "fsvton-student"])
    def test_other_networks(self, name: str, tmp_path: Path) -> None:
        out = tmp_path / "other.dmvton"
        converted(out, "--network", name, "--target", "onnx")
        manifest = read_bundle(out).manifest
        assert manifest.network == name
        check_figures(manifest)
        check_footprints(out, manifest, seeded_network(name))
        check_replay(out)

    def test_a_checkpoint(self, tmp_path: Path) -> None:
        """Its weights are what is converted, and its card what the manifest says of them."""
        network = seeded_network("dmvton-student")
        with torch.no_grad():
            next(network.generator.parameters()).mul_(1.5)
        weights, out = tmp_path / "mine.safetensors", tmp_path / "mine.dmvton"
        save_checkpoint(network, weights, trained=True, training={"epochs": 3}, licence="CC0-1.0")
        converted(out, "--checkpoint", weights, "--target", "onnx", "--components", "whole")
        manifest = read_bundle(out).manifest
        assert (manifest.trained, manifest.training, manifest.licence) == (True, {"epochs": 3}, "CC0-1.0")
        check_figures(manifest)
        made, expected = picture_of(TryOn.from_bundle(out)), picture_of(TryOn.from_checkpoint(weights))
        assert np.abs(made - expected).mean() < 1


def converted(out: Path, *arguments: str | Path) -> None:
    done = subprocess.run(convert_process("--out", out, *arguments), capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert f"{out}: " in done.stdout and "…" not in done.stdout
    assert sorted(path.name for path in out.parent.iterdir() if path.name.startswith(".")) == []


def placed(artifact: Artifact) -> bool:
    """Whether the artifact says who runs its operations, where a delegate does."""
    counted = artifact.footprint.delegated_operations is not None
    return counted == (artifact.target in (Target.TFLITE, Target.EXECUTORCH))
