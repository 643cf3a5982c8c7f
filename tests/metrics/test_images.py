"""PSNR, SSIM and MS-SSIM: equal to scikit-image and torchmetrics, by hand and by region, whatever the batch."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.ndimage import gaussian_filter  # type: ignore[import-untyped]
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torch import Tensor
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    structural_similarity_index_measure,
)

from dmvton_mobile.metrics.images import ms_ssim, psnr, ssim
from dmvton_mobile.metrics.inputs import MetricError
from tests.metrics.seeded import perturbed, pictures

Metric = Callable[..., Tensor]
METRICS: tuple[Metric, ...] = (psnr, ssim, ms_ssim)
LARGE = (192, 176)  # what MS-SSIM needs, and a little more
BORDER = 5  # half a window


def scikit_ssim(first: Tensor, second: Tensor) -> tuple[float, np.ndarray]:
    """(mean, map [3, H, W]) of one image [3, H, W] in the setting that its manual names for Wang et al. 2004."""
    mean, full = structural_similarity(
        first.numpy(),
        second.numpy(),
        gaussian_weights=True,
        sigma=1.5,
        use_sample_covariance=False,
        data_range=1,
        channel_axis=0,
        full=True,
    )
    return float(mean), full


def block(size: tuple[int, int], rows: slice, columns: slice, count: int = 1) -> Tensor:
    """A region [count, 1, *size]: 1 in the rows and columns named."""
    region = torch.zeros(count, 1, *size)
    region[:, :, rows, columns] = 1
    return region


def test_psnr_worked_out_by_hand() -> None:
    """0.1 off everywhere is a mean squared error of 0.01: 20 dB. 0.1 off in a quarter of the pixels is 0.0025."""
    reference = torch.full((2, 3, 4, 8), 0.5, dtype=torch.float64)
    candidate = reference.clone()
    candidate[0] += 0.1
    candidate[1, :, :, :2] += 0.1
    assert psnr(candidate, reference).tolist() == pytest.approx([20.0, 10 * math.log10(1 / 0.0025)], abs=1e-9)


def test_psnr_over_a_region_by_hand() -> None:
    """The quarter that is wrong, in a region of half the picture: a mean squared error of 0.005 there."""
    reference = torch.full((1, 3, 4, 8), 0.5, dtype=torch.float64)
    candidate = reference.clone()
    candidate[:, :, :, :2] += 0.1
    over = [psnr(candidate, reference, region=block((4, 8), slice(None), slice(*ends))) for ends in ((0, 4), (2, 8))]
    assert over[0].item() == pytest.approx(10 * math.log10(1 / 0.005), abs=1e-9)
    assert over[1].item() == math.inf


def test_psnr_is_scikit_images() -> None:
    reference = pictures(1, 3)
    candidate = perturbed(reference, 0.1)
    expected = [
        peak_signal_noise_ratio(image.numpy(), other.numpy(), data_range=1)
        for image, other in zip(reference, candidate)
    ]
    assert psnr(candidate, reference).tolist() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("size", [(11, 11), (64, 48), (33, 50)])
def test_ssim_is_torchmetrics(size: tuple[int, int]) -> None:
    reference = pictures(2, 3, size)
    candidate = perturbed(reference, 0.15)
    expected = structural_similarity_index_measure(candidate, reference, data_range=1.0, reduction="none")
    assert isinstance(expected, Tensor)
    assert torch.allclose(ssim(candidate, reference), expected, rtol=0, atol=1e-10)


def test_ssim_is_scikit_images_inside_its_border() -> None:
    """scikit-image leaves out the pixels whose window reaches over the border; they are where the two differ."""
    reference = pictures(3, 2)
    candidate = perturbed(reference, 0.15)
    inside = slice(BORDER, -BORDER)
    region = block((64, 48), inside, inside, count=2)
    expected = [scikit_ssim(a, b)[0] for a, b in zip(candidate, reference)]
    assert ssim(candidate, reference, region=region).tolist() == pytest.approx(expected, abs=1e-10)
    assert (ssim(candidate, reference) - torch.tensor(expected)).abs().min() > 1e-5


def test_ssim_over_a_region_is_the_mean_of_scikit_images_map() -> None:
    reference = pictures(4)
    candidate = perturbed(reference, 0.15)
    region = torch.zeros(1, 1, 64, 48)
    region[0, 0, BORDER:-BORDER, BORDER:-BORDER] = (pictures(5)[0, 0] > 0.6)[BORDER:-BORDER, BORDER:-BORDER]
    inside = region[0, 0].bool().numpy()
    assert 100 < inside.sum() < 64 * 48 / 2
    expected = scikit_ssim(candidate[0], reference[0])[1][:, inside].mean()
    assert ssim(candidate, reference, region=region).item() == pytest.approx(expected, abs=1e-10)


@pytest.mark.parametrize("size", [(176, 176), (256, 192), (181, 203)])
def test_ms_ssim_is_torchmetrics(size: tuple[int, int]) -> None:
    """Whose weights are rounded to float32."""
    reference = pictures(6, 2, size)
    candidate = perturbed(reference, 0.3)
    expected = multiscale_structural_similarity_index_measure(candidate, reference, data_range=1.0, reduction="none")
    assert torch.allclose(ms_ssim(candidate, reference), expected, rtol=0, atol=1e-7)


def plain_ms_ssim(first: np.ndarray, second: np.ndarray, weight: np.ndarray) -> float:
    """MS-SSIM of [3, H, W] under a weight [H, W], with SciPy's Gaussian filter; H and W multiples of 16."""

    def blur(image: np.ndarray) -> np.ndarray:
        return np.stack([gaussian_filter(channel, 1.5, mode="mirror", radius=BORDER) for channel in image])

    def halved(image: np.ndarray) -> np.ndarray:
        return (image[..., ::2, ::2] + image[..., 1::2, ::2] + image[..., ::2, 1::2] + image[..., 1::2, 1::2]) / 4

    figure = 1.0
    for scale, power in enumerate((0.0448, 0.2856, 0.3001, 0.2363, 0.1333)):
        mean_1, mean_2 = blur(first), blur(second)
        deviations = blur(first**2) - mean_1**2 + blur(second**2) - mean_2**2
        term = (2 * (blur(first * second) - mean_1 * mean_2) + 0.0009) / (deviations + 0.0009)
        if scale == 4:
            term = term * (2 * mean_1 * mean_2 + 0.0001) / (mean_1**2 + mean_2**2 + 0.0001)
            figure *= np.average(term.mean(0), weights=weight) ** power
        else:
            inside = (slice(BORDER, -BORDER), slice(BORDER, -BORDER))
            figure *= np.average(term.mean(0)[inside], weights=weight[inside]) ** power
            first, second, weight = halved(first), halved(second), halved(weight)
    return figure


