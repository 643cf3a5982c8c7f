"""Candidates of an evaluation: checkpoints, bundles and baselines, all behind one method.

Images here are float32 [1, 3, H, W], RGB in [0, 1]; masks [1, 1, H, W]; flows [1, 2, H, W], absolute sampling grids.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from dmvton_mobile.bundles.bundle import read_bundle, verify_files
from dmvton_mobile.bundles.manifest import MANIFEST
from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.contract import MASK_THRESHOLD, to_signed, to_unit
from dmvton_mobile.datasets.parser_inputs import generator_input, person_clothes, warp_condition
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.flow import FlowOperations, pixels_to_flow
from dmvton_mobile.networks.network import TryOnOutput
from dmvton_mobile.runtimes.bundled import open_components, run_components
from dmvton_mobile.runtimes.session import Session
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.files import sha256_file

Kind = Literal["checkpoint", "bundle", "baseline"]


@dataclass(frozen=True)
class GarmentInput:
    """The garment to put on.

    Attributes:
        name: Its file.
        picture: RGB [1, 3, H, W] in [0, 1].
        mask: Coverage [1, 1, H, W] in [0, 1].
    """

    name: str
    picture: Tensor
    mask: Tensor


@dataclass(frozen=True)
class Prediction:
    """What a candidate makes of a sample; the last three are None if it does not warp.

    Attributes:
        tryon: RGB [1, 3, H, W] in [0, 1].
        warped: The warped garment, RGB [1, 3, H, W] in [0, 1].
        warped_mask: [1, 1, H, W] in [0, 1].
        flow: [1, 2, H, W].
    """

    tryon: Tensor
    warped: Tensor | None = None
    warped_mask: Tensor | None = None
    flow: Tensor | None = None


class Candidate(ABC):
    """What is evaluated.

    Attributes:
        kind: What it is.
        name: For people.
        identity: Digest or name that changes whenever its figures would.
        runtime: What runs it.
        trained: False if its weights are untrained.
        size: The only height and width that it takes; None for any.
    """

    kind: Kind
    name: str
    identity: str
    runtime: str
    trained: bool = True
    size: tuple[int, int] | None = None

    @property
    def threads(self) -> int:
        """CPU threads that it may use."""
        return torch.get_num_threads()

    @abstractmethod
    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        """Makes the try-on.

        Args:
            sample: A batch of one.
            garment: To put on.
            paired: Whether the person wears it already.
        """


class PersonUnchanged(Candidate):
    """Baseline: the person's image unchanged, which is perfect outside the garment, and everywhere if paired."""

    kind: Kind = "baseline"
    name, identity, runtime = "person unchanged", "unchanged", "no network"

    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        """The person's image."""
        return Prediction(_unit(sample.person))


class GarmentPasted(Candidate):
    """Baseline: the flat garment scaled, rotated and moved onto the torso by the person's keypoints."""

    kind: Kind = "baseline"
    name, identity, runtime = "garment pasted", "pasted", "no network"
    _LENGTH = 1.12  # of a garment, neck to hips: a hem is a little below them

    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        """The garment pasted over the person; the person's image if the torso's keypoints are not known.

        Raises:
            DmvtonError: The dataset has no keypoints.
        """
        person = _unit(sample.person)
        flow = self._flow(sample, garment)
        if flow is None:  # nobody's torso is known: nothing can be placed
            return Prediction(person)
        operations = FlowOperations()
        covered = (garment.mask > MASK_THRESHOLD).float()
        warped, mask = operations.warp(garment.picture, flow), operations.warp_mask(covered, flow).clamp(0, 1)
        return Prediction(warped * mask + person * (1 - mask), warped, mask, flow)

    def _flow(self, sample: TryOnSample, garment: GarmentInput) -> Tensor | None:
        if sample.pose is None:
            raise DmvtonError("The baseline 'pasted' places garments by keypoints, and this dataset has none.")
        pose = sample.pose[0]
        neck, right_hip, left_hip = pose[1], pose[8], pose[11]
        rows, columns = torch.nonzero(garment.mask[0, 0] > MASK_THRESHOLD, as_tuple=True)
        if min(float(point[2]) for point in (neck, right_hip, left_hip)) <= 0 or len(rows) == 0:
            return None
        spine = (right_hip[:2] + left_hip[:2]) / 2 - neck[:2]
        length = float(spine.norm())
        top, bottom = float(rows.min()), float(rows.max())
        middle = float(columns.min() + columns.max()) / 2
        scale = (bottom - top) / (self._LENGTH * max(length, 1.0))  # garment pixels per pixel of the person
        down = spine / max(length, 1.0)
        height, width = sample.person.shape[2:]
        y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
        along = (x - neck[0]) * down[0] + (y - neck[1]) * down[1]
        across = (x - neck[0]) * down[1] - (y - neck[1]) * down[0]
        return pixels_to_flow(torch.stack([middle + across * scale, top + along * scale])[None], (height, width))


