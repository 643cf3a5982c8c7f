"""Convolution blocks that more than one network is made of. Child names are the keys of the published checkpoints."""

from torch import Tensor, nn

FLOW_SLOPE = 0.1  # LeakyReLU of every flow head and cost volume


def inverted_residual(inputs: int, outputs: int, *, expansion: int, stride: int, expand: bool = True) -> nn.Sequential:
    """MobileNetV2's block (https://arxiv.org/abs/1801.04381, table 1) without its skip, which never fires in these
    networks.

    [B, inputs, H, W] -> [B, outputs, H/stride, W/stride]. `expand=False` drops the 1x1 expansion, as the generator does
    where expansion is 1; the pyramid keeps it there.
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
        return self.conv(x)


def flow_head(inputs: int) -> nn.Sequential:
    """Four 3x3 convolutions to a pixel offset: [B, inputs, H, W] -> [B, 2, H, W]."""
    widths = (inputs, 128, 64, 32, 2)
    layers: list[nn.Module] = []
    for before, after in zip(widths, widths[1:]):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.LeakyReLU(FLOW_SLOPE)]
    return nn.Sequential(*layers[:-1])


def fan_out_init(module: nn.Module) -> None:
    """Convolutions ~ N(0, sqrt(2 / (kernel area * output channels))), biases 0: DM-VTON's start for training from
    scratch."""
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d | nn.ConvTranspose2d):
            area = layer.kernel_size[0] * layer.kernel_size[1]
            nn.init.normal_(layer.weight, 0.0, (2.0 / (area * layer.out_channels)) ** 0.5)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
