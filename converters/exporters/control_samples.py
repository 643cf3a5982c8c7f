"""The pictures that accuracy control goes by, and how good the try-ons of artifacts are on them."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Subset

from converters.weights import CALIBRATION_IMAGES
from dmvton_mobile.contract import to_unit
from dmvton_mobile.datasets.dataset import TryOnDataset, evenly_spaced_samples
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.measure import garment_of, garment_region, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.metrics.images import psnr
from dmvton_mobile.metrics.psnr import capped_psnr_db
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.session import Session, Tensors

EVALUATION_IMAGES = 32


@dataclass(frozen=True)
class ControlSamples:
    """Samples in batches of one.

    Attributes:
        calibration: For the ranges of activations.
        evaluation: Others, for the quality of try-ons; their truth is known in that pairing.
        pairing: Whether they are evaluated in another garment or in the one that they wear.
    """

    calibration: list[TryOnSample]
    evaluation: list[TryOnSample]
    pairing: Pairing

    @classmethod
    def of(cls, dataset: TryOnDataset) -> "ControlSamples":
        """Takes every other picture for ranges, and the ones between for evaluation.

        In another garment where the dataset has the truth of that, else in the worn one.

        Raises:
            DmvtonError: The dataset has neither.
        """
        count = len(dataset)
        calibration = evenly_spaced_samples(Subset(dataset, range(0, count, 2)), CALIBRATION_IMAGES)
        between = evenly_spaced_samples(Subset(dataset, range(1, count, 2)), EVALUATION_IMAGES)
        for pairing in (Pairing.UNPAIRED, Pairing.PAIRED):
            if evaluation := [sample for sample in between if _truth_is_known(sample, pairing)]:
                return cls(calibration, evaluation, pairing)
        raise DmvtonError(
            f"{dataset.root} has neither label maps nor rendered truth, so accuracy control cannot tell a good try-on "
            "from a bad one: pass another --calibration, or --quantizer pt2e."
        )

    def evaluate(self, sessions: Sequence[Session], samples: Iterable[TryOnSample]) -> tuple[float, list[float]]:
        """The PSNR in decibels of the components' try-ons, where the garment is seen.

        Args:
            sessions: The components, in the order in which they run.
            samples: Of those for evaluation.

        Returns:
            The mean, and each sample's.
        """
        figures = [_garment_psnr_db(sessions, sample, self.pairing) for sample in samples]
        return math.fsum(figures) / len(figures), figures


def paired_inputs(sample: TryOnSample) -> Tensors:
    """A person and the garment they wear, as artifacts take them: NCHW, RGB in [0, 1]."""
    return _inputs(sample, Pairing.PAIRED)


def _garment_psnr_db(sessions: Sequence[Session], sample: TryOnSample, pairing: Pairing) -> float:
    tryon = torch.from_numpy(run_components(sessions, _inputs(sample, pairing))["tryon"]).clamp(0, 1)
    target, region = target_of(sample, pairing), garment_region(sample, pairing)
    assert target is not None
    return capped_psnr_db(float(psnr(tryon, target.clamp(0, 1), region=region)[0]))


def _inputs(sample: TryOnSample, pairing: Pairing) -> Tensors:
    garment = garment_of(sample, pairing)
    pictures = {"person": to_unit(sample.person), "garment": garment.picture, "garment_mask": garment.mask}
    return {name: picture.numpy() for name, picture in pictures.items()}


def _truth_is_known(sample: TryOnSample, pairing: Pairing) -> bool:
    region = garment_region(sample, pairing)
    return target_of(sample, pairing) is not None and region is not None and bool(region.any())
