"""Appearance flow: sampling grids, warp, composition and cost volume, as the papers compute them.

A *flow* is an absolute sampling grid [B, 2, H, W] in normalised coordinates: channel 0 is x, channel 1 is y, -1 and 1
are the centres of the first and last pixel. An *offset* [B, 2, H, W] is what a flow head predicts: a displacement in
pixels of its own map.

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
    """The operations a warp module is made of, in their reference form.

    A runtime that runs them better in another form brings its own subclass (`converters/lowering`) and puts it in the
    place of this one; the weights and the network stay as they are.

    align_corners: the convention of every sampling. The published weights were trained with True.
    """

    align_corners: bool = True

    def warp(self, features: Tensor, flow: Tensor) -> Tensor:
        """Bilinear samples of features [B, C, H, W] at flow [B, 2, h, w], borders repeated -> [B, C, h, w]."""
        return self._sample(features, flow, "border")

    def warp_mask(self, mask: Tensor, flow: Tensor) -> Tensor:
        """As `warp`, but outside the mask [B, 1, H, W] there is nothing: zeros."""
        return self._sample(mask, flow, "zeros")

    def picture(self, garment: Tensor, garment_mask: Tensor) -> Tensor:
        """The garment [B, 3, H, W] and its mask [B, 1, H, W] as one picture [B, 4, H, W], made once per garment."""
        return torch.cat([garment, garment_mask], 1)

    def warp_picture(self, picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        """(`warp` of the garment, `warp_mask` of its mask) under one flow."""
        return self.warp(picture[:, :3], flow), self.warp_mask(picture[:, 3:], flow)

    def grid(self, offset: Tensor) -> Tensor:
        """The flow that moves each pixel by its offset: offset [B, 2, H, W] in pixels -> flow [B, 2, H, W].

        Always in the convention of align_corners=True, whatever the sampling uses (so the published weights expect).
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
        """Mean product of each garment feature, moved by flow, with the 7x7 person features around it.

        garment, person: [B, C, H, W] -> [B, 49, H, W]; channel k holds the shift dy = k // 7 - 3, dx = k % 7 - 3 of the
        person features, zero outside the map. Without a flow [B, 2, H, W] the garment stays where it is.
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


def upsample_flow(flow: Tensor) -> Tensor:
    """Twice the resolution, bilinear: normalised positions need no rescaling. [B, 2, H, W] -> [B, 2, 2H, 2W]."""
    return F.interpolate(flow, scale_factor=2, mode="bilinear", align_corners=False)


def downsample(image: Tensor, factor: int) -> Tensor:
    """The image at 1/factor of its size, bilinear without antialiasing: what each level's loss compares with."""
    return image if factor == 1 else F.interpolate(image, scale_factor=1 / factor, mode="bilinear", align_corners=False)


def flow_laplacian(flow: Tensor) -> tuple[Tensor, Tensor]:
    """Second differences of the flow, for the smoothness loss.

    flow [B, 2, H, W] -> (of x, of y), each [B, 4, H-2, W-2]: horizontal, vertical, main diagonal, anti-diagonal.
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
