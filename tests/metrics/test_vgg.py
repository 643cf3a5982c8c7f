"""VGG-16 and VGG-19 against a plain reading of the published layer list."""

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.metrics.vgg import VGGS, VggFeatures, VggName, vgg_features
from tests.metrics.seeded import save, seed_weights

# torchvision's indices in `features`: convolutions, max pools, and the ReLUs whose outputs are wanted
PUBLISHED: dict[VggName, tuple[tuple[int, ...], tuple[int, ...], tuple[int, ...]]] = {
    "vgg16": ((0, 2, 5, 7, 10, 12, 14, 17, 19, 21, 24, 26, 28), (4, 9, 16, 23), (3, 8, 15, 22, 29)),
    "vgg19": ((0, 2, 5, 7, 10, 12, 14, 16, 19, 21, 23, 25, 28), (4, 9, 18, 27), (1, 6, 11, 20, 29)),
}
NAMES: tuple[VggName, VggName] = ("vgg16", "vgg19")


def plain_features(name: VggName, state: dict[str, Tensor], x: Tensor) -> list[Tensor]:
    convolutions, pools, taps = PUBLISHED[name]
    maps = []
    for index in range(taps[-1] + 1):
        if index in convolutions:
            weight, bias = (state[f"features.{index}.{part}"] for part in ("weight", "bias"))
            x = F.conv2d(x, weight, bias, padding=1)
        elif index in pools:
            x = F.max_pool2d(x, 2, ceil_mode=name == "vgg19")
        else:
            x = x.relu()
        if index in taps:
            maps.append(x)
    return maps


@pytest.fixture(scope="module", params=NAMES)
def loaded(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[VggName, VggFeatures]:
    """Seeded weights, written with a classifier and read back."""
    name: VggName = request.param
    network = VggFeatures(VGGS[name])
    seed_weights(network)
    path = tmp_path_factory.mktemp("vgg") / "vgg.pth"
    digest = save(network.state_dict() | {"classifier.0.weight": torch.zeros(3)}, path)
    return name, vgg_features(name, path, sha256=digest[:8])


@pytest.mark.parametrize("size", [(64, 48), (37, 51)])
def test_features_are_the_published_layers(loaded: tuple[VggName, VggFeatures], size: tuple[int, int]) -> None:
    """With no scaling of the input. Odd sizes: VGG-16's pools round down, VGG-19's up."""
    name, network = loaded
    images = torch.rand(2, 3, *size, generator=torch.Generator().manual_seed(1)) * 2 - 1
    expected = plain_features(name, network.state_dict(), images.clone())
    maps = network(images)
    assert [map.shape[1] for map in maps] == [64, 128, 256, 512, 512]
    for map, plain in zip(maps, expected, strict=True):
        assert map.shape == plain.shape and torch.allclose(map, plain, rtol=1e-5, atol=1e-5)


def test_the_training_losss_coarsest_picture_passes_through() -> None:
    """16x12 has 1.5 pixels of width left for the last pool."""
    maps = VggFeatures(VGGS["vgg19"])(torch.zeros(1, 3, 16, 12))
    assert [tuple(map.shape[2:]) for map in maps] == [(16, 12), (8, 6), (4, 3), (2, 2), (1, 1)]


def test_gradients_reach_the_picture_and_nothing_else(loaded: tuple[VggName, VggFeatures]) -> None:
    _, network = loaded
    images = torch.rand(1, 3, 32, 32, requires_grad=True)
    sum(map.sum() for map in network(images)).backward()
    assert images.grad is not None and images.grad.abs().sum() > 0
    assert all(parameter.grad is None for parameter in network.parameters()) and not network.training


def test_vgg_16_has_as_many_weights_as_published() -> None:
    """138 357 544 parameters by torchvision's table; its three linear layers hold all but these."""
    linear = sum(inputs * outputs + outputs for inputs, outputs in ((25088, 4096), (4096, 4096), (4096, 1000)))
    with torch.device("meta"):
        network = VggFeatures(VGGS["vgg16"])
    assert sum(parameter.numel() for parameter in network.parameters()) == 138_357_544 - linear
