"""VGG-16 and VGG-19 as feature extractors for the weights that torchvision publishes.

torchvision itself is no dependency of the project; of its VGG only these layers are needed.

Source: Simonyan and Zisserman 2014 (https://arxiv.org/abs/1409.1556), table 1, columns D and E.
"""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal

from torch import Tensor, nn

from dmvton_mobile.metrics.weights import WeightsFile, load_weights

VggName = Literal["vgg16", "vgg19"]

WIDTHS = (64, 128, 256, 512, 512)  # channels of the five blocks, a 2x2 max pool between each two


@dataclass(frozen=True)
class Vgg:
    """One VGG.

    Attributes:
        convolutions: Number of 3x3 convolutions in each block.
        taps: The layers whose outputs are the features.
        ceil_mode: Whether the max pools round sizes up.
        weights: The published file.
    """

    convolutions: tuple[int, int, int, int, int]
    taps: tuple[str, ...]
    ceil_mode: bool
    weights: WeightsFile


VGGS: dict[VggName, Vgg] = {
    # LPIPS
    "vgg16": Vgg(
        convolutions=(2, 2, 3, 3, 3),
        taps=("relu1_2", "relu2_2", "relu3_3", "relu4_3", "relu5_3"),
        ceil_mode=False,
        weights=WeightsFile("vgg16-397923af.pth", "397923af", "https://download.pytorch.org/models/vgg16-397923af.pth"),
    ),
    # the perceptual loss that the papers train with; its coarsest picture is 16x12, so the pools round up
    "vgg19": Vgg(
        convolutions=(2, 2, 4, 4, 4),
        taps=("relu1_1", "relu2_1", "relu3_1", "relu4_1", "relu5_1"),
        ceil_mode=True,
        weights=WeightsFile("vgg19-dcbb9e9d.pth", "dcbb9e9d", "https://download.pytorch.org/models/vgg19-dcbb9e9d.pth"),
    ),
}


class VggFeatures(nn.Module):
    """The layers up to the last tap, with torchvision's keys."""

    def __init__(self, vgg: Vgg):
        super().__init__()
        layers = _layers(vgg)
        names = list(layers)[: list(layers).index(vgg.taps[-1]) + 1]
        self.features = nn.Sequential(*(layers[name] for name in names))
        self._taps = {names.index(tap) for tap in vgg.taps}

    def forward(self, x: Tensor) -> list[Tensor]:
        """Computes the tapped maps: 64, 128, 256, 512, 512 channels at 1, 1/2, 1/4, 1/8, 1/16 of the size.

        Args:
            x: [B, 3, H, W], normalised by the caller.
        """
        maps = []
        for index, layer in enumerate(self.features):
            x = layer(x)
            if index in self._taps:
                maps.append(x)
        return maps


def vgg_features(name: VggName, path: Path, *, sha256: str | None = None) -> VggFeatures:
    """Builds a frozen extractor; gradients still reach the input.

    Args:
        name: `vgg16` has the taps of LPIPS, `vgg19` those of the perceptual training loss.
        path: torchvision's published file.
        sha256: The digits that its SHA-256 begins with; None for those of the published file.

    Raises:
        WeightsError: The file is missing, another one, or lacks a tensor.
    """
    vgg = VGGS[name]
    network = VggFeatures(vgg)
    load_weights(network, path, vgg.weights if sha256 is None else replace(vgg.weights, sha256=sha256))
    return network


def _layers(vgg: Vgg) -> dict[str, nn.Module]:
    """Layers by name in the order of torchvision's indices: conv1_1, relu1_1, ..., pool1, conv2_1, ..."""
    layers: dict[str, nn.Module] = {}
    channels = 3
    for block, (width, count) in enumerate(zip(WIDTHS, vgg.convolutions, strict=True), 1):
        for index in range(1, count + 1):
            layers[f"conv{block}_{index}"] = nn.Conv2d(channels, width, 3, padding=1)
            layers[f"relu{block}_{index}"] = nn.ReLU(inplace=True)
            channels = width
        layers[f"pool{block}"] = nn.MaxPool2d(2, ceil_mode=vgg.ceil_mode)
    return layers