class CheckpointCandidate(Candidate):
    """A checkpoint in PyTorch, parser-free or parser-based.

    Args:
        path: Of the checkpoint.
        device: `cpu` or a CUDA device.

    Raises:
        DmvtonError: The checkpoint cannot be read, or there is no CUDA device.
    """

    kind: Kind = "checkpoint"

    def __init__(self, path: Path, device: str = "cpu"):
        network, card = load_checkpoint(path)
        if device != "cpu" and not torch.cuda.is_available():
            raise DmvtonError(f"There is no CUDA device here for --device {device}: use cpu.")
        self._network = network.eval().to(device)
        self._device = device
        self.name = f"{card.network} ({path.name})"
        self.identity = card.weights_sha256
        self.runtime = f"torch {device}"
        self.trained = card.trained
        self.size = network.config.fixed_size

    @property
    def parser_free(self) -> bool:
        """Whether the network sees the person's image, with the worn garment."""
        return self._network.config.parser_free

    @torch.inference_mode()
    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        """Runs the network; a parser-based one needs the sample's label map, DensePose map and pose."""
        picture, mask = (tensor.to(self._device) for tensor in (to_signed(garment.picture), garment.mask))
        if self._network.config.parser_free:
            output = self._network(sample.person.to(self._device), picture, mask)
        else:
            output = _parser_based(self._network, sample, picture, mask, paired)
        return Prediction(
            _unit(output.tryon).cpu(),
            _unit(output.warped_garment).cpu(),
            output.warped_mask.clamp(0, 1).cpu(),
            output.flow.cpu(),
        )


def _parser_based(
    network: TryOnNetwork, sample: TryOnSample, garment: Tensor, mask: Tensor, paired: bool
) -> TryOnOutput:
    """In two steps: what the garment hides of the arms is known once it is warped, or from the label map if worn."""
    condition = warp_condition(sample).to(garment.device)
    features = network.encode_garment(garment, mask)
    warped, warped_mask, flow = network.warp_garment(condition, features)
    covered = person_clothes(sample)[1] if paired else warped_mask.cpu()
    fed = generator_input(sample, warped.cpu(), warped_mask.cpu(), covered).to(garment.device)
    return network.compose(fed, warped, warped_mask, flow)


class BundleCandidate(Candidate):
    """Artifacts of a bundle in their runtime on this machine.

    Args:
        path: Of the bundle.
        target: The runtime.
        precision: Of the artifacts.
        threads: CPU threads of the runtime.

    Raises:
        DmvtonError: The bundle is damaged, lacks the artifacts, or its runtime is not installed.
    """

    kind: Kind = "bundle"

    def __init__(self, path: Path, target: Target, precision: Precision, threads: int):
        bundle = read_bundle(path)
        verify_files(bundle)
        self._sessions: list[Session] = open_components(bundle, target, precision, threads)
        self._warp = FlowOperations(bundle.manifest.align_corners)
        self._threads = threads
        self.name = f"{bundle.manifest.network} ({path.name})"
        self.identity = f"{sha256_file(bundle.folder / MANIFEST)} {target} {precision}"
        self.runtime = f"{target} {precision}"
        self.trained = bundle.manifest.trained
        self.size = bundle.manifest.size

    @property
    def threads(self) -> int:
        """CPU threads of the runtime."""
        return self._threads

    def predict(self, sample: TryOnSample, garment: GarmentInput, paired: bool) -> Prediction:
        """Runs the artifacts.

        Raises:
            CheckFailed: They give NaN or infinity.
        """
        inputs = {"person": _unit(sample.person), "garment": garment.picture, "garment_mask": garment.mask}
        outputs = run_components(self._sessions, {name: tensor.numpy() for name, tensor in inputs.items()})
        tryon, flow = torch.from_numpy(outputs["tryon"]), torch.from_numpy(outputs["flow"])
        if not (torch.isfinite(tryon).all() and torch.isfinite(flow).all()):
            raise CheckFailed(f"{self.runtime} gives NaN or infinity for {sample.person_name[0]}.")
        covered = (garment.mask > MASK_THRESHOLD).float()
        warped, mask = self._warp.warp(garment.picture * covered, flow), self._warp.warp_mask(covered, flow)
        return Prediction(tryon.clamp(0, 1), warped, mask.clamp(0, 1), flow)


def _unit(picture: Tensor) -> Tensor:
    """From [-1, 1] to [0, 1]; a sum of rounded products may have left it by a hair."""
    return to_unit(picture).clamp(0, 1)
