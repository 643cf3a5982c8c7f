"""Perceptual losses: the features of VGG-19 as in the papers, or structural similarity without any weights.

Each compares two pictures [B, 3, H, W] in [-1, 1], parts of which may be masked to 0, and returns a scalar, 0 for equal
ones. Only the first gets a gradient.
"""

from abc import ABC, abstractmethod
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.contract import to_unit
from dmvton_mobile.metrics.vgg import vgg_features
from training.losses.common import gradient_l1


class PerceptualLoss(nn.Module, ABC):
    """Compares two pictures as people see them."""

    @abstractmethod
    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """Two pictures [B, 3, H, W] in [-1, 1] -> a scalar, 0 or more."""


class VggPerceptual(PerceptualLoss):
    """sum_k w_k mean |phi_k(first) - phi_k(second)|: VGG-19 after the first ReLU of each of its five blocks.

    w = 1/32, 1/16, 1/8, 1/4, 1. As both papers train it, the pictures go in without ImageNet's normalisation.

    Sources: Johnson, Alahi, Fei-Fei 2016 (https://arxiv.org/abs/1603.08155); the weights are those of pix2pixHD
    (https://arxiv.org/abs/1711.11585).

    Args:
        path: the file that torchvision publishes; it is never downloaded.
        sha256: the first digits of its SHA-256; None for the published file's.

    Raises:
        WeightsError: There is no such file, or it is another one.
    """

    WEIGHTS = (1 / 32, 1 / 16, 1 / 8, 1 / 4, 1.0)

    def __init__(self, path: Path, *, sha256: str | None = None):
        super().__init__()
        self.features = vgg_features("vgg19", path, sha256=sha256)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """See the class."""
        with torch.no_grad():
            targets = self.features(second)
        distances = [F.l1_loss(*maps) for maps in zip(self.features(first), targets, strict=True)]
        return torch.stack([weight * distance for weight, distance in zip(self.WEIGHTS, distances)]).sum()


class StructuralPerceptual(PerceptualLoss):
    """mean over scales s of (1 - mean SSIM_s) + mean |grad first - grad second|. Ours: it needs no weights.

    SSIM (Wang et al. 2004, https://doi.org/10.1109/TIP.2003.819861) with K1 0.01 and K2 0.03 over uniform windows of
    7x7 that lie within the picture, of values in [0, 1]; a smaller picture is one window. Gradients are differences to
    the right and below, of values in [-1, 1]. There are five scales, each the 2x2 mean of the one before, or as many as
    still hold a window. Everything is computed in float32, because variances are differences of nearly equal numbers.
    """

    SCALES = 5
    WINDOW = 7
    LUMINANCE_CONSTANT = 0.01**2
    CONTRAST_CONSTANT = 0.03**2

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        """See the class."""
        with torch.autocast(first.device.type, enabled=False):
            first, second = first.float(), second.detach().float()
            scales = []
            while True:
                scales.append(self._dissimilarity(first, second) + gradient_l1(first, second))
                if len(scales) == self.SCALES or min(first.shape[2:]) < 2 * self.WINDOW:
                    return torch.stack(scales).mean()
                first, second = F.avg_pool2d(first, 2), F.avg_pool2d(second, 2)

    def _dissimilarity(self, first: Tensor, second: Tensor) -> Tensor:
        """1 - mean SSIM, from 0 to 2, of pictures in [-1, 1]."""
        first, second = to_unit(first), to_unit(second)
        window = [min(self.WINDOW, length) for length in first.shape[2:]]
        moments = torch.cat([first, second, first.square(), second.square(), first * second], 1)
        rows = F.avg_pool2d(moments, (window[0], 1), stride=1)  # a window's mean, one direction after the other
        mean_1, mean_2, square_1, square_2, product = F.avg_pool2d(rows, (1, window[1]), stride=1).chunk(5, 1)
        luminance = (2 * mean_1 * mean_2 + self.LUMINANCE_CONSTANT) / (
            mean_1.square() + mean_2.square() + self.LUMINANCE_CONSTANT
        )
        variances = square_1 - mean_1.square() + square_2 - mean_2.square()
        structure = (2 * (product - mean_1 * mean_2) + self.CONTRAST_CONSTANT) / (variances + self.CONTRAST_CONSTANT)
        return 1 - (luminance * structure).mean()
