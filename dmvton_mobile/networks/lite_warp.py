"""The warp of `dmvton-lite`: one global match, refined twice. `lite.py` has the network and its description.

The matching follows global matching networks (GMFlow, https://arxiv.org/abs/2111.13680).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks.blocks import SkipBlock, conv_norm, resize_like, separable
from dmvton_mobile.networks.warp import FlowEstimator, FlowKind, WarpModule

WIDTH = 64  # channels at an eighth of the picture
FINE_WIDTH = 32  # at a quarter
REFINED_WIDTH = 48  # of the last refinement
OUTSIDE = -12.0  # added to the score of a place that is not garment: its share becomes nothing


class LitePyramid(nn.Module):
    """A picture's features at an eighth and at a quarter; the coarser levels are merged into them."""

    def __init__(self, inputs: int):
        super().__init__()
        self.stem = conv_norm(inputs, 16, 3, 2)
        self.quarter = nn.Sequential(SkipBlock(16, 24, 2), SkipBlock(24, 24))
        self.eighth = nn.Sequential(SkipBlock(24, 40, 2), SkipBlock(40, 40))
        self.sixteenth = nn.Sequential(SkipBlock(40, 80, 2), SkipBlock(80, 80))
        self.coarsest = nn.Sequential(SkipBlock(80, 128, 2), SkipBlock(128, 128))
        self.lateral_32 = nn.Conv2d(128, WIDTH, 1)
        self.lateral_16 = nn.Conv2d(80, WIDTH, 1)
        self.lateral_8 = nn.Conv2d(40 + 2, WIDTH, 1)
        self.lateral_4 = nn.Conv2d(24, FINE_WIDTH, 1)
        self.narrow = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.smooth_16 = separable(WIDTH, WIDTH)
        self.smooth_8 = separable(WIDTH, WIDTH)
        self.smooth_4 = separable(FINE_WIDTH, FINE_WIDTH)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        """[B, inputs, H, W] -> [B, 64, H/8, W/8] and [B, 32, H/4, W/4]."""
        quarter = self.quarter(self.stem(picture))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        coarsest = self.lateral_32(self.coarsest(sixteenth))
        coarse = self.smooth_16(self.lateral_16(sixteenth) + resize_like(coarsest, sixteenth))
        placed = torch.cat([eighth, positions(eighth)], 1)
        middle = self.smooth_8(self.lateral_8(placed) + resize_like(coarse, eighth))
        return middle, self.smooth_4(self.lateral_4(quarter) + resize_like(self.narrow(middle), quarter))


class LiteFlows(NamedTuple):
    """What the estimator of `dmvton-lite` finds, at an eighth (h x w) and at a quarter (2h x 2w) of the picture.

    Attributes:
        scores: of every place of the person (row by row) for every place of the garment, before the softmax,
            [B, h w, h w].
        flows: matched [B, 2, h, w], refined [B, 2, h, w], refined again [B, 2, 2h, 2w].
        known: the features of the last refinement, [B, 48, 2h, 2w].
    """

    scores: Tensor
    flows: list[Tensor]
    known: Tensor


