"""PF-AFN's warp module: residual pyramids and the cost-volume flow. Tutor (45 channels) and student (3) share it.

Source: PF-AFN (https://arxiv.org/abs/2103.04559) section 3; layer facts as the published checkpoints fix them.
"""

from torch import Tensor, nn

from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.resunet import ResUnetGenerator
from dmvton_mobile.networks.warp import FEATURES, CostVolumeFlow, PyramidWarp

ENCODER_WIDTHS = (64, 128, 256, 256, 256)


class DownSample(nn.Module):
    """Pre-activation, then a strided convolution: [B, inputs, H, W] -> [B, outputs, H/2, W/2]."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.block = nn.Sequential(nn.BatchNorm2d(inputs), nn.ReLU(), nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        return self.block(x)


class PreActivationResidual(nn.Module):
    """Two pre-activated 3x3 convolutions around a skip; nothing after the sum."""

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
        return x + self.block(x)


class FeatureEncoder(nn.Module):
    """[B, inputs, H, W] -> five maps, fine (H/2, 64 channels) to coarse (H/32, 256 channels)."""

    def __init__(self, inputs: int):
        super().__init__()
        self.encoders = nn.ModuleList(
            nn.Sequential(DownSample(before, width), PreActivationResidual(width), PreActivationResidual(width))
            for before, width in zip((inputs, *ENCODER_WIDTHS), ENCODER_WIDTHS)
        )

    def forward(self, x: Tensor) -> list[Tensor]:
        maps = []
        for encoder in self.encoders:
            x = encoder(x)
            maps.append(x)
        return maps


class RefinePyramid(nn.Module):
    """Top-down merge, smoothed at every step; layer 0 is the coarsest. Maps fine to coarse -> [B, 256, h, w] coarse to
    fine."""

    def __init__(self) -> None:
        super().__init__()
        self.adaptive = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in reversed(ENCODER_WIDTHS))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.smooth = nn.ModuleList(nn.Conv2d(FEATURES, FEATURES, 3, padding=1) for _ in ENCODER_WIDTHS)

    def forward(self, maps: list[Tensor]) -> list[Tensor]:
        pyramid: list[Tensor] = []
        for adaptive, smooth, skip in zip(self.adaptive, self.smooth, reversed(maps)):
            merged = adaptive(skip)
            if pyramid:
                merged = merged + self.upsample(pyramid[-1])
            pyramid.append(smooth(merged))
        return pyramid


class ResidualWarp(PyramidWarp):
    """The four residual pyramids parts that PF-AFN and FS-VTON share; a subclass adds its `aflow_net`."""

    def __init__(self, condition_channels: int):
        super().__init__()
        self.image_features = FeatureEncoder(3)
        self.cond_features = FeatureEncoder(condition_channels)
        self.image_FPN = RefinePyramid()
        self.cond_FPN = RefinePyramid()

    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        return self.image_FPN(self.image_features(garment))

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
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
