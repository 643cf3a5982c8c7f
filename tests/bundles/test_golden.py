"""A replay verifies what the converter made, and nothing that differs from it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import save_file

from dmvton_mobile.bundles.bundle import Bundle, read_bundle, read_golden, seal, verify_files
from dmvton_mobile.bundles.golden import GOLDEN, Replay, ReplayStatus, golden_tensors, replay, replay_all
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, BundleError
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import TryOn
from tests.test_tryon import without_onnxruntime

Tensors = dict[str, np.ndarray]


def replay_onnx(path: Path) -> Replay:
    return replay(read_bundle(path), Target.ONNX, Precision.FP32, threads=1)


def reseal_golden(path: Path, change: Callable[[Tensors], None]) -> None:
    """Changes the golden tensors and seals the bundle again: every hash holds."""
    bundle = read_bundle(path)
    tensors = read_golden(bundle, GOLDEN)
    change(tensors)
    save_file({name: np.ascontiguousarray(value) for name, value in tensors.items()}, path / GOLDEN)
    seal(path, bundle.manifest)
    verify_files(read_bundle(path))


def test_what_the_converter_made_is_verified(small_bundle: Path) -> None:
    [result] = replay_all(read_bundle(small_bundle))
    assert (result.target, result.status, result.evaluator) == (Target.ONNX, ReplayStatus.VERIFIED, "ONNX Runtime")
    assert {figure.output for figure in result.figures} == {"tryon", "flow", "composition", "rendered"}
    assert all(figure.psnr_db is None or figure.psnr_db > figure.bound_db == 60 for figure in result.figures)
    assert result.problem is None


def perturb(name: str) -> Callable[[Tensors], None]:
    """Noise just below the bound: 1/500 of the range is 54 dB."""

    def change(tensors: Tensors) -> None:
        tensors[name] = tensors[name] + np.float32(0.002 * np.ptp(tensors[name]))

    return change


def swap_channels(name: str) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        tensors[name] = tensors[name][:, ::-1]

    return change


def drop(name: str) -> Callable[[Tensors], None]:
    def change(tensors: Tensors) -> None:
        del tensors[name]

    return change


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (perturb("output.composition"), "composition"),
        (perturb("output.rendered"), "rendered"),
        (swap_channels("output.tryon"), "tryon"),
        (swap_channels("output.flow"), "flow"),
        (swap_channels("input.person"), "rendered"),
        (swap_channels("input.garment"), "tryon"),
        (drop("output.flow"), "flow"),
    ],
)
def test_a_difference_fails_and_names_the_output(
    own_bundle: Path, change: Callable[[Tensors], None], named: str
) -> None:
    reseal_golden(own_bundle, change)
    result = replay_onnx(own_bundle)
    assert result.status is ReplayStatus.FAILED
    assert result.problem is not None and named in result.problem
    assert result.figures == ()


def test_a_picture_of_another_size_fails(own_bundle: Path) -> None:
    def crop(tensors: Tensors) -> None:
        tensors["input.person"] = tensors["input.person"][:, :, :64]

    reseal_golden(own_bundle, crop)
    result = replay_onnx(own_bundle)
    assert result.status is ReplayStatus.FAILED and "takes person as (1, 3, 128, 96)" in str(result.problem)


def test_an_artifact_that_does_not_load_fails(own_bundle: Path) -> None:
    (own_bundle / "onnx" / "tryon_fp32.onnx").write_bytes(b"not a model")
    seal(own_bundle, read_bundle(own_bundle).manifest)
    result = replay_onnx(own_bundle)
    assert result.status is ReplayStatus.FAILED and "tryon_fp32.onnx" in str(result.problem)


def test_what_is_not_installed_is_not_verified(small_bundle: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    without_onnxruntime(monkeypatch)
    result = replay_onnx(small_bundle)
    assert result.status is ReplayStatus.NOT_INSTALLED and "onnxruntime" in str(result.problem)


def test_a_bundle_without_golden_tensors_cannot_be_replayed(small_bundle: Path) -> None:
    bundle = read_bundle(small_bundle)
    without = Bundle(bundle.folder, bundle.manifest.model_copy(update={"golden": ()}))
    with pytest.raises(BundleError, match="names no golden/tryon.safetensors"):
        replay_all(without)


def test_golden_tensors_of_another_kind_are_named(own_bundle: Path) -> None:
    reseal_golden(own_bundle, drop("input.garment_mask"))
    with pytest.raises(BundleError, match="it holds input.garment, input.person, output.composition"):
        golden_tensors(read_bundle(own_bundle))


def test_an_artifact_that_was_held_to_nothing_fails(small_bundle: Path) -> None:
    bundle = read_bundle(small_bundle)
    artifacts = tuple(artifact.model_copy(update={"parity": ()}) for artifact in bundle.manifest.artifacts)
    unbound = Bundle(bundle.folder, bundle.manifest.model_copy(update={"artifacts": artifacts}))
    [result] = replay_all(unbound)
    assert result.status is ReplayStatus.FAILED and "no parity figures for onnx fp32" in str(result.problem)


def test_what_no_host_can_run_is_not_verified(own_bundle: Path) -> None:
    manifest = read_bundle(own_bundle).manifest
    for_phones = {"evaluator": DEVICE_ONLY, "parity": ()}
    artifacts = tuple(artifact.model_copy(update=for_phones) for artifact in manifest.artifacts)
    seal(own_bundle, manifest.model_copy(update={"artifacts": artifacts}))
    [result] = replay_all(read_bundle(own_bundle))
    assert result.status is ReplayStatus.DEVICE_ONLY and result.figures == ()
    with pytest.raises(DmvtonError, match="onnx fp32 artifacts run on a phone only.*holds onnx fp32"):
        TryOn.from_bundle(own_bundle)