def test_ms_ssim_over_a_region_is_the_plain_formulas() -> None:
    """A region with a ragged edge, whose coarse pixels are partly region."""
    reference = pictures(7, size=LARGE)
    candidate = perturbed(reference, 0.3)
    region = block(LARGE, slice(50, 131), slice(47, 122)) * (pictures(8, size=LARGE)[:, :1] > 0.4)
    expected = plain_ms_ssim(candidate[0].numpy(), reference[0].numpy(), region[0, 0].numpy())
    assert ms_ssim(candidate, reference, region=region).item() == pytest.approx(expected, abs=1e-10)
    assert ms_ssim(candidate, reference).item() != pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("metric", METRICS)
def test_equal_images(metric: Metric) -> None:
    image = pictures(9, 2, LARGE)
    assert metric(image, image.clone()).tolist() == [math.inf if metric is psnr else pytest.approx(1.0, abs=1e-12)] * 2


@pytest.mark.parametrize("metric", METRICS)
def test_more_noise_is_a_lower_figure(metric: Metric) -> None:
    reference = pictures(10, size=LARGE)
    figures = [metric(perturbed(reference, amount), reference).item() for amount in (0.0, 0.02, 0.1, 0.4)]
    assert figures == sorted(set(figures), reverse=True)


@pytest.mark.parametrize("metric", METRICS)
def test_a_wrong_colour_is_a_lower_figure(metric: Metric) -> None:
    """Swapped channels."""
    reference = pictures(11, size=LARGE)
    close = perturbed(reference, 0.02)
    assert metric(close.flip(1), reference) < metric(close, reference)


@pytest.mark.parametrize("metric", METRICS)
def test_a_region_of_everything_is_the_whole_image(metric: Metric) -> None:
    reference = pictures(12, 2, LARGE)
    candidate = perturbed(reference, 0.1)
    assert torch.equal(
        metric(candidate, reference, region=torch.ones(2, 1, *LARGE)), metric(candidate, reference, region=None)
    )


