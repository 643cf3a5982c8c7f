"""The generator of FS-VTON and PF-AFN: a residual U-Net.

The levels are nested modules, as the keys of the published checkpoints are: `model.model.4.model...`.

Source: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.3.
"""

import torch
from torch import Tensor, nn

WIDTH = 64


class Residual(nn.Module):
    """Two 3x3 convolutions around a skip; the sum is activated (https://arxiv.org/abs/1512.03385)."""

    def __init__(self, width: int):
        super().__init__()
        self.block = nn.Sequential(
            _conv(width, width), nn.BatchNorm2d(width), nn.ReLU(), _conv(width, width), nn.BatchNorm2d(width)
        )
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] -> [B, width, H, W]."""
        return self.relu(x + self.block(x))


def _conv(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def _down(inputs: int, outputs: int, *, norm: bool) -> list[nn.Module]:
    normalisation = [nn.BatchNorm2d(outputs)] if norm else []
    return [_conv(inputs, outputs, 2), *normalisation, nn.ReLU(), Residual(outputs), Residual(outputs)]


def _up(inputs: int, outputs: int) -> list[nn.Module]:
    return [
        nn.Upsample(scale_factor=2, mode="nearest"),
        _conv(inputs, outputs),
        nn.BatchNorm2d(outputs),
        nn.ReLU(),
        Residual(outputs),
        Residual(outputs),
    ]


class Level(nn.Module):
    """One level of the U-Net, around the deeper one."""

    def __init__(self, *layers: nn.Module):
        super().__init__()
        self.model = nn.Sequential(*layers)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> its input beside its output, [B, 2C, H, W]."""
        return torch.cat([x, self.model(x)], 1)


class Outermost(nn.Module):
    """The level at the picture's own resolution."""

    def __init__(self, inputs: int, outputs: int, deeper: Level):
        super().__init__()
        up = [nn.Upsample(scale_factor=2, mode="nearest"), _conv(2 * WIDTH, outputs)]
        self.model = nn.Sequential(*_down(inputs, WIDTH, norm=False), deeper, *up)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W], not activated."""
        return self.model(x)


class ResUnetGenerator(nn.Module):
    """The generator, five levels of 64 to 512 channels; H and W are multiples of 32."""

    def __init__(self, inputs: int, outputs: int = 4):
        super().__init__()
        level = Level(*_down(8 * WIDTH, 8 * WIDTH, norm=False), *_up(8 * WIDTH, 8 * WIDTH))
        for width in (4 * WIDTH, 2 * WIDTH, WIDTH):
            level = Level(*_down(width, 2 * width, norm=True), level, *_up(4 * width, width))
        self.model = Outermost(inputs, outputs, level)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W] without activation: rendered picture (3) and composition (1)."""
        return self.model(x)
