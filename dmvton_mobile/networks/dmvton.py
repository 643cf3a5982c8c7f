"""DM-VTON's mobile networks: the student, and the teacher of the same shape that reads 45 parser-based channels.

Source: DM-VTON (https://arxiv.org/abs/2308.13798) section 3; the published checkpoints fix channels and strides.
"""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks.blocks import InvertedResidual, fan_out_init, resize_like
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.warp import FEATURES, LEVELS, CostVolumeFlow, PyramidWarp

# (expansion, outputs, stride) of the seven blocks after the stem
PYRAMID_BLOCKS = ((1, 16, 1), (6, 24, 2), (6, 32, 2), (6, 64, 2), (6, 96, 2), (6, 160, 2), (6, 320, 1))
STEM = 32


class MobileFPN(nn.Module):
    """MobileNetV2 (https://arxiv.org/abs/1801.04381) with a feature pyramid (https://arxiv.org/abs/1612.03144).

    The stem keeps the resolution. The top of the pyramid is a globally averaged vector, and one 3x3 convolution smooths
    all five levels.
    """

    def __init__(self, inputs: int):
        super().__init__()
        self.first_layer = nn.Sequential(
            nn.Conv2d(inputs, STEM, 3, padding=1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU6()
        )
        widths = [STEM, *(width for _, width, _ in PYRAMID_BLOCKS)]
        self.inverted_residual_blocks = nn.ModuleList(
            nn.Sequential(InvertedResidual(before, width, expansion=expansion, stride=stride))
            for before, (expansion, width, stride) in zip(widths, PYRAMID_BLOCKS)
        )
        self.top_layer = nn.Conv2d(widths[-1], FEATURES, 1)
        self.lateral_layers = nn.ModuleList(nn.Conv2d(width, FEATURES, 1) for width in widths[2 : 2 + LEVELS])
        # One convolution under five keys: the published checkpoints list it five times.
        self.smooth_layers = nn.ModuleList([nn.Conv2d(FEATURES, FEATURES, 3, padding=1)] * LEVELS)
        fan_out_init(self)

    def forward(self, x: Tensor) -> list[Tensor]:
        """[B, inputs, H, W] -> five maps [B, 256, h, w], coarse (H/32) to fine (H/2)."""
        maps = []
        x = self.first_layer(x)
        for block in self.inverted_residual_blocks:
            x = block(x)
            maps.append(x)
        merged = self.top_layer(F.adaptive_avg_pool2d(x, 1))
        pyramid = []
        for lateral, smooth, skip in zip(
            reversed(self.lateral_layers), reversed(self.smooth_layers), reversed(maps[1 : 1 + LEVELS])
        ):
            skip = lateral(skip)
            # The top is a single vector: broadcasting resizes it.
            merged = skip + (merged if merged.shape[2:] == (1, 1) else resize_like(merged, skip))
            pyramid.append(smooth(merged))
        return pyramid


class MobileWarp(PyramidWarp):
    """DM-VTON's Mobile Warping Module.

    Args:
        condition_channels: 3 for the student, 45 for the mobile teacher.
        align_corners: the convention of every sampling.
    """

    def __init__(self, condition_channels: int, align_corners: bool = True):
        super().__init__()
        self.image_mobile = MobileFPN(3)
        self.cond_mobile = MobileFPN(condition_channels)
        self.aflow_net = CostVolumeFlow(align_corners)

    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        """Garment [B, 3, H, W] -> five maps [B, 256, h, w], coarse to fine."""
        return self.image_mobile(garment)

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """Condition [B, 3 or 45, H, W] -> five maps [B, 256, h, w], coarse to fine."""
        return self.cond_mobile(condition)


class MobileEncoder(nn.Module):
    """The generator's MobileNetV2 half.

    Attributes:
        BLOCKS: (expansion, outputs, stride) of features 1 to 7; feature 0 is the stem, feature 8 the last 1x1
            convolution.
        SKIPS: the features that the decoder joins.
        OUTPUTS: channels of the deepest map.
    """

    BLOCKS = ((1, 16, 1), (6, 24, 2), (6, 32, 2), (6, 64, 2), (6, 96, 1), (6, 160, 2), (6, 320, 1))
    SKIPS = (1, 2, 3, 5)
    OUTPUTS = 512

    def __init__(self, inputs: int):
        super().__init__()
        widths = [STEM, *(width for _, width, _ in self.BLOCKS)]
        self.features = nn.Sequential(
            nn.Sequential(nn.Conv2d(inputs, STEM, 3, 2, 1, bias=False), nn.BatchNorm2d(STEM), nn.ReLU6()),
            *(
                InvertedResidual(before, width, expansion=expansion, stride=stride, expand=expansion != 1)
                for before, (expansion, width, stride) in zip(widths, self.BLOCKS)
            ),
            nn.Sequential(nn.Conv2d(widths[-1], self.OUTPUTS, 1, bias=False), nn.BatchNorm2d(self.OUTPUTS), nn.ReLU6()),
        )

    def forward(self, x: Tensor) -> tuple[Tensor, list[Tensor]]:
        """[B, inputs, H, W] -> the deepest map [B, 512, H/32, W/32] and the four skips, fine to coarse."""
        skips = []
        for index, feature in enumerate(self.features):
            x = feature(x)
            if index in self.SKIPS:
                skips.append(x)
        return x, skips


class MobileGenerator(nn.Module):
    """DM-VTON's Mobile Generative Module, a MobileNetV2 U-Net.

    Attributes:
        DECODER: channels before and after each transposed convolution, coarse to fine.
    """

    DECODER = ((512, 96), (96, 32), (32, 24), (24, 16))

    def __init__(self, inputs: int, outputs: int = 4):
        super().__init__()
        self.backbone = MobileEncoder(inputs)
        for step, (before, after) in enumerate(self.DECODER, 1):
            self.add_module(f"dconv{step}", nn.ConvTranspose2d(before, after, 4, 2, 1))
            self.add_module(f"invres{step}", InvertedResidual(2 * after, after, expansion=6))
        self.upsample = nn.Upsample(scale_factor=2, mode="nearest")
        self.conv_last = nn.Conv2d(self.DECODER[-1][1], outputs, 3, padding=1, bias=False)
        fan_out_init(self)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H, W] without activation: rendered picture (3) and composition (1)."""
        x, skips = self.backbone(x)
        for step, skip in enumerate(reversed(skips), 1):
            upsampled = self.get_submodule(f"dconv{step}")(x)
            x = self.get_submodule(f"invres{step}")(torch.cat([skip, upsampled], 1))
        return self.conv_last(self.upsample(x))


class DmvtonNetwork(PaperNetwork):
    """DM-VTON: the mobile student (3 channels) and the mobile teacher (45)."""

    quantized_modules = (
        "warp.image_mobile",
        "warp.cond_mobile",
        *(f"warp.aflow_net.{heads}.{level}" for level in range(LEVELS) for heads in ("netMain", "netRefine")),
        "generator",
    )
    # The cost volume multiplies what the two pyramids' shared smoothing convolutions return.
    compared_layers = ("warp.image_mobile.smooth_layers.0", "warp.cond_mobile.smooth_layers.0")

    def __init__(self, config: NetworkConfig):
        warp = MobileWarp(config.condition_channels, config.align_corners)
        super().__init__(config, warp, MobileGenerator(config.generator_channels))
