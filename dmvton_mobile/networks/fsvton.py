"""FS-VTON's warp module, DM-VTON's Teacher: the main offset from a global style vector instead of a cost volume.

Source: FS-VTON (https://arxiv.org/abs/2204.01046) section 3.2; modulation as in StyleGAN2
(https://arxiv.org/abs/1912.04958) section 2.2.
"""

import math

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks.blocks import FLOW_SLOPE
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.flow import COST_VOLUME_CHANNELS
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.pfafn import ResidualWarp
from dmvton_mobile.networks.resunet import ResUnetGenerator
from dmvton_mobile.networks.warp import FEATURES, LEVELS, AppearanceFlow, RefineHead

STYLE = 256
COARSEST = (8, 6)  # the style convolutions cover the whole coarsest map, which fixes the input at 256x192


class EqualisedLinear(nn.Module):
    """A linear layer whose stored weight, under the key `weight_orig`, has unit variance.

    Source: equalised learning rate, Progressive GAN (https://arxiv.org/abs/1710.10196) section 4.1.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.bias = nn.Parameter(torch.zeros(outputs))
        self.weight_orig = nn.Parameter(torch.randn(outputs, inputs))

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs] -> [B, outputs]."""
        return F.linear(x, self.weight_orig * math.sqrt(2 / self.weight_orig.shape[1]), self.bias)


class StyleScale(nn.Module):
    """One scale per input channel of a modulated convolution; the layer's key is `linear`."""

    def __init__(self, channels: int):
        super().__init__()
        self.linear = EqualisedLinear(STYLE, channels)

    def forward(self, style: Tensor) -> Tensor:
        """Style [B, 256] -> scales [B, channels]."""
        return self.linear(style)


class ModulatedConv(nn.Module):
    """3x3 convolution whose weights are scaled per sample and demodulated (StyleGAN2 section 2.2, equations 1 to 3).

    The scales multiply the input and the demodulation multiplies the output. That equals scaling the weights and keeps
    one weight for all samples.
    """

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(outputs, inputs, 3, 3))
        self.bias = nn.Parameter(torch.zeros(1, outputs, 1, 1))
        self.mlp_class_std = StyleScale(inputs)

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Input [B, inputs, H, W] and style [B, 256] -> [B, outputs, H, W]."""
        weight = self.weight * math.sqrt(2 / (self.weight.shape[1] * 9))
        scale = self.mlp_class_std(style)
        demodulation = torch.rsqrt(scale.square() @ weight.square().sum((2, 3)).T + 1e-5)
        modulated = F.conv2d(x * scale[:, :, None, None], weight, padding=1)
        return modulated * demodulation[:, :, None, None] + self.bias


class StyleBlock(nn.Module):
    """Two modulated convolutions, the first one activated.

    Args:
        inputs: channels of the input.
        hidden: channels between the two.
        outputs: channels of the output.
        last_activation: whether the second one is activated too.
    """

    def __init__(self, inputs: int, hidden: int, outputs: int, *, last_activation: bool):
        super().__init__()
        self.conv0 = ModulatedConv(inputs, hidden)
        self.conv1 = ModulatedConv(hidden, outputs)
        self.last_activation = last_activation

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Input [B, inputs, H, W] and style [B, 256] -> [B, outputs, H, W]."""
        x = self.conv1(_activate(self.conv0(x, style)), style)
        return _activate(x) if self.last_activation else x


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, 0.2) * math.sqrt(2)


class StyleFlow(AppearanceFlow):
    """FS-VTON's flow: the person enters the main offset through the style vector only (FS-VTON section 3.2)."""

    def __init__(self, align_corners: bool):
        super().__init__(align_corners)
        self.netRefine = nn.ModuleList(RefineHead() for _ in range(LEVELS))
        width = COST_VOLUME_CHANNELS
        self.netStyle = nn.ModuleList(StyleBlock(FEATURES, width, width, last_activation=True) for _ in range(LEVELS))
        self.netF = nn.ModuleList(StyleBlock(width, 128, 2, last_activation=False) for _ in range(LEVELS))
        self.cond_style = _style_layer()
        self.image_style = _style_layer()

    def context(self, garment: Tensor, person: Tensor) -> Tensor:
        """The global style [B, 256] of person and garment, from their coarsest maps [B, 256, 8, 6]."""
        return torch.cat([self.cond_style(person), self.image_style(garment)], 1).flatten(1)

    def main_offset(
        self, level: int, garment: Tensor, person: Tensor, flow: Tensor | None, context: Tensor | None
    ) -> Tensor:
        """The offset [B, 2, h, w], from the warped garment features modulated by the style `context`."""
        garment = garment if flow is None else self.operations.warp(garment, flow)
        return self.netF[level](self.netStyle[level](garment, context), context)


def _style_layer() -> nn.Sequential:
    return nn.Sequential(nn.Conv2d(FEATURES, STYLE // 2, COARSEST), nn.LeakyReLU(FLOW_SLOPE))


class StyleWarp(ResidualWarp):
    """FS-VTON's warp module; inputs are exactly 256x192."""

    def __init__(self, condition_channels: int, align_corners: bool = True):
        super().__init__(condition_channels)
        self.aflow_net = StyleFlow(align_corners)


class FsvtonNetwork(PaperNetwork):
    """FS-VTON: DM-VTON's Teacher (45 channels), and a student of the same shape (3). It takes 256x192 only."""

    def __init__(self, config: NetworkConfig):
        warp = StyleWarp(config.condition_channels, config.align_corners)
        super().__init__(config, warp, ResUnetGenerator(config.generator_channels))
