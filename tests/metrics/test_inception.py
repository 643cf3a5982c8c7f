"""The FID Inception: the published counts and sizes, TensorFlow's pools, pytorch-fid's resize, and torch-fidelity."""

import importlib
import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
import torch
from torch import Tensor, nn

from dmvton_mobile.metrics.inception import InceptionFeatures, Mixed, inception_features
from dmvton_mobile.metrics.inputs import MetricError
from tests.metrics.seeded import pictures, save, seed_weights

CLASSIFIER = {"fc.weight": torch.zeros(1008, 2048), "fc.bias": torch.zeros(1008)}


@pytest.fixture(scope="module")
def weights(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """(seeded weights with a classifier as the published file has one, their SHA-256)."""
    network = InceptionFeatures()
    seed_weights(network)
    path = tmp_path_factory.mktemp("inception") / "inception.pth"
    return path, save(network.state_dict() | CLASSIFIER, path)


@pytest.fixture(scope="module")
def network(weights: tuple[Path, str]) -> InceptionFeatures:
    path, digest = weights
    return inception_features(path, sha256=digest)


def seen_by(layer: nn.Module, run: Callable[[], Tensor]) -> Tensor:
    """What the layer is given during the run."""
    given: list[Tensor] = []
    handle = layer.register_forward_pre_hook(lambda _, inputs: given.append(inputs[0].clone()))
    run()
    handle.remove()
    return given[0]


def pooling(block: Mixed, x: Tensor) -> Tensor:
    """What the block's pool gives its convolution."""
    return seen_by(block.get_submodule("branch_pool"), lambda: block(x))


def test_weights_are_as_many_as_published(network: InceptionFeatures) -> None:
    """566 tensors in the published file. 27 161 264 parameters in torchvision's table for 1000 classes, of which
    3 326 696 are the auxiliary classifier's."""
    classes = 1008 - 1000
    parameters = 27_161_264 - 3_326_696 + classes * (2048 + 1)
    assert len(network.state_dict()) + len(CLASSIFIER) == 566
    held = [*network.parameters(), *CLASSIFIER.values()]
    assert sum(parameter.numel() for parameter in held) == parameters


def test_maps_are_the_papers_sizes(network: InceptionFeatures) -> None:
    """Szegedy et al., table 1: the sizes that each part takes in."""
    sizes = {
        "Conv2d_2a_3x3": (32, 149),
        "Conv2d_2b_3x3": (32, 147),
        "MaxPool_1": (64, 147),
        "Conv2d_3b_1x1": (64, 73),
        "MaxPool_2": (192, 71),
        "Mixed_5b": (192, 35),
        "Mixed_6b": (768, 17),
        "Mixed_7b": (1280, 8),
        "Mixed_7c": (2048, 8),
    }
    for name, (channels, side) in sizes.items():
        given = seen_by(network.get_submodule(name), lambda: network(torch.zeros(1, 3, 8, 8)))
        assert given.shape == (1, channels, side, side), name


@pytest.mark.parametrize("name", ["Mixed_5b", "Mixed_5c", "Mixed_5d", "Mixed_6b", "Mixed_6e", "Mixed_7b"])
def test_average_pools_leave_the_padding_out(network: InceptionFeatures, name: str) -> None:
    """The mean of ones is one at the corner too, where five of nine places are padding."""
    block = network.get_submodule(name)
    assert isinstance(block, Mixed)
    channels = block.get_submodule("branch1x1").get_parameter("conv.weight").shape[1]
    ramp = torch.arange(25.0).view(1, 1, 5, 5).expand(1, channels, 5, 5)
    pooled = pooling(block, ramp)[0, 0]
    assert (
        pooled[0, 0] == (0 + 1 + 5 + 6) / 4 and pooled[2, 2] == 12 and pooled[4, 1] == (15 + 16 + 17 + 20 + 21 + 22) / 6
    )


def test_the_last_blocks_pool_is_a_maximum(network: InceptionFeatures) -> None:
    block = network.get_submodule("Mixed_7c")
    assert isinstance(block, Mixed)
    ramp = -torch.arange(25.0).view(1, 1, 5, 5).expand(1, 2048, 5, 5)
    pooled = pooling(block, ramp)[0, 0]
    assert pooled[0, 0] == 0 and pooled[2, 2] == -6 and pooled[4, 4] == -18


@pytest.mark.parametrize("size", [(256, 192), (512, 384), (299, 299)])
def test_pictures_are_resized_as_opencv_does_and_scaled(network: InceptionFeatures, size: tuple[int, int]) -> None:
    """Its bilinear rule is the same, and has no antialiasing either."""
    image = pictures(1, size=size).float()
    given = seen_by(network.get_submodule("Conv2d_1a_3x3"), lambda: network(image))
    resized = cv2.resize(image[0].permute(1, 2, 0).numpy(), (299, 299), interpolation=cv2.INTER_LINEAR)
    assert given.shape == (1, 3, 299, 299)
    assert np.abs(given[0].permute(1, 2, 0).numpy() - (2 * resized - 1)).max() < 1e-4


def test_features(network: InceptionFeatures) -> None:
    """One row per picture, whatever it comes with; frozen."""
    images = pictures(2, 3).float()
    together = network(images)
    assert together.shape == (3, 2048) and together.dtype == torch.float32 and not together.requires_grad
    assert torch.allclose(together, torch.cat([network(image[None]) for image in images]), rtol=1e-4, atol=1e-4)
    assert not torch.allclose(together[0], together[1], atol=1e-2)
    assert not network.training


def test_wrong_pictures_are_errors(network: InceptionFeatures) -> None:
    with pytest.raises(MetricError, match="images must lie from 0 to 1"):
        network(torch.full((1, 3, 8, 8), -0.5))
    with pytest.raises(MetricError, match=r"images must be \[B, 3, H, W\], not \[3, 8, 8\]"):
        network(torch.zeros(3, 8, 8))


@pytest.mark.slow
@pytest.mark.skipif(importlib.util.find_spec("torch_fidelity") is None, reason="pip install --no-deps torch-fidelity")
def test_features_are_torch_fidelitys(
    network: InceptionFeatures, weights: tuple[Path, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An independent port of the same graph. The package itself needs torchvision; the file with its network does not,
    so only that is imported."""
    spec = importlib.util.find_spec("torch_fidelity")
    assert spec is not None and spec.submodule_search_locations is not None
    package = ModuleType("torch_fidelity")
    package.__path__ = list(spec.submodule_search_locations)
    monkeypatch.setitem(sys.modules, "torch_fidelity", package)
    port = importlib.import_module("torch_fidelity.feature_extractor_inceptionv3").FeatureExtractorInceptionV3
    theirs = port("inception", ["2048"], feature_extractor_weights_path=str(weights[0]))
    # at 299x299 neither resizes; it scales bytes by (v - 128) / 128
    image = torch.randint(0, 256, (2, 3, 299, 299), dtype=torch.uint8, generator=torch.Generator().manual_seed(3))
    assert torch.allclose(network(image / 256), theirs(image)[0], rtol=1e-5, atol=1e-5)