class LiteFlow(FlowEstimator):
    """Matches the person's features with the garment's, then refines the flow at an eighth and at a quarter.

    It stays float32 in an fp16 artifact: the match is a weighted mean of coordinates.
    """

    kind = FlowKind.MATCHING
    float32_only = True

    def __init__(self, align_corners: bool):
        super().__init__(align_corners)
        self.refine_8 = nn.Sequential(
            *conv_norm(2 * WIDTH + 2, WIDTH, 1), *(layer for _ in range(3) for layer in separable(WIDTH, WIDTH))
        )
        self.offset_8 = nn.Conv2d(WIDTH, 2, 3, padding=1)
        self.narrow = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.refine_4 = nn.Sequential(
            *conv_norm(3 * FINE_WIDTH + 2, REFINED_WIDTH, 1),
            *(layer for _ in range(3) for layer in separable(REFINED_WIDTH, REFINED_WIDTH)),
        )
        self.offset_4 = nn.Conv2d(REFINED_WIDTH, 2, 3, padding=1)
        for offset in (self.offset_8, self.offset_4):  # training starts from the matched flow
            nn.init.zeros_(offset.weight)
            nn.init.zeros_(offset.bias)  # type: ignore[arg-type]

    def offset_layers(self) -> list[nn.Conv2d]:
        """The last convolutions of the two refinements."""
        return [self.offset_8, self.offset_4]

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> LiteFlows:
        """Finds the flow.

        Args:
            garment: keys [B, 64 + 1, h, w], whose last channel is what the mask adds to a score, values [B, 64, h, w],
                and fine features [B, 32, 2h, 2w].
            person: queries and features [B, 64, h, w], and fine features [B, 32, 2h, 2w].
        """
        keys, values, garment_fine = garment
        queries, person_coarse, person_fine = person
        scores, matched, carried = self._match(queries, keys, values)
        known = self.refine_8(torch.cat([person_coarse, carried, matched], 1))
        refined = matched + self.offset_8(known) * _pixel(matched)
        enlarged = resize_like(refined, person_fine)
        moved = self.operations.warp(garment_fine, enlarged)
        last_known = self.refine_4(
            torch.cat([person_fine, moved, enlarged, resize_like(self.narrow(known), person_fine)], 1)
        )
        flow = enlarged + self.offset_4(last_known) * _pixel(enlarged)
        return LiteFlows(scores, [matched, refined, flow], last_known)

    def _match(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The scores; the mean position in the garment of each place of the person [B, 2, h, w]; the features there."""
        height, width = queries.shape[2:]
        scaled = torch.cat([queries * WIDTH**-0.5, torch.ones_like(queries[:, :1])], 1)
        scores = scaled.flatten(2).transpose(1, 2) @ keys.flatten(2)
        placed = torch.cat([positions(values), values], 1)
        seen = scores.softmax(-1) @ placed.flatten(2).transpose(1, 2)
        seen = seen.transpose(1, 2).unflatten(2, (height, width))
        return scores, seen[:, :2], seen[:, 2:]


class LiteWarp(WarpModule):
    """A pyramid for the person, one for the garment, and the flow between them."""

    aflow_net: LiteFlow

    def __init__(self, align_corners: bool):
        super().__init__()
        self.person = LitePyramid(3)
        self.garment = LitePyramid(4)
        self.query = nn.Conv2d(WIDTH, WIDTH, 1)
        self.key = nn.Conv2d(WIDTH, WIDTH, 1)
        self.aflow_net = LiteFlow(align_corners)

    def encode_garment(self, garment: Tensor, mask: Tensor) -> list[Tensor]:
        """Garment [B, 3, H, W] in [-1, 1] and mask [B, 1, H, W] in [0, 1] -> keys, values and fine features."""
        coarse, fine = self.garment(torch.cat([garment, mask], 1))
        outside = OUTSIDE * (1 - F.avg_pool2d(mask, 8))
        return [torch.cat([self.key(coarse), outside], 1), coarse, fine]

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """Person picture [B, 3, H, W] in [-1, 1] -> queries, features at an eighth, features at a quarter."""
        coarse, fine = self.person(condition)
        return [self.query(coarse), coarse, fine]


def positions(like: Tensor) -> Tensor:
    """The identity flow [B, 2, h, w], x then y, of a map [B, C, h, w] at an eighth of the picture."""
    batch, _, height, width = like.shape
    y, x = torch.meshgrid(_centres(height), _centres(width), indexing="ij")
    grid = torch.stack([x, y])[None].to(like)
    return grid if batch == 1 else grid.expand(batch, -1, -1, -1)  # an exporter keeps an expansion by 1


def _centres(length: int) -> Tensor:
    """Of cells of eight pixels, where -1 and 1 are the centres of the first and the last pixel."""
    return (16 * torch.arange(length, dtype=torch.float32) + 7) / (8 * length - 1) - 1


def _pixel(flow: Tensor) -> Tensor:
    """The size of a pixel of this map in a flow's units: [1, 2, 1, 1]."""
    height, width = flow.shape[2:]
    return flow.new_tensor([2 / width, 2 / height]).view(1, 2, 1, 1)