@pytest.mark.parametrize(("metric", "reach"), [(psnr, 0), (ssim, BORDER), (ms_ssim, 16 * (BORDER + 1))])
def test_a_region_ignores_what_is_outside(metric: Metric, reach: int) -> None:
    """Beyond the reach of its pixels' windows, at the coarsest scale 16 times as far; inside, it sees a change."""
    size = (320, 176)
    reference = pictures(13, size=size)
    candidate = perturbed(reference, 0.05)
    region = block(size, slice(60, 120), slice(None))
    figure = metric(candidate, reference, region=region)
    outside, inside = candidate.clone(), candidate.clone()
    outside[:, :, 120 + reach :] = 0
    inside[:, :, 119] = 0
    assert metric(outside, reference) < metric(candidate, reference)
    assert torch.equal(metric(outside, reference, region=region), figure)
    assert metric(inside, reference, region=region) < figure


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("metric", METRICS)
def test_a_batch_of_eight_is_eight_singles(metric: Metric, masked: bool, dtype: torch.dtype) -> None:
    """To the last bit."""
    reference = pictures(14, 8, LARGE).to(dtype)
    candidate = perturbed(reference, 0.1)
    region = (pictures(15, 8, LARGE)[:, :1] > 0.5).to(dtype) if masked else None
    together = metric(candidate, reference, region=region)
    alone = [
        metric(candidate[i : i + 1], reference[i : i + 1], region=None if region is None else region[i : i + 1])
        for i in range(8)
    ]
    assert together.dtype == torch.float64 and together.shape == (8,)
    assert torch.equal(together, torch.cat(alone))


@pytest.mark.parametrize("metric", METRICS)
def test_an_empty_region_is_nan_for_that_image_alone(metric: Metric) -> None:
    reference = pictures(16, 2, LARGE)
    candidate = perturbed(reference, 0.1)
    region = torch.ones(2, 1, *LARGE)
    region[0] = 0
    figures = metric(candidate, reference, region=region)
    assert figures[0].isnan() and figures[1] == metric(candidate, reference)[1]


def test_ms_ssim_is_nan_for_a_region_at_the_border_only() -> None:
    """At the fourth scale no window around a pixel within 40 pixels of the border lies within the picture."""
    reference = pictures(17, size=LARGE)
    candidate = perturbed(reference, 0.1)
    near, reaching = (block(LARGE, slice(0, rows), slice(None)) for rows in (40, 41))
    assert ms_ssim(candidate, reference, region=near).isnan()
    assert 0 < ms_ssim(candidate, reference, region=reaching) < 1


def test_ms_ssim_of_a_negative_is_zero() -> None:
    """Its contrast term is below zero, of which there is no power."""
    reference = pictures(18, size=LARGE)
    assert ms_ssim(1 - reference, reference).item() == 0.0


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda image: image[0], r"candidate must be \[B, 3, H, W\], not \[3, 192, 176\]"),
        (lambda image: image[:, :1], r"candidate must be \[B, 3, H, W\], not \[1, 1, 192, 176\]"),
        (lambda image: image[:0], r"candidate must be \[B, 3, H, W\], not \[0, 3, 192, 176\]"),
        (lambda image: image[..., 1:].repeat(1, 1, 1, 2), r"candidate is .* and reference .* alike"),
        (lambda image: image.repeat(2, 1, 1, 1), r"candidate is \[2, 3, 192, 176\] and reference \[1, 3, 192, 176\]"),
        (lambda image: image * 2 - 1, "candidate must lie from 0 to 1; its values go from -"),
        (lambda image: image * 255, "candidate must lie from 0 to 1"),
        (lambda image: (image * 255).byte(), "candidate must be floating point, not torch.uint8"),
        (lambda image: image / torch.zeros(()), "candidate has values that are not finite"),
    ],
)
def test_wrong_images_are_errors(metric: Metric, change: Callable[[Tensor], Tensor], message: str) -> None:
    image = pictures(19, size=LARGE)
    with pytest.raises(MetricError, match=message):
        metric(change(image), image)


@pytest.mark.parametrize("metric", METRICS)
@pytest.mark.parametrize(
    ("region", "message"),
    [
        (torch.ones(1, 3, *LARGE), r"region must be \[1, 1, 192, 176\], not \[1, 3, 192, 176\]"),
        (torch.ones(1, 1, 1, 1), r"region must be \[1, 1, 192, 176\], not \[1, 1, 1, 1\]"),
        (torch.full((1, 1, *LARGE), 0.5), "region must be 0 or 1 everywhere"),
        (torch.full((1, 1, *LARGE), math.nan), "region must be 0 or 1 everywhere"),
    ],
)
def test_wrong_regions_are_errors(metric: Metric, region: Tensor, message: str) -> None:
    image = pictures(20, size=LARGE)
    with pytest.raises(MetricError, match=message):
        metric(image, image, region=region)


@pytest.mark.parametrize(("metric", "size"), [(ssim, (10, 48)), (ms_ssim, (256, 175))])
def test_too_small_images_are_errors(metric: Metric, size: tuple[int, int]) -> None:
    image = pictures(21, size=size)
    needed = 11 if metric is ssim else 176
    with pytest.raises(MetricError, match=f"candidate is {size[1]}x{size[0]}; this metric needs {needed} pixels"):
        metric(image, image)
