"""The Inception v3 features on which FID and KID are defined, for the weights that pytorch-fid publishes.

The network of Szegedy et al. 2015 (https://arxiv.org/abs/1512.00567) as in the TensorFlow graph of December 2015 with
which Heusel et al. 2017 (https://arxiv.org/abs/1706.08500) defined FID. It differs from torchvision's Inception v3:
average pools leave the padding out of the mean, the last block's pool is a max pool, and there are 1008 classes (not
needed here).

Why not torchmetrics: its extractor is that of torch-fidelity, which needs torchvision; neither is a dependency of the
project. The tests compare the features with torch-fidelity's where it is installed.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.metrics.inputs import require_maps
from dmvton_mobile.metrics.weights import WeightsFile, load_weights

SIZE = 299
INCEPTION = WeightsFile(
    "pt_inception-2015-12-05-6726825d.pth",
    "6726825d0af5f729cebd5821db510b11b1cfad8faad88a03f1befd49fb9129b2",
    "https://github.com/mseitzer/pytorch-fid/releases/download/fid_weights/pt_inception-2015-12-05-6726825d.pth",
)


@dataclass(frozen=True)
class Convolution:
    """A convolution without bias, batch normalisation and ReLU.

    Attributes:
        name: Its key in the state_dict.
        width: Output channels.
        kernel: Height, width.
        stride: In pixels.
        same: Whether padding keeps the size at stride 1.
    """

    name: str
    width: int
    kernel: tuple[int, int] = (1, 1)
    stride: int = 1
    same: bool = True


Pool = Callable[[Tensor], Tensor]
Fork = tuple[Convolution, Convolution]  # two convolutions of the same map, side by side
Steps = tuple[Convolution | Pool | Fork, ...]  # one after the other

_average = partial(F.avg_pool2d, kernel_size=3, stride=1, padding=1, count_include_pad=False)
_maximum = partial(F.max_pool2d, kernel_size=3, stride=1, padding=1)
_halve = partial(F.max_pool2d, kernel_size=3, stride=2)


class Mixed(nn.Module):
    """Parallel paths from one map, concatenated along the channels."""

    def __init__(self, channels: int, *paths: Steps):
        super().__init__()
        self._paths = paths
        for path in paths:
            width = channels
            for step in path:
                if isinstance(step, Convolution):
                    self.add_module(step.name, _unit(width, step))
                    width = step.width
                elif isinstance(step, tuple):
                    for branch in step:
                        self.add_module(branch.name, _unit(width, branch))

    def forward(self, x: Tensor) -> Tensor:
        """Runs every path: [B, channels, H, W] -> [B, sum of the paths' widths, H', W']."""
        return torch.cat([self._follow(path, x) for path in self._paths], 1)

    def _follow(self, path: Steps, x: Tensor) -> Tensor:
        for step in path:
            if isinstance(step, Convolution):
                x = self.get_submodule(step.name)(x)
            elif isinstance(step, tuple):
                x = torch.cat([self._follow((branch,), x) for branch in step], 1)
            else:
                x = step(x)
        return x


class InceptionFeatures(nn.Sequential):
    """The network up to its last average pool (pool3). `inception_features` builds it with its weights."""

    def __init__(self) -> None:
        super().__init__()
        channels = 3
        for step in (
            Convolution("Conv2d_1a_3x3", 32, (3, 3), stride=2, same=False),
            Convolution("Conv2d_2a_3x3", 32, (3, 3), same=False),
            Convolution("Conv2d_2b_3x3", 64, (3, 3)),
            "MaxPool_1",
            Convolution("Conv2d_3b_1x1", 80),
            Convolution("Conv2d_4a_3x3", 192, (3, 3), same=False),
            "MaxPool_2",
        ):
            if isinstance(step, Convolution):
                self.add_module(step.name, _unit(channels, step))
                channels = step.width
            else:
                self.add_module(step, nn.MaxPool2d(3, 2))
        self.Mixed_5b = _mixed_35(192, pooled=32)
        self.Mixed_5c = _mixed_35(256, pooled=64)
        self.Mixed_5d = _mixed_35(288, pooled=64)
        self.Mixed_6a = _reduction_17(288)
        self.Mixed_6b = _mixed_17(768, inner=128)
        self.Mixed_6c = _mixed_17(768, inner=160)
        self.Mixed_6d = _mixed_17(768, inner=160)
        self.Mixed_6e = _mixed_17(768, inner=192)
        self.Mixed_7a = _reduction_8(768)
        self.Mixed_7b = _mixed_8(1280, pool=_average)
        self.Mixed_7c = _mixed_8(2048, pool=_maximum)

    @torch.no_grad()
    def forward(self, images: Tensor) -> Tensor:
        """Computes the features, float32 [B, 2048].

        Images are resized to 299x299, bilinear without antialiasing (align_corners=False), and scaled to [-1, 1], as in
        pytorch-fid. It reads image files, so published figures are those of 8-bit values.

        Args:
            images: [B, 3, H, W], RGB in [0, 1].

        Raises:
            MetricError: The images have another shape or range.
        """
        require_maps("images", images, channels=3, low=0.0, high=1.0)
        resized = F.interpolate(images.float(), size=(SIZE, SIZE), mode="bilinear", align_corners=False)
        return super().forward(2 * resized - 1).mean((2, 3))


def inception_features(path: Path, *, sha256: str = INCEPTION.sha256) -> InceptionFeatures:
    """Builds the frozen extractor with the published weights.

    Args:
        path: pytorch-fid's published file.
        sha256: The digits that its SHA-256 begins with.

    Raises:
        WeightsError: The file is missing, another one, or lacks a tensor.
    """
    network = InceptionFeatures()
    load_weights(network, path, replace(INCEPTION, sha256=sha256))
    return network


def _unit(channels: int, convolution: Convolution) -> nn.Sequential:
    height, width = convolution.kernel
    unit = nn.Sequential()
    unit.conv = nn.Conv2d(
        channels,
        convolution.width,
        convolution.kernel,
        convolution.stride,
        padding=(height // 2, width // 2) if convolution.same else 0,
        bias=False,
    )
    unit.bn = nn.BatchNorm2d(convolution.width, eps=0.001)
    unit.relu = nn.ReLU(inplace=True)
    return unit


def _mixed_35(channels: int, *, pooled: int) -> Mixed:
    """Figure 5 of the paper, on the 35x35 map, with the 5x5 convolution kept."""
    return Mixed(
        channels,
        (Convolution("branch1x1", 64),),
        (Convolution("branch5x5_1", 48), Convolution("branch5x5_2", 64, (5, 5))),
        (
            Convolution("branch3x3dbl_1", 64),
            Convolution("branch3x3dbl_2", 96, (3, 3)),
            Convolution("branch3x3dbl_3", 96, (3, 3)),
        ),
        (_average, Convolution("branch_pool", pooled)),
    )


def _reduction_17(channels: int) -> Mixed:
    """Figure 10: 35x35 -> 17x17."""
    return Mixed(
        channels,
        (Convolution("branch3x3", 384, (3, 3), stride=2, same=False),),
        (
            Convolution("branch3x3dbl_1", 64),
            Convolution("branch3x3dbl_2", 96, (3, 3)),
            Convolution("branch3x3dbl_3", 96, (3, 3), stride=2, same=False),
        ),
        (_halve,),
    )


def _mixed_17(channels: int, *, inner: int) -> Mixed:
    """Figure 6, n = 7, on the 17x17 map."""
    return Mixed(
        channels,
        (Convolution("branch1x1", 192),),
        (
            Convolution("branch7x7_1", inner),
            Convolution("branch7x7_2", inner, (1, 7)),
            Convolution("branch7x7_3", 192, (7, 1)),
        ),
        (
            Convolution("branch7x7dbl_1", inner),
            Convolution("branch7x7dbl_2", inner, (7, 1)),
            Convolution("branch7x7dbl_3", inner, (1, 7)),
            Convolution("branch7x7dbl_4", inner, (7, 1)),
            Convolution("branch7x7dbl_5", 192, (1, 7)),
        ),
        (_average, Convolution("branch_pool", 192)),
    )


def _reduction_8(channels: int) -> Mixed:
    """17x17 -> 8x8."""
    return Mixed(
        channels,
        (Convolution("branch3x3_1", 192), Convolution("branch3x3_2", 320, (3, 3), stride=2, same=False)),
        (
            Convolution("branch7x7x3_1", 192),
            Convolution("branch7x7x3_2", 192, (1, 7)),
            Convolution("branch7x7x3_3", 192, (7, 1)),
            Convolution("branch7x7x3_4", 192, (3, 3), stride=2, same=False),
        ),
        (_halve,),
    )


def _mixed_8(channels: int, *, pool: Pool) -> Mixed:
    """Figure 7, on the 8x8 map."""
    return Mixed(
        channels,
        (Convolution("branch1x1", 320),),
        (
            Convolution("branch3x3_1", 384),
            (Convolution("branch3x3_2a", 384, (1, 3)), Convolution("branch3x3_2b", 384, (3, 1))),
        ),
        (
            Convolution("branch3x3dbl_1", 448),
            Convolution("branch3x3dbl_2", 384, (3, 3)),
            (Convolution("branch3x3dbl_3a", 384, (1, 3)), Convolution("branch3x3dbl_3b", 384, (3, 1))),
        ),
        (pool, Convolution("branch_pool", 192)),
    )
