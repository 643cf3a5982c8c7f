"""Compares a try-on with its ground truth: one row of figures per image.

The ground truth is the person's image for the garment they wear, and the rendered image for another garment where the
dataset has one. The garment region is where that garment is seen: by the true flow, or by the label map for the worn
garment.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor

from dmvton_mobile.contract import to_signed, to_unit
from dmvton_mobile.datasets.sample import Label, Truth, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import GarmentInput, Prediction
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.metrics.flow import end_point_error, warped_mask_iou
from dmvton_mobile.metrics.images import SMALLEST_MULTISCALE, ms_ssim, psnr, ssim
from dmvton_mobile.metrics.psnr import capped_psnr_db

Perceptual = Callable[[Tensor, Tensor], Tensor]
ImageFigures = dict[str, float | None]


@dataclass(frozen=True)
class Metric:
    """A column of figures.

    Attributes:
        name: Of the column.
        unit: Of its values; `1` for none.
        better: Which direction is better.
    """

    name: str
    unit: str
    better: Literal["higher", "lower"]


_IMAGE_METRICS = (Metric("psnr", "dB", "higher"), Metric("ssim", "1", "higher"), Metric("ms_ssim", "1", "higher"))
REGIONS = ("image", "garment", "outside")
METRICS = (
    *(Metric(f"{metric.name}_{region}", metric.unit, metric.better) for metric in _IMAGE_METRICS for region in REGIONS),
    Metric("lpips", "1", "lower"),
    Metric("end_point_error", "px", "lower"),
    Metric("warped_mask_iou", "1", "higher"),
)


def garment_of(sample: TryOnSample, pairing: Pairing) -> GarmentInput:
    """The garment to put on, from a batch of one sample.

    Raises:
        DmvtonError: The sample has no other garment.
    """
    if pairing is Pairing.PAIRED:
        return GarmentInput(sample.garment_name[0], to_unit(sample.garment), sample.garment_mask)
    other = sample.unpaired
    if other is None:
        raise DmvtonError(f"There is no other garment for {sample.person_name[0]}: evaluate --pairing paired.")
    return GarmentInput(other.garment_name[0], to_unit(other.garment), other.garment_mask)


def target_of(sample: TryOnSample, pairing: Pairing) -> Tensor | None:
    """Ground truth: the person in that garment, [1, 3, H, W] in [0, 1]; None if it is not known."""
    if pairing is Pairing.PAIRED:
        return to_unit(sample.person)
    picture = sample.unpaired.person if sample.unpaired else None
    return None if picture is None else to_unit(picture)


def garment_region(sample: TryOnSample, pairing: Pairing) -> Tensor | None:
    """Where the garment is seen, [B, 1, H, W] in {0, 1}; None if it is not known."""
    truth = _truth(sample, pairing)
    if truth is not None:
        return truth.visible
    if pairing is Pairing.PAIRED and sample.label is not None:
        return (sample.label == Label.UPPER_CLOTHES)[:, None].float()
    return None


def measure(
    sample: TryOnSample, pairing: Pairing, prediction: Prediction, perceptual: Perceptual | None = None
) -> ImageFigures:
    """Measures one image.

    Args:
        sample: A batch of one.
        pairing: Which garment was put on.
        prediction: Of the candidate.
        perceptual: LPIPS of two images [1, 3, H, W] in [-1, 1]; None leaves it out.

    Returns:
        Figures by the names in METRICS; None where the ground truth is not known.
    """
    row: ImageFigures = {metric.name: None for metric in METRICS}
    target, truth = target_of(sample, pairing), _truth(sample, pairing)
    if target is not None:
        garment = garment_region(sample, pairing)
        for region, mask in zip(REGIONS, (None, garment, None if garment is None else 1 - garment), strict=True):
            if region != "image" and mask is None:
                continue
            for name, function in (("psnr", psnr), ("ssim", ssim), ("ms_ssim", ms_ssim)):
                if name == "ms_ssim" and min(target.shape[2:]) < SMALLEST_MULTISCALE:
                    continue  # its coarsest scale would hold no window
                value = _value(function(prediction.tryon, target, region=mask))
                row[f"{name}_{region}"] = capped_psnr_db(value) if name == "psnr" and value is not None else value
        if perceptual is not None:
            row["lpips"] = _value(perceptual(to_signed(prediction.tryon), to_signed(target)))
    if truth is not None and prediction.flow is not None and prediction.warped_mask is not None:
        row["end_point_error"] = _value(end_point_error(prediction.flow, truth.grid, truth.visible))
        row["warped_mask_iou"] = _value(warped_mask_iou(prediction.warped_mask, truth.garment))
    return row


def _truth(sample: TryOnSample, pairing: Pairing) -> Truth | None:
    if pairing is Pairing.PAIRED:
        return sample.truth
    return sample.unpaired.truth if sample.unpaired else None


def _value(figure: Tensor) -> float | None:
    value = float(figure[0])
    return None if math.isnan(value) else value  # nan: an empty region
