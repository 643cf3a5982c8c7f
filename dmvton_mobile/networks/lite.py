"""`dmvton-lite`: a student made for phones. It matches garment and person globally once, refines twice and warps once.

At an eighth of the picture every place of the person attends to every place of the garment: two matrix products give a
first flow, however far the garment has to move, and carry the garment's features over. Separable convolutions refine
that flow there and at a quarter; the picture itself is sampled once. What the garment does not touch is taken from the
person's picture instead of being painted again, so a small generator is enough.

Pictures larger than 256x192 are reduced before they are looked at; the garment is sampled, and the person kept, at the
full size, so that only those two grow with it.

No dense convolution works on a wide map at full resolution, every warp repeats borders with align_corners=True, and no
activation grows beyond 6: what phone delegates take, and what 8 bits can hold. Ours; the matching is that of global
matching networks (GMFlow, https://arxiv.org/abs/2111.13680), the blocks MobileNetV2's
(https://arxiv.org/abs/1801.04381).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.flow import FlowOperations
from dmvton_mobile.networks.network import GarmentFeatures, TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.warp import WarpModule

WIDTH = 64  # channels at an eighth
FINE_WIDTH = 32  # at a quarter
LOOKED_AT = 256  # pixels of height: a picture twice as high is halved first
OUTSIDE = -12.0  # added to the score of a place that is not garment: its share becomes nothing


def unit(
    inputs: int, outputs: int, kernel: int = 3, stride: int = 1, groups: int = 1, act: bool = True
) -> nn.Sequential:
    """Convolution, batch norm and, with act, ReLU6."""
    layers: list[nn.Module] = [
        nn.Conv2d(inputs, outputs, kernel, stride, kernel // 2, groups=groups, bias=False),
        nn.BatchNorm2d(outputs),
    ]
    return nn.Sequential(*layers, nn.ReLU6()) if act else nn.Sequential(*layers)


def separable(inputs: int, outputs: int) -> nn.Sequential:
    """A depthwise 3x3 and a pointwise convolution: [B, inputs, H, W] -> [B, outputs, H, W]."""
    return nn.Sequential(*unit(inputs, inputs, groups=inputs, act=False), *unit(inputs, outputs, 1))


class Block(nn.Module):
    """MobileNetV2's block, with a skip where the shape stays: [B, inputs, H, W] -> [B, outputs, H/stride, W/stride]."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, expansion: int = 3):
        super().__init__()
        hidden = inputs * expansion
        self.conv = nn.Sequential(
            *unit(inputs, hidden, 1), *unit(hidden, hidden, 3, stride, hidden), *unit(hidden, outputs, 1, act=False)
        )
        self.skips = stride == 1 and inputs == outputs

    def forward(self, x: Tensor) -> Tensor:
        return x + self.conv(x) if self.skips else self.conv(x)


class LitePyramid(nn.Module):
    """A picture's features: [B, inputs, H, W] -> [B, WIDTH, H/8, W/8] and [B, FINE_WIDTH, H/4, W/4]."""

    def __init__(self, inputs: int):
        super().__init__()
        self.stem = unit(inputs, 16, 3, 2)
        self.quarter = nn.Sequential(Block(16, 24, 2), Block(24, 24))
        self.eighth = nn.Sequential(Block(24, 40, 2), Block(40, 40))
        self.sixteenth = nn.Sequential(Block(40, 80, 2), Block(80, 80))
        self.coarsest = nn.Sequential(Block(80, 128, 2), Block(128, 128))
        self.lateral_32 = nn.Conv2d(128, WIDTH, 1)
        self.lateral_16 = nn.Conv2d(80, WIDTH, 1)
        self.lateral_8 = nn.Conv2d(40 + 2, WIDTH, 1)
        self.lateral_4 = nn.Conv2d(24, FINE_WIDTH, 1)
        self.narrow = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.smooth_16 = separable(WIDTH, WIDTH)
        self.smooth_8 = separable(WIDTH, WIDTH)
        self.smooth_4 = separable(FINE_WIDTH, FINE_WIDTH)

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        quarter = self.quarter(self.stem(picture))
        eighth = self.eighth(quarter)
        sixteenth = self.sixteenth(eighth)
        coarsest = self.lateral_32(self.coarsest(sixteenth))
        coarse = self.smooth_16(self.lateral_16(sixteenth) + enlarge(coarsest, sixteenth))
        placed = torch.cat([eighth, positions(eighth)], 1)
        middle = self.smooth_8(self.lateral_8(placed) + enlarge(coarse, eighth))
        return middle, self.smooth_4(self.lateral_4(quarter) + enlarge(self.narrow(middle), quarter))


class LiteFlows(NamedTuple):
    """scores [B, h w, h w]: of every place of the person (row by row) for every place of the garment, before the
    softmax. flows: [B, 2, ., .], matched and refined at an eighth, refined at a quarter. known: what the last
    refinement knows, [B, 48, 2h, 2w]."""

    scores: Tensor
    flows: list[Tensor]
    known: Tensor


