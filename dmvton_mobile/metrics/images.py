"""Images against their ground truth: PSNR, SSIM and MS-SSIM, one figure per image.

Each takes images [B, 3, H, W], RGB in [0, 1] (the data range is 1), and returns float64 [B]. A `region` [B, 1, H, W] in
{0, 1} restricts the figure to its pixels; an empty region gives nan. Each image is computed alone in float64, so its
figure does not depend on the batch.

Why not torchmetrics: its SSIM and MS-SSIM average over the whole image, but the garment, the rest and the whole are
measured here, so the mean has to be weighted by a region at every scale. Without a region the figures are those of
torchmetrics (the tests compare them to 1e-10 and 1e-7).

Borders: SSIM counts every pixel and mirrors the image at its border without repeating the edge, as torchmetrics does.
scikit-image counts only pixels whose window lies within the image; a region without a border of 5 pixels does the same.
"""

import math
from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.metrics.inputs import require_maps, require_region, require_same_shape
from dmvton_mobile.metrics.psnr import decibels

WINDOW = 11
RADIUS = WINDOW // 2
SIGMA = 1.5
_WEIGHTS = [math.exp(-0.5 * (offset / SIGMA) ** 2) for offset in range(-RADIUS, RADIUS + 1)]
GAUSSIAN = tuple(weight / sum(_WEIGHTS) for weight in _WEIGHTS)
LUMINANCE_CONSTANT = 0.01**2
CONTRAST_CONSTANT = 0.03**2
SCALE_WEIGHTS = (0.0448, 0.2856, 0.3001, 0.2363, 0.1333)
SMALLEST_MULTISCALE = WINDOW * 2 ** (len(SCALE_WEIGHTS) - 1)  # pixels; the coarsest scale still holds a window


def psnr(candidate: Tensor, reference: Tensor, *, region: Tensor | None = None) -> Tensor:
    """Peak signal-to-noise ratio in decibels, [B]; inf where the two are equal.

    Raises:
        MetricError: The images have other shapes or ranges than the module takes.
    """
    return _each(_psnr, candidate, reference, region, smallest=1)


def ssim(candidate: Tensor, reference: Tensor, *, region: Tensor | None = None) -> Tensor:
    """Structural similarity, [B], at most 1, mean over pixels and channels.

    Window: Gaussian, 11x11, sigma 1.5; K1 0.01, K2 0.03, population covariance. The windows of a region's pixels reach
    beyond the region.

    Source: Wang, Bovik, Sheikh, Simoncelli 2004 (https://doi.org/10.1109/TIP.2003.819861).

    Raises:
        MetricError: The images have other shapes or ranges than the module takes, or fewer than 11x11 pixels.
    """
    return _each(_ssim, candidate, reference, region, smallest=WINDOW)


def ms_ssim(candidate: Tensor, reference: Tensor, *, region: Tensor | None = None) -> Tensor:
    """Multi-scale structural similarity, [B], from 0 to 1: five scales, each the 2x2 mean of the one before.

    As in torchmetrics, the contrast term counts where the window lies within the image, the coarsest scale's full term
    counts everywhere, and a negative mean counts as 0. A region is halved with the images: a coarse pixel weighs as
    much as its share of the region. The figure is nan where at some scale no window of the region lies within the
    image.

    Source: Wang, Simoncelli, Bovik 2003 (https://doi.org/10.1109/ACSSC.2003.1292216).

    Raises:
        MetricError: The images have other shapes or ranges than the module takes, or fewer than 176x176 pixels.
    """
    return _each(_ms_ssim, candidate, reference, region, smallest=SMALLEST_MULTISCALE)


def _each(
    metric: Callable[[Tensor, Tensor, Tensor], Tensor],
    candidate: Tensor,
    reference: Tensor,
    region: Tensor | None,
    smallest: int,
) -> Tensor:
    """Applies metric(candidate [3, H, W], reference [3, H, W], weight [1, H, W]) to each image, in float64."""
    for name, images in (("candidate", candidate), ("reference", reference)):
        require_maps(name, images, channels=3, low=0.0, high=1.0, smallest=smallest)
    require_same_shape("candidate", candidate, "reference", reference)
    if region is None:
        region = torch.ones_like(candidate[:, :1])
    require_region("region", region, like=candidate)
    return torch.stack([metric(*image) for image in zip(candidate.double(), reference.double(), region.double())])


def _psnr(candidate: Tensor, reference: Tensor, weight: Tensor) -> Tensor:
    error = _mean((candidate - reference).square(), weight)
    return error.new_tensor(decibels(float(error)))


def _ssim(candidate: Tensor, reference: Tensor, weight: Tensor) -> Tensor:
    similarity, _ = _similarity_maps(candidate, reference)
    return _mean(similarity, weight)


def _ms_ssim(candidate: Tensor, reference: Tensor, weight: Tensor) -> Tensor:
    inside = slice(RADIUS, -RADIUS)
    factors = []
    for _ in SCALE_WEIGHTS[:-1]:
        _, contrast = _similarity_maps(candidate, reference)
        factors.append(_mean(contrast[:, inside, inside], weight[:, inside, inside]))
        candidate, reference, weight = (F.avg_pool2d(value, 2) for value in (candidate, reference, weight))
    factors.append(_ssim(candidate, reference, weight))
    means = torch.stack(factors).clamp(min=0)
    return means.pow(means.new_tensor(SCALE_WEIGHTS)).prod()


def _similarity_maps(first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
    """Maps of the structural similarity and of its contrast-structure term, [3, H, W] each."""
    mean_1, mean_2, square_1, square_2, product = _blur(
        torch.stack([first, second, first.square(), second.square(), first * second])
    )
    variances = square_1 - mean_1.square() + square_2 - mean_2.square()
    covariance = product - mean_1 * mean_2
    contrast = (2 * covariance + CONTRAST_CONSTANT) / (variances + CONTRAST_CONSTANT)
    luminance = (2 * mean_1 * mean_2 + LUMINANCE_CONSTANT) / (mean_1.square() + mean_2.square() + LUMINANCE_CONSTANT)
    return luminance * contrast, contrast


def _blur(maps: Tensor) -> Tensor:
    """Gaussian means, [N, C, H, W] -> [N, C, H, W], borders mirrored."""
    return _weighted_sum(_weighted_sum(F.pad(maps, (RADIUS,) * 4, mode="reflect"), dim=2), dim=3)


def _weighted_sum(padded: Tensor, dim: int) -> Tensor:
    """The window's weighted sum along one dimension, which loses 2 * RADIUS positions."""
    # ten times as fast as a float64 convolution
    size = padded.shape[dim] - 2 * RADIUS
    total = torch.zeros_like(padded.narrow(dim, 0, size))
    for offset, weight in enumerate(GAUSSIAN):
        total.add_(padded.narrow(dim, offset, size), alpha=weight)
    return total


def _mean(values: Tensor, weight: Tensor) -> Tensor:
    """The mean of [C, H, W] under a weight [1, H, W]; nan where that is zero everywhere."""
    return (values * weight).sum() / (weight.sum() * values.shape[0])
