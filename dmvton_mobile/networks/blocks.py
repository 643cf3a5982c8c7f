"""Convolution blocks that several networks share. Child names are keys of the published checkpoints."""

import torch.nn.functional as F
from torch import Tensor, nn

FLOW_SLOPE = 0.1  # LeakyReLU of every flow head and cost volume


def inverted_residual(inputs: int, outputs: int, *, expansion: int, stride: int, expand: bool = True) -> nn.Sequential:
    """MobileNetV2's block (https://arxiv.org/abs/1801.04381, table 1) without its skip.

    In DM-VTON the skip never applies: no block has stride 1 and equal input and output channels.

    Args:
        inputs: channels of the input [B, inputs, H, W].
        outputs: channels of the output [B, outputs, H/stride, W/stride].
        expansion: hidden channels per input channel.
        stride: of the depthwise convolution.
        expand: False leaves out the 1x1 expansion. DM-VTON's generator does so where the expansion is 1; its pyramid
            does not.
    """
    hidden = inputs * expansion
    expansion_layers = [nn.Conv2d(inputs, hidden, 1, bias=False), nn.BatchNorm2d(hidden), nn.ReLU6()]
    return nn.Sequential(
        *(expansion_layers if expand else []),
        nn.Conv2d(hidden, hidden, 3, stride, 1, groups=hidden, bias=False),
        nn.BatchNorm2d(hidden),
        nn.ReLU6(),
        nn.Conv2d(hidden, outputs, 1, bias=False),
        nn.BatchNorm2d(outputs),
    )


class InvertedResidual(nn.Module):
    """`inverted_residual` under the key `conv`."""

    def __init__(self, inputs: int, outputs: int, *, expansion: int, stride: int = 1, expand: bool = True):
        super().__init__()
        self.conv = inverted_residual(inputs, outputs, expansion=expansion, stride=stride, expand=expand)

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/stride, W/stride]."""
        return self.conv(x)


def conv_norm(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, activate: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, with `activate`, ReLU6: [B, inputs, H, W] -> [B, outputs, H/stride, W/stride]."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU6()) if activate else nn.Sequential(*layers)


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution: [B, inputs, H, W] -> [B, outputs, H, W]."""
    return nn.Sequential(*conv_norm(inputs, inputs, groups=inputs, activate=False), *conv_norm(inputs, outputs, 1))


class SkipBlock(nn.Module):
    """MobileNetV2's block with its skip, where the shape stays."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, expansion: int = 3):
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            *conv_norm(inputs, hidden, 1),
            *conv_norm(hidden, hidden, 3, stride, hidden),
            *conv_norm(hidden, outputs, 1, activate=False),
        )
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H/stride, W/stride]."""
        return x + self.conv(x) if self.skips else self.conv(x)


def resize_like(x: Tensor, like: Tensor) -> Tensor:
    """Resizes x to the height and width of another map, bilinear: [B, C, h, w] -> [B, C, H, W]."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def flow_head(inputs: int) -> nn.Sequential:
    """Four 3x3 convolutions to an offset: [B, inputs, H, W] -> [B, 2, H, W] in pixels (PF-AFN section 3.2)."""
    widths = (inputs, 128, 64, 32, 2)
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(FLOW_SLOPE)]
    return nn.Sequential(*layers[:-1])


def fan_out_init(module: nn.Module) -> None:
    """Draws convolutions from N(0, sqrt(2 / (kernel area * output channels))), biases 0, in place.

    DM-VTON trains its pyramids and its generator from these weights; flow heads keep torch's default.
    """
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            area = layer.kernel_size[0] * layer.kernel_size[1]
            nn.init.normal_(layer.weight, 0.0, (2.0 / (area * layer.out_channels)) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
