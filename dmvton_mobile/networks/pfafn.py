"""PF-AFN's warp module: residual pyramids and the cost-volume flow. Tutor (45 channels) and student (3) share it.

Source: PF-AFN (https://arxiv.org/abs/2103.04559) section 3; the published checkpoints fix channels and strides.
"""

from torch import Tensor, nn

from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.resunet import ResUnetGenerator
from dmvton_mobile.networks.warp import FEATURES, CostVolumeFlow, PyramidWarp

ENCODER_WIDTHS = (64, 128, 256, 256, 256)


class DownSample(nn.Module):
    """Batch norm and ReLU, then a strided 3x3 convolution."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.block = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/2, W/2]."""
        return self.block(x)


class PreActivationResidual(nn.Module):
    """Two pre-activated 3x3 convolutions around a skip (https://arxiv.org/abs/1603.05027); the sum is not activated."""

    def __init__(self, width: int):
        super().__init__()
        self.block = nn.Sequential(
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(),
            nn.Conv2d(width, width, 3, padding=1, bias=False),
        )

    def forward(self, x: Tensor) -> Tensor:
        """[B, width, H, W] -> [B, width, H, W]."""
        return x + self.block(x)


class FeatureEncoder(nn.Module):
    """The residual encoder of a picture or a condition, five levels."""

    def __init__(self, inputs: int):
        super().__init__()
        self.encoders = nn.ModuleList(
            nn.Sequential(DownSample(before, width), PreActivationResidual(width), PreActivationResidual(width))
            for before, width in zip((inputs, *ENCODER_WIDTHS), ENCODER_WIDTHS)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, inputs, H, W] -> five maps, fine (H/2, 64 channels) to coarse (H/32, 256 channels)."""
        maps = []
        for encoder in self.encoders:
            x = encoder(x)
            maps.append(x)
        return maps


class RefinePyramid(nn.Module):
    """Merges the encoder's maps top-down and smooths every step (https://arxiv.org/abs/1612.03144).

    Layer 0 is the coarsest; the smoothed map is what goes down.
    """

    def __init__(self) -> None:
        super().__init__()
        self.adaptive = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in reversed(ENCODER_WIDTHS))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.smooth = nn.ModuleList(nn.Conv2d(FEATURES, FEATURES, 3, padding=1) for _ in ENCODER_WIDTHS)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        """Five maps, fine to coarse -> five maps [B, 256, h, w], coarse to fine."""
        pyramid: list[Tensor] = []
        for adaptive, smooth, skip in zip(self.adaptive, self.smooth, reversed(maps)):
            merged = adaptive(skip)
            if pyramid:
                merged = merged + self.upsample(pyramid[-1])
            pyramid.append(smooth(merged))
        return pyramid


class ResidualWarp(PyramidWarp):
    """The encoders and pyramids that PF-AFN and FS-VTON share; a subclass adds its `aflow_net`."""

    def __init__(self, condition_channels: int):
        super().__init__()
        self.image_features = FeatureEncoder(3)
        self.cond_features = FeatureEncoder(condition_channels)
        self.image_FPN = RefinePyramid()
        self.cond_FPN = RefinePyramid()

    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        """Garment [B, 3, H, W] -> five maps [B, 256, h, w], coarse to fine."""
        return self.image_FPN(self.image_features(garment))

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """Condition [B, 3 or 45, H, W] -> five maps [B, 256, h, w], coarse to fine."""
        return self.cond_FPN(self.cond_features(condition))


class AppearanceFlowWarp(ResidualWarp):
    """PF-AFN's Appearance Flow Warping Module."""

    def __init__(self, condition_channels: int, align_corners: bool = True):
        super().__init__(condition_channels)
        self.aflow_net = CostVolumeFlow(align_corners)


class PfafnNetwork(PaperNetwork):
    """PF-AFN: the parser-based tutor (45 channels) and the parser-free student (3)."""

    def __init__(self, config: NetworkConfig):
        warp = AppearanceFlowWarp(config.condition_channels, config.align_corners)
        super().__init__(config, warp, ResUnetGenerator(config.generator_channels))
