"""Peak signal-to-noise ratio, the one formula: 10 log10(peak^2 / mean squared error), in decibels and float64.

Equal values have an infinite PSNR. A JSON record cannot hold infinity: it stores null and says that the values are
identical. A mean over images would be infinite because of one perfect image: there it counts as `HIGHEST_PSNR_DB`.
`images.psnr` applies the formula image by image and region by region.
"""

import math

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmvton_mobile.metrics.inputs import MetricError

HIGHEST_PSNR_DB = 100.0  # what identical images count as in a mean over images

Values = NDArray[np.floating] | Tensor


def decibels(mean_squared_error: float, *, peak: float = 1.0) -> float:
    """PSNR of a mean squared error in decibels: inf for 0, -inf for inf, nan for nan.

    Args:
        mean_squared_error: 0 or more.
        peak: The width of the range of values: 1 for images in [0, 1], 2 for images in [-1, 1].
    """
    if mean_squared_error == 0:
        return math.inf
    return -math.inf if math.isinf(mean_squared_error) else 10 * math.log10(peak**2 / mean_squared_error)


def psnr_db(*, reference: Values, candidate: Values, peak: float) -> float:
    """PSNR in decibels over all values of two arrays or two tensors of one shape; inf where they are equal.

    Args:
        reference: Any shape and range.
        candidate: The same shape; on the same device.
        peak: The width of the range of values.

    Raises:
        MetricError: The shapes differ, even where they would broadcast.
    """
    if reference.shape != candidate.shape:
        raise MetricError(f"Cannot compare {tuple(candidate.shape)} with the reference's {tuple(reference.shape)}.")
    difference = _float64(reference) - _float64(candidate)
    return decibels(float((difference * difference).mean()), peak=peak)


def capped_psnr_db(psnr_db: float) -> float:
    """PSNR as it enters a mean over images: at most `HIGHEST_PSNR_DB`; nan stays nan."""
    return HIGHEST_PSNR_DB if psnr_db > HIGHEST_PSNR_DB else psnr_db


def _float64(values: Values) -> Values:
    return values.double() if isinstance(values, Tensor) else values.astype(np.float64)
