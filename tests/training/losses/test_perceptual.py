"""The perceptual losses: VGG's against its formula, the structural one against scikit-image, and what both must do."""

from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from skimage.metrics import structural_similarity
from torch import Tensor

from dmvton_mobile.metrics.vgg import VGGS, VggFeatures
from dmvton_mobile.metrics.weights import WeightsError
from tests.metrics.seeded import perturbed, pictures, save, seed_weights
from tests.metrics.test_vgg import plain_features
from training.losses.perceptual import PerceptualLoss, StructuralPerceptual, VggPerceptual


@pytest.fixture(scope="module")
def vgg(tmp_path_factory: pytest.TempPathFactory) -> VggPerceptual:
    network = VggFeatures(VGGS["vgg19"])
    seed_weights(network)
    path = tmp_path_factory.mktemp("vgg") / "vgg.pth"
    return VggPerceptual(path, sha256=save(network.state_dict(), path))


@pytest.fixture(params=["vgg19", "structural"])
def perceptual(request: pytest.FixtureRequest, vgg: VggPerceptual) -> PerceptualLoss:
    return vgg if request.param == "vgg19" else StructuralPerceptual()


def pair(size: tuple[int, int], count: int = 2) -> tuple[Tensor, Tensor]:
    """Two unlike sets of pictures in [-1, 1]."""
    first, second = (pictures(seed, count, size).float() * 2 - 1 for seed in (0, 1))
    return first, second


def test_vgg_is_the_weighted_sum_over_the_published_layers(vgg: VggPerceptual) -> None:
    first, second = pair((32, 24))
    features = (plain_features("vgg19", vgg.features.state_dict(), images) for images in (first, second))
    distances = [(a - b).abs().mean() for a, b in zip(*features, strict=True)]
    expected = sum(weight * distance for weight, distance in zip((1 / 32, 1 / 16, 1 / 8, 1 / 4, 1), distances))
    torch.testing.assert_close(vgg(first, second), expected, rtol=1e-5, atol=1e-6)


def test_vgg_needs_the_published_file(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="vgg19-dcbb9e9d"):
        VggPerceptual(tmp_path / "none.pth")


def plain_scale(first: Tensor, second: Tensor) -> float:
    """1 - scikit-image's SSIM with a uniform window of 7 where it lies within the picture, and the gradients in
    NumPy."""
    similarities = [
        structural_similarity(a, b, win_size=7, data_range=1.0, use_sample_covariance=False)
        for a, b in zip(*(((images + 1) / 2).flatten(0, 1).double().numpy() for images in (first, second)))
    ]
    a, b = first.double().numpy(), second.double().numpy()
    gradients = sum(float(np.abs(np.diff(a, axis=axis) - np.diff(b, axis=axis)).mean()) for axis in (2, 3))
    return 1 - float(np.mean(similarities)) + gradients


@pytest.mark.parametrize(("size", "scales"), [((16, 12), 1), ((16, 14), 2), ((32, 33), 3), ((128, 112), 5)])
def test_the_structural_loss_is_a_mean_over_scales(size: tuple[int, int], scales: int) -> None:
    """Down to the last that holds a window of 7x7, five at most; what is odd loses its last row or column."""
    first, second = pair(size)
    measured = StructuralPerceptual()(first, second).item()
    each = []
    for _ in range(scales):
        each.append(plain_scale(first, second))
        first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)
    assert measured == pytest.approx(sum(each) / scales, rel=1e-4)


def test_the_structural_loss_is_computed_in_float32_whatever_surrounds_it() -> None:
    first, second = pair((32, 24))
    expected = StructuralPerceptual()(first, second)
    with torch.autocast("cpu", torch.bfloat16):
        assert StructuralPerceptual()(first, second) == expected
        assert StructuralPerceptual()(first.bfloat16(), second).dtype == torch.float32


@pytest.mark.parametrize("size", [(64, 48), (16, 12), (8, 6), (4, 4)])
def test_gradients_are_finite_down_to_the_coarsest_level(perceptual: PerceptualLoss, size: tuple[int, int]) -> None:
    first, second = pair(size)
    first.requires_grad_()
    perceptual(first, second).backward()
    assert first.grad is not None and torch.isfinite(first.grad).all() and first.grad.any()


def test_masked_pictures(perceptual: PerceptualLoss) -> None:
    """What both mask away costs nothing and gives finite gradients; even where nothing is left."""
    first, second = pair((32, 24))
    mask = torch.zeros(2, 1, 32, 24)
    mask[0, :, 8:24, 6:18] = 1  # the second sample is masked away whole
    first.requires_grad_()
    loss = perceptual(first * mask, second * mask)
    loss.backward()
    assert 0 < loss.item() < perceptual(first, second).item()
    assert first.grad is not None and torch.isfinite(first.grad).all()
    assert perceptual(first * 0, second * 0).item() == 0


def test_only_the_first_picture_gets_a_gradient(perceptual: PerceptualLoss) -> None:
    first, second = pair((16, 12))
    first.requires_grad_()
    second.requires_grad_()
    perceptual(first, second).backward()
    assert first.grad is not None and second.grad is None
    assert all(parameter.grad is None for parameter in perceptual.parameters())


def test_the_more_unlike_the_farther(perceptual: PerceptualLoss) -> None:
    images = pictures(0, 2)
    distances = [
        perceptual(perturbed(images, amount).float() * 2 - 1, images.float() * 2 - 1).item()
        for amount in (0.0, 0.02, 0.05, 0.1, 0.2)
    ]
    assert distances[0] == pytest.approx(0, abs=1e-6) and distances == sorted(set(distances))
