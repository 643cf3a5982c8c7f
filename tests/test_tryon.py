"""`TryOn` gives the network's own try-on at the photo's resolution, from PyTorch and from a bundle alike."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from dmvton_mobile.bundles.manifest import BundleError
from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.contract import Components
from dmvton_mobile.errors import CheckFailed, DmvtonError, NotInstalledError
from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.decode import Picture, read_picture
from dmvton_mobile.imaging.garment_mask import GarmentMask, MaskSource, find_garment_mask
from dmvton_mobile.imaging.window import garment_canvas, network_input, person_window
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.networks.seeded import seeded_network
from dmvton_mobile.runtimes.session import Session
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import KEPT_GARMENTS, TryOn
from tests.conftest import SMALL


class CountedSession(TorchSession):
    """Counts its runs."""

    runs = 0

    def run_native(self, inputs: list[np.ndarray]) -> list[np.ndarray]:
        self.runs += 1
        return super().run_native(inputs)


def sessions_of(network: TryOnNetwork, components: Components = Components.SPLIT) -> list[CountedSession]:
    return [CountedSession(network, component, SMALL) for component in components.members]


def tryon_of(sessions: Sequence[Session]) -> TryOn:
    return TryOn(sessions, align_corners=True, trained=False, runtime="torch")


@pytest.fixture
def sessions(small_network: TryOnNetwork) -> list[CountedSession]:
    return sessions_of(small_network)


@pytest.fixture
def person(pictures: Path) -> Picture:
    return read_picture(pictures / "person.png")


@pytest.fixture
def garment(pictures: Path) -> Picture:
    return read_picture(pictures / "garment.png")


@pytest.fixture
def mask(pictures: Path, garment: Picture) -> GarmentMask:
    return find_garment_mask(garment, pictures / "mask.png")


def test_the_result_is_the_networks_own(
    small_network: TryOnNetwork, sessions: list[CountedSession], person: Picture, garment: Picture, mask: GarmentMask
) -> None:
    window, canvas = person_window(*person.size), garment_canvas(*garment.size)
    seen, worn, covered = (
        network_input(pixels, frame, SMALL)
        for pixels, frame in ((person.rgb, window), (garment.rgb, canvas), (mask.mask, canvas))
    )
    with torch.no_grad():
        output = small_network(*(torch.from_numpy(value) for value in (seen * 2 - 1, worn * 2 - 1, covered)))
    outputs = {
        "flow": output.flow.numpy(),
        "composition": output.composition.numpy(),
        "rendered": (output.rendered / 2 + 0.5).numpy(),
        "person": seen,
    }
    expected = composite(person.rgb, window, garment.rgb, mask.mask, canvas, outputs)

    tryon = tryon_of(sessions)
    result = tryon.try_on(person, tryon.prepare_garment(garment, mask))

    assert result.shape == person.rgb.shape and result.dtype == np.uint8
    assert np.abs(result.astype(int) - expected.astype(int)).max() <= 1
    assert (window.top, window.height) == (0, 146)
    assert np.array_equal(result[146:], person.rgb[146:]), "outside the window the photo is untouched"
    assert not np.array_equal(result[:146], person.rgb[:146])


def test_a_network_in_one_graph_gives_the_same(
    small_network: TryOnNetwork, sessions: list[CountedSession], person: Picture, garment: Picture, mask: GarmentMask
) -> None:
    split, whole = tryon_of(sessions), tryon_of(sessions_of(small_network, Components.WHOLE))
    prepared = whole.prepare_garment(garment, mask)
    assert set(prepared.tensors) == {"garment", "garment_mask"}
    results = [maker.try_on(person, maker.prepare_garment(garment, mask)).astype(int) for maker in (split, whole)]
    assert np.abs(results[0] - results[1]).max() <= 1


def test_a_garment_is_encoded_once(
    sessions: list[CountedSession], person: Picture, garment: Picture, mask: GarmentMask
) -> None:
    encoder, frame = sessions
    tryon = tryon_of(sessions)
    first = tryon.prepare_garment(garment, mask)
    for _ in range(3):
        tryon.try_on(person, tryon.prepare_garment(replace(garment, rgb=garment.rgb.copy()), mask))
    assert (encoder.runs, frame.runs) == (1, 3)

    smaller = GarmentMask(mask.mask.copy(), MaskSource.FILE)
    smaller.mask[:40] = 0
    assert tryon.prepare_garment(garment, smaller) is not first, "another mask is another garment"
    assert encoder.runs == 2


def test_only_the_last_garments_are_kept(sessions: list[CountedSession], garment: Picture, mask: GarmentMask) -> None:
    tryon = tryon_of(sessions)
    colours = [replace(garment, rgb=np.full_like(garment.rgb, 20 * index)) for index in range(KEPT_GARMENTS + 1)]
    first = tryon.prepare_garment(colours[0], mask)
    for colour in colours[1:-1]:
        tryon.prepare_garment(colour, mask)
    assert tryon.prepare_garment(colours[0], mask) is first, "as many as are kept"
    tryon.prepare_garment(colours[-1], mask)
    assert tryon.prepare_garment(colours[0], mask) is first, "used last but one"
    runs = sessions[0].runs
    tryon.prepare_garment(colours[1], mask)
    assert sessions[0].runs == runs + 1, "the one not used for longest went"


def test_a_garment_of_another_network_is_refused(
    sessions: list[CountedSession], person: Picture, garment: Picture, mask: GarmentMask
) -> None:
    prepared = tryon_of(sessions).prepare_garment(garment, mask)
    with pytest.raises(DmvtonError, match="prepared by another TryOn"):
        tryon_of(sessions).try_on(person, prepared)


def test_a_mask_of_another_size_is_refused(sessions: list[CountedSession], garment: Picture) -> None:
    other = GarmentMask(np.full((50, 45), 255, np.uint8), MaskSource.FILE)
    with pytest.raises(DmvtonError, match=r"mask is \[50, 45\], its garment \[100, 90\]"):
        tryon_of(sessions).prepare_garment(garment, other)


def test_numbers_that_are_none_are_refused(person: Picture, garment: Picture, mask: GarmentMask) -> None:
    broken = seeded_network("dmvton-student")
    with torch.no_grad():
        for parameter in broken.generator.parameters():
            parameter.fill_(torch.nan)
    tryon = tryon_of(sessions_of(broken))
    prepared = tryon.prepare_garment(garment, mask)
    with pytest.raises(CheckFailed, match="composition holds NaN or infinity for .*person.png"):
        tryon.try_on(person, prepared)


def test_a_checkpoint_says_whether_it_is_trained(small_network: TryOnNetwork, tmp_path: Path) -> None:
    save_checkpoint(small_network, tmp_path / "trained.safetensors", trained=True)
    tryon = TryOn.from_checkpoint(tmp_path / "trained.safetensors")
    assert (tryon.trained, tryon.runtime, tryon.size) == (True, "torch", (256, 192))


def test_the_default_is_trained() -> None:
    tryon = TryOn.default()
    assert (tryon.trained, tryon.size) == (True, (256, 192))


def test_a_parser_based_teacher_is_refused(tmp_path: Path) -> None:
    save_checkpoint(build_network("dmvton-teacher"), tmp_path / "teacher.safetensors", trained=False)
    with pytest.raises(DmvtonError, match="dmvton-teacher needs a parser"):
        TryOn.from_checkpoint(tmp_path / "teacher.safetensors")


def test_a_bundle_gives_what_pytorch_gives(
    small_bundle: Path, sessions: list[CountedSession], person: Picture, garment: Picture, mask: GarmentMask
) -> None:
    bundled = TryOn.from_bundle(small_bundle, Target.ONNX, Precision.FP32)
    assert (bundled.trained, bundled.runtime, bundled.size) == (False, "onnx fp32", SMALL)
    makers = (bundled, tryon_of(sessions))
    results = [maker.try_on(person, maker.prepare_garment(garment, mask)).astype(int) for maker in makers]
    # rounding differs; a flow that lands on the other side of a garment pixel may differ by more, in few places
    difference = np.abs(results[0] - results[1])
    assert (difference > 1).mean() < 0.01


def test_a_bundle_runs_in_the_first_runtime_that_is_there(small_bundle: Path) -> None:
    assert TryOn.from_bundle(small_bundle).runtime == "onnx fp32"


def test_what_a_bundle_lacks_is_named(small_bundle: Path) -> None:
    with pytest.raises(DmvtonError, match="no artifacts for tflite.* holds onnx fp32") as caught:
        TryOn.from_bundle(small_bundle, Target.TFLITE)
    assert caught.value.exit_code == 2
    with pytest.raises(DmvtonError, match="no artifacts for onnx fp16"):
        TryOn.from_bundle(small_bundle, Target.ONNX, Precision.FP16)


@pytest.mark.parametrize("runtime", [None, Target.ONNX])
def test_a_runtime_that_is_not_installed_is_named(
    small_bundle: Path, runtime: Target | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    without_onnxruntime(monkeypatch)
    with pytest.raises(DmvtonError, match=r"onnxruntime.*not installed.*holds onnx fp32"):
        TryOn.from_bundle(small_bundle, runtime)


def test_a_broken_runtime_is_not_a_missing_one(
    small_bundle: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is reported at once, where a missing one leaves its turn to the bundle's next runtime."""
    (tmp_path / "onnxruntime.py").write_text("raise ImportError('undefined symbol', name='onnxruntime')")
    without_onnxruntime(monkeypatch)
    monkeypatch.delitem(sys.modules, "onnxruntime")
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(DmvtonError, match="needs onnxruntime, which cannot be imported: undefined symbol") as caught:
        TryOn.from_bundle(small_bundle)
    assert not isinstance(caught.value, NotInstalledError)


def test_a_changed_bundle_is_not_opened(own_bundle: Path) -> None:
    artifact = own_bundle / "onnx" / "tryon_fp32.onnx"
    content = bytearray(artifact.read_bytes())
    content[len(content) // 2] ^= 1
    artifact.write_bytes(content)
    with pytest.raises(BundleError, match="onnx/tryon_fp32.onnx was changed"):
        TryOn.from_bundle(own_bundle)


def without_onnxruntime(monkeypatch: pytest.MonkeyPatch) -> None:
    """As on a machine where it was never installed."""
    monkeypatch.delitem(sys.modules, "dmvton_mobile.runtimes.onnx", raising=False)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
