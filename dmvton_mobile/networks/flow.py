"""Appearance flow: sampling grids, warp, composition and cost volume, as the papers compute them.

A *flow* is an absolute sampling grid [B, 2, H, W] in normalised coordinates: channel 0 is x, channel 1 is y, -1 and 1
are the centres of the first and last pixel (align_corners=True). An *offset* [B, 2, H, W] is what a flow head predicts:
a displacement in pixels of its own map. `flow_to_pixels` and `pixels_to_flow` convert positions, `pixel_scale`
differences of flows.

Sources: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.2, ClothFlow's cost volume as used there, and
`torch.nn.functional.grid_sample` for the sampling rule.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

COST_VOLUME_RADIUS = 3
COST_VOLUME_WINDOW = 2 * COST_VOLUME_RADIUS + 1
COST_VOLUME_CHANNELS = COST_VOLUME_WINDOW**2


@dataclass(frozen=True)
class FlowOperations:
    """The operations that a warp module consists of, in their reference variant.

    Where a runtime runs another variant better, its lowering (`converters/lowering`) replaces this object by one of a
    subclass; the weights and the network stay as they are.

    Attributes:
        align_corners: the convention of every sampling. The published weights were trained with True.
    """

    align_corners: bool = True

    def warp(self, features: Tensor, flow: Tensor) -> Tensor:
        """Bilinear samples of features [B, C, H, W] at flow [B, 2, h, w], borders repeated -> [B, C, h, w]."""
        return self._sample(features, flow, "border")

    def warp_mask(self, mask: Tensor, flow: Tensor) -> Tensor:
        """As `warp`, for a mask [B, 1, H, W]: outside it there are zeros."""
        return self._sample(mask, flow, "zeros")

    def picture(self, garment: Tensor, garment_mask: Tensor) -> Tensor:
        """The garment [B, 3, H, W] and its mask [B, 1, H, W] as one picture [B, 4, H, W], computed once per garment."""
        return torch.cat([garment, garment_mask], 1)

    def warp_picture(self, picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """Warps a `picture` [B, 4, H, W] by one flow [B, 2, h, w] -> garment [B, 3, h, w] and mask [B, 1, h, w]."""
        return self.warp(picture[:, :3], flow), self.warp_mask(picture[:, 3:], flow)

    def grid(self, offset: Tensor) -> Tensor:
        """The flow that moves each pixel by its offset: offset [B, 2, H, W] in pixels -> flow [B, 2, H, W].

        Positions follow align_corners=True whatever the sampling uses, as the published weights expect.
        """
        height, width = offset.shape[2:]
        columns = torch.arange(width, device=offset.device, dtype=offset.dtype)
        rows = torch.arange(height, device=offset.device, dtype=offset.dtype).view(-1, 1)
        x = (columns + offset[:, :1]) * (2 / (width - 1)) - 1.0
        y = (rows + offset[:, 1:]) * (2 / (height - 1)) - 1.0
        return torch.cat([x, y], 1)

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        """The flow that first moves by offset, then by flow: flow sampled at the grid of offset. Both [B, 2, H, W]."""
        return self.warp(flow, self.grid(offset))

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        """Mean product over the channels of each garment feature with the 7x7 person features around it.

        Args:
            garment: [B, C, H, W].
            person: [B, C, H, W]; zero outside the map.
            flow: moves the garment first, [B, 2, H, W]; None leaves it where it is.

        Returns:
            [B, 49, H, W]; channel k is the person shifted by dy = k // 7 - 3, dx = k % 7 - 3.
        """
        garment = garment if flow is None else self.warp(garment, flow)
        height, width = person.shape[2:]
        padded = F.pad(person, (COST_VOLUME_RADIUS,) * 4)
        window = range(COST_VOLUME_WINDOW)
        shifts = (padded[:, :, dy : dy + height, dx : dx + width] for dy in window for dx in window)
        return torch.cat([(garment * shift).mean(1, keepdim=True) for shift in shifts], 1)

    def _sample(self, features: Tensor, flow: Tensor, padding: str) -> Tensor:
        return F.grid_sample(
            features, flow.permute(0, 2, 3, 1), mode="bilinear", padding_mode=padding, align_corners=self.align_corners
        )


class ChannelTrace(FlowOperations):
    """Operations that only keep every channel in its place, for `TryOnNetwork.trace_channels`.

    Attributes:
        tied: the sum of each pair of maps that a cost volume compares, [B, C, h, w].
    """

    def __init__(self) -> None:
        super().__init__()
        self.tied: list[Tensor] = []

    def warp(self, features: Tensor, flow: Tensor) -> Tensor:
        """The features themselves."""
        return features

    def grid(self, offset: Tensor) -> Tensor:
        """The offset itself."""
        return offset

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        """The sum of the two."""
        return flow + offset

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        """Zeros [B, 49, h, w]; the two maps are added to `tied`."""
        self.tied.append(garment + person)
        batch, _, height, width = person.shape
        return person.new_zeros(batch, COST_VOLUME_CHANNELS, height, width)


def flow_to_pixels(flow: Tensor, size: tuple[int, int], align_corners: bool = True) -> Tensor:
    """The pixel positions that a flow samples.

    Args:
        flow: [..., 2, H, W], x first.
        size: height and width of the picture that is sampled.
        align_corners: whether -1 and 1 are the centres of the first and last pixel, or the edges of the picture.

    Returns:
        [..., 2, H, W] in pixels, x first; 0 is the centre of the first pixel.
    """
    extent = _extent(flow, size)
    return (flow + 1) / 2 * (extent - 1) if align_corners else ((flow + 1) * extent - 1) / 2


def pixels_to_flow(pixels: Tensor, size: tuple[int, int]) -> Tensor:
    """The inverse of `flow_to_pixels` with align_corners: positions in pixels [..., 2, H, W] -> a flow."""
    return pixels * 2 / (_extent(pixels, size) - 1) - 1


def pixel_scale(flow: Tensor, size: tuple[int, int]) -> Tensor:
    """Pixels per unit of a flow into a picture of this height and width: [2, 1, 1], x first, of the flow's type."""
    return (_extent(flow, size) - 1) / 2