class LiteFlow(nn.Module):
    """The flow, coarse to fine, of two feature pyramids.

    garment: keys [B, WIDTH + 1, h, w], the last channel what the mask adds to a score, and values [B, WIDTH, h, w],
    both at an eighth, and [B, FINE_WIDTH, 2h, 2w] at a quarter. person: queries and features [B, WIDTH, h, w], and
    [B, FINE_WIDTH, 2h, 2w].
    """

    def __init__(self, align_corners: bool):
        super().__init__()
        self.operations = FlowOperations(align_corners)
        self.refine_8 = nn.Sequential(
            *unit(2 * WIDTH + 2, WIDTH, 1), *(layer for _ in range(3) for layer in separable(WIDTH, WIDTH))
        )
        self.offset_8 = nn.Conv2d(WIDTH, 2, 3, padding=1)
        self.narrow = nn.Conv2d(WIDTH, FINE_WIDTH, 1)
        self.refine_4 = nn.Sequential(
            *unit(3 * FINE_WIDTH + 2, 48, 1), *(layer for _ in range(3) for layer in separable(48, 48))
        )
        self.offset_4 = nn.Conv2d(48, 2, 3, padding=1)
        for offset in (self.offset_8, self.offset_4):  # the matched flow first
            nn.init.zeros_(offset.weight)
            nn.init.zeros_(offset.bias)  # type: ignore[arg-type]

    def last_layers(self) -> list[nn.Parameter]:
        """The weights and biases that the offsets come out of."""
        return [*self.offset_8.parameters(), *self.offset_4.parameters()]

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> LiteFlows:
        keys, values, garment_fine = garment
        queries, person_coarse, person_fine = person
        scores, matched, carried = self._match(queries, keys, values)
        known = self.refine_8(torch.cat([person_coarse, carried, matched], 1))
        refined = matched + self.offset_8(known) * _pixel(matched)
        enlarged = enlarge(refined, person_fine)
        moved = self.operations.warp(garment_fine, enlarged)
        last_known = self.refine_4(
            torch.cat([person_fine, moved, enlarged, enlarge(self.narrow(known), person_fine)], 1)
        )
        flow = enlarged + self.offset_4(last_known) * _pixel(enlarged)
        return LiteFlows(scores, [matched, refined, flow], last_known)

    def _match(self, queries: Tensor, keys: Tensor, values: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """The scores; where each place of the person looks in the garment, on average [B, 2, h, w]; what it sees
        there."""
        height, width = queries.shape[2:]
        scaled = torch.cat([queries * WIDTH**-0.5, torch.ones_like(queries[:, :1])], 1)
        scores = scaled.flatten(2).transpose(1, 2) @ keys.flatten(2)
        placed = torch.cat([positions(values), values], 1)
        seen = scores.softmax(-1) @ placed.flatten(2).transpose(1, 2)
        seen = seen.transpose(1, 2).unflatten(2, (height, width))
        return scores, seen[:, :2], seen[:, 2:]


class LiteWarp(WarpModule):
    """The two pyramids and the flow."""

    aflow_net: LiteFlow  # type: ignore[assignment]

    def __init__(self, align_corners: bool):
        super().__init__()
        self.person = LitePyramid(3)
        self.garment = LitePyramid(4)
        self.query = nn.Conv2d(WIDTH, WIDTH, 1)
        self.key = nn.Conv2d(WIDTH, WIDTH, 1)
        self.aflow_net = LiteFlow(align_corners)

    def encode_masked(self, garment: Tensor, mask: Tensor) -> list[Tensor]:
        """What a frame needs: the garment [B, 3, H, W] under its mask [B, 1, H, W] -> the maps of `LiteFlow`."""
        coarse, fine = self.garment(torch.cat([garment, mask], 1))
        outside = OUTSIDE * (1 - F.avg_pool2d(mask, 8))
        return [torch.cat([self.key(coarse), outside], 1), coarse, fine]

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        coarse, fine = self.person(condition)
        return [self.query(coarse), coarse, fine]


class LiteGenerator(nn.Module):
    """What to keep and what to paint: person (3), warped garment (3), its mask (1) [B, 7, H, W] and what the flow knows
    [B, 48, H/4, W/4] -> [B, 5, H/2, W/2]: a painted picture (3), the composition (1), what is kept of the person (1).
    """

    def __init__(self) -> None:
        super().__init__()
        self.stem = unit(7, 16, 3, 2)
        self.quarter = Block(16, 24, 2)
        self.joined = nn.Sequential(*unit(24 + 48, 32, 1), Block(32, 32))
        self.eighth = nn.Sequential(Block(32, 48, 2), Block(48, 48))
        self.sixteenth = nn.Sequential(Block(48, 80, 2), Block(80, 80))
        self.up_8 = nn.Sequential(*unit(80 + 48, 48, 1), Block(48, 48))
        self.up_4 = nn.Sequential(*unit(48 + 32, 32, 1), Block(32, 32))
        self.up_2 = nn.Sequential(*unit(32 + 16, 24, 1), *separable(24, 24), *separable(24, 24))
        self.out = nn.Conv2d(24, 5, 3, padding=1)

    def forward(self, pictures: Tensor, known: Tensor) -> Tensor:
        half = self.stem(pictures)
        quarter = self.joined(torch.cat([self.quarter(half), known], 1))
        eighth = self.eighth(quarter)
        x = self.up_8(torch.cat([enlarge(self.sixteenth(eighth), eighth), eighth], 1))
        x = self.up_4(torch.cat([enlarge(x, quarter), quarter], 1))
        x = self.up_2(torch.cat([enlarge(x, half), half], 1))
        return self.out(x)


class LitePrediction(NamedTuple):
    """kept: [B, 1, H, W] in [0, 1], how much of the person's picture is in `output.rendered`."""

    output: TryOnOutput
    levels: LiteFlows
    kept: Tensor


class LiteNetwork(TryOnNetwork):
    """`TryOnNetwork` as far as its users see. rendered: the person where they are kept, else painted."""

    warp: LiteWarp
    garment_maps = 3  # keys, values, fine features

    def __init__(self, config: NetworkConfig):
        super().__init__(config, LiteWarp(config.align_corners), LiteGenerator())

    def encode_garment(self, garment: Tensor, garment_mask: Tensor) -> GarmentFeatures:
        self.check_size(garment, "garment")
        self.check_size(garment_mask, "garment_mask")
        mask = torch.ceil(garment_mask - MASK_THRESHOLD)
        garment = garment * mask
        picture = self.warp.aflow_net.operations.picture(garment, mask)
        return GarmentFeatures(picture, self.warp.encode_masked(_reduced(garment), _reduced(mask)))

    def forward(
        self,
        person: Tensor,
        garment: Tensor | None = None,
        garment_mask: Tensor | None = None,
        *,
        garment_features: GarmentFeatures | None = None,
        preserved: Tensor | None = None,
        arms: Tensor | None = None,
    ) -> TryOnOutput:
        """As `TryOnNetwork.forward`; there is no parser, so neither preserved nor arms."""
        self.check_person(person)
        return self.predict(person, garment_features or self.encode(garment, garment_mask)).output

    def predict(self, person: Tensor, features: GarmentFeatures) -> LitePrediction:
        """`forward`, with what its training looks at besides. person: RGB [B, 3, H, W] in [-1, 1]."""
        levels = self.flows(person, features)
        flow = enlarge(levels.flows[-1], person)
        warped, warped_mask = self.warp.aflow_net.operations.warp_picture(features.picture, flow)
        looked_at = _reduced(torch.cat([person, warped, warped_mask], 1))
        generated = enlarge(self.generator(looked_at, levels.known), person)
        painted, kept = torch.tanh(generated[:, :3]), torch.sigmoid(generated[:, 4:])
        composition = torch.sigmoid(generated[:, 3:4]) * warped_mask
        rendered = person * kept + painted * (1.0 - kept)
        tryon = warped * composition + rendered * (1.0 - composition)
        output = TryOnOutput(tryon, warped, warped_mask, flow, composition, rendered)
        return LitePrediction(output, levels, kept)

    def flows(self, person: Tensor, features: GarmentFeatures) -> LiteFlows:
        """What the warp finds, for pictures as in `predict`; flows in the units of the full picture."""
        reduced = _reduced(person)
        levels: LiteFlows = self.warp.aflow_net(features.pyramid, self.warp.encode_condition(reduced))
        if reduced is person:
            return levels
        scale = _outermost(reduced, person)
        return levels._replace(flows=[flow * scale for flow in levels.flows])


def enlarge(x: Tensor, like: Tensor) -> Tensor:
    """x at the height and width of another map, bilinear."""
    return F.interpolate(x, size=like.shape[2:], mode="bilinear", align_corners=False)


def _reduced(picture: Tensor) -> Tensor:
    """The picture as it is looked at: means of 2x2, 4x4, ... of its pixels while it is at least twice too high."""
    factor = 1
    while picture.shape[2] >= 2 * factor * LOOKED_AT and not (picture.shape[2] | picture.shape[3]) % (64 * factor):
        factor *= 2
    return F.avg_pool2d(picture, factor) if factor > 1 else picture


def _outermost(reduced: Tensor, full: Tensor) -> Tensor:
    """Where the centres of the outermost reduced pixels lie among those of the full picture: [1, 2, 1, 1] in (0, 1]."""
    sides = [(small - 1) / small * large / (large - 1) for small, large in zip(reduced.shape[:1:-1], full.shape[:1:-1])]
    return full.new_tensor(sides).view(1, 2, 1, 1)


def positions(like: Tensor) -> Tensor:
    """The flow that stays where it is, on a map [B, ., h, w] at an eighth of the picture: [B, 2, h, w], x then y."""
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
