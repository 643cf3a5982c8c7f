"""LPIPS v0.1 with the VGG-16 backbone: the perceptual distance of two images.

Why not torchmetrics' own class: it builds its backbone with torchvision, which downloads the weights. Here they come
from a path; the linear heads are those that torchmetrics ships.

Source: Zhang et al. 2018 (https://arxiv.org/abs/1801.03924).
"""

import importlib.metadata
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.errors import NotInstalledError
from dmvton_mobile.metrics.inputs import require_maps, require_same_shape
from dmvton_mobile.metrics.vgg import VggFeatures, vgg_features
from dmvton_mobile.metrics.weights import WeightsFile, read_weights

# ImageNet's mean and standard deviation for images in [-1, 1]
SHIFT = (-0.030, -0.088, -0.188)
SCALE = (0.458, 0.448, 0.450)
EPSILON = 1e-10
SMALLEST = 16  # pixels; the backbone halves the image four times

HEADS_PATH = "torchmetrics/functional/image/lpips_models/vgg.pth"
HEADS = WeightsFile(
    "LPIPS v0.1's vgg.pth",
    "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868",
    "part of the package torchmetrics",
)


class Lpips(nn.Module):
    """LPIPS on a feature extractor and its linear heads, each [1, channels, 1, 1]; `lpips` builds the published one."""

    shift: Tensor
    scale: Tensor

    def __init__(self, features: VggFeatures, heads: Sequence[Tensor]):
        super().__init__()
        self.features = features
        self.heads = nn.ParameterList([nn.Parameter(head, requires_grad=False) for head in heads])
        self.register_buffer("shift", torch.tensor(SHIFT).view(1, 3, 1, 1))
        self.register_buffer("scale", torch.tensor(SCALE).view(1, 3, 1, 1))

    @torch.no_grad()
    def forward(self, candidate: Tensor, reference: Tensor) -> Tensor:
        """Computes the distance, float32 [B]: 0 for equal images, larger the more they differ.

        Args:
            candidate: [B, 3, H, W], RGB in [-1, 1], at least 16x16 pixels.
            reference: The same shape and range.

        Raises:
            MetricError: They have other shapes or ranges.
        """
        for name, images in (("candidate", candidate), ("reference", reference)):
            require_maps(name, images, channels=3, low=-1.0, high=1.0, smallest=SMALLEST)
        require_same_shape("candidate", candidate, "reference", reference)
        maps = (self.features((images.float() - self.shift) / self.scale) for images in (candidate, reference))
        levels = zip(*maps, self.heads, strict=True)
        distances = [F.conv2d((_unit(a) - _unit(b)).square(), head).mean((1, 2, 3)) for a, b, head in levels]
        return torch.stack(distances).sum(0)


def lpips(path: Path, *, sha256: str | None = None) -> Lpips:
    """Builds the published metric.

    Args:
        path: torchvision's vgg16-397923af.pth.
        sha256: As in `vgg_features`.

    Raises:
        WeightsError: The file is missing, another one, or lacks a tensor.
        DmvtonError: torchmetrics, which ships the heads, is not installed.
    """
    state = read_weights(_heads_file(), HEADS)
    heads = [state[f"lin{level}.model.1.weight"] for level in range(5)]
    return Lpips(vgg_features("vgg16", path, sha256=sha256), heads).eval()


def _unit(features: Tensor) -> Tensor:
    """Each pixel's channels divided by their length."""
    return features / (torch.linalg.vector_norm(features, dim=1, keepdim=True) + EPSILON)


def _heads_file() -> Path:
    # by the installer's record: importing torchmetrics takes seconds
    try:
        return Path(str(importlib.metadata.distribution("torchmetrics").locate_file(HEADS_PATH)))
    except importlib.metadata.PackageNotFoundError as error:
        raise NotInstalledError("LPIPS needs", "torchmetrics", "evaluate") from error