def _extent(like: Tensor, size: tuple[int, int]) -> Tensor:
    height, width = size
    return like.new_tensor([width, height]).view(2, 1, 1)


def upsample_flow(flow: Tensor) -> Tensor:
    """Twice the resolution, bilinear: normalised positions need no rescaling. [B, 2, H, W] -> [B, 2, 2H, 2W]."""
    return F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(image: Tensor, factor: int) -> Tensor:
    """The image [B, C, H, W] at 1/factor of its size, bilinear without antialiasing, for the loss of a level."""
    return image if factor == 1 else F.interpolate(image, scale_factor=1 / factor, mode="bilinear", align_corners=False)


def flow_laplacian(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Second differences of a flow [B, 2, H, W], for the smoothness loss.

    Returns:
        Those of x and those of y, each [B, 4, H-2, W-2]: horizontal, vertical, main diagonal, anti-diagonal.
    """
    centre = flow[:, :, 1:-1, 1:-1]

    def second_difference(before: Tensor, after: Tensor) -> Tensor:
        return before - 2 * centre + after

    differences = torch.stack(
        [
            second_difference(flow[:, :, 1:-1, :-2], flow[:, :, 1:-1, 2:]),
            second_difference(flow[:, :, :-2, 1:-1], flow[:, :, 2:, 1:-1]),
            second_difference(flow[:, :, :-2, :-2], flow[:, :, 2:, 2:]),
            second_difference(flow[:, :, :-2, 2:], flow[:, :, 2:, :-2]),
        ],
        dim=2,
    )
    return differences[:, 0], differences[:, 1]
