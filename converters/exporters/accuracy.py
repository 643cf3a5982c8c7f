"""How good the try-ons of artifacts are, in decibels: what accuracy control goes by."""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch.utils.data import Subset

from converters.source import CALIBRATION_IMAGES
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.measure import garment_of, garment_region, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.metrics.images import psnr
from dmvton_mobile.metrics.psnr import capped_psnr_db
from dmvton_mobile.quantization import spread
from dmvton_mobile.runtimes.session import Session, Tensors
from dmvton_mobile.runtimes.bundled import run_components

JUDGED_IMAGES = 32


@dataclass(frozen=True)
class Pictures:
    """Batches of one. calibration: their ranges are what activations get; judged: others, whose truth is known in
    that pairing."""

    calibration: list[TryOnSample]
    judged: list[TryOnSample]
    pairing: Pairing

    @classmethod
    def of(cls, dataset: TryOnDataset) -> "Pictures":
        """Every other picture gives ranges, and the ones between judge: in another garment where the dataset has the
        truth of that, else in the worn one. Raises DmvtonError where it has neither."""
        count = len(dataset)
        calibration = spread(Subset(dataset, range(0, count, 2)), CALIBRATION_IMAGES)
        between = spread(Subset(dataset, range(1, count, 2)), JUDGED_IMAGES)
        for pairing in (Pairing.UNPAIRED, Pairing.PAIRED):
            if judged := [sample for sample in between if _truth_is_known(sample, pairing)]:
                return cls(calibration, judged, pairing)
        raise DmvtonError(
            f"{dataset.root} has neither label maps nor rendered truth, so accuracy control cannot tell a good try-on "
            "from a bad one: pass another --calibration, or --quantizer pt2e."
        )


def paired_inputs(sample: TryOnSample) -> Tensors:
    """A person and the garment they wear, as artifacts take them: NCHW, RGB in [0, 1]."""
    return _inputs(sample, Pairing.PAIRED)


def garment_psnr(sessions: Sequence[Session], sample: TryOnSample, pairing: Pairing) -> float:
    """The PSNR in decibels of the components' try-on, where the garment is seen."""
    tryon = torch.from_numpy(run_components(sessions, _inputs(sample, pairing))["tryon"]).clamp(0, 1)
    target, region = target_of(sample, pairing), garment_region(sample, pairing)
    assert target is not None
    return capped_psnr_db(float(psnr(tryon, target.clamp(0, 1), region=region)[0]))


def _inputs(sample: TryOnSample, pairing: Pairing) -> Tensors:
    garment = garment_of(sample, pairing)
    pictures = {"person": sample.person * 0.5 + 0.5, "garment": garment.picture, "garment_mask": garment.mask}
    return {name: picture.numpy() for name, picture in pictures.items()}


def _truth_is_known(sample: TryOnSample, pairing: Pairing) -> bool:
    region = garment_region(sample, pairing)
    return target_of(sample, pairing) is not None and region is not None and bool(region.any())
