"""`dmvton-lite`: our student for phones. It matches garment and person globally once, refines twice and warps once.

At an eighth of the picture, every place of the person attends to every place of the garment: two matrix products find a
first flow, however far the garment has to move, and carry the garment's features over. Separable convolutions refine
that flow there and at a quarter; the picture itself is sampled once. What the garment does not touch is taken from the
person's picture instead of being painted again, so a small generator is enough.

Pictures of 512 pixels of height or more are averaged down before the network looks at them. The garment is sampled, and
the person kept, at the full size, so only those two grow with it.

No dense convolution works on a wide map at full resolution, every warp repeats borders with align_corners=True, and no
activation exceeds 6: phone delegates take all of it, and int8 can represent it. The design is ours; the matching
follows global matching networks (GMFlow, https://arxiv.org/abs/2111.13680), the blocks MobileNetV2
(https://arxiv.org/abs/1801.04381).
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks.blocks import SkipBlock, conv_norm, resize_like, separable
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.lite_warp import REFINED_WIDTH, LiteFlows, LiteWarp
from dmvton_mobile.networks.network import GarmentFeatures, TryOnNetwork, TryOnOutput

MATCHED_HEIGHT = 256  # pixels: a picture twice as high, or higher, is averaged down to less than that
READS_POSITIONS = "reads positions: int8 would round them to pixels"


class LiteGenerator(nn.Module):
    """Decides what to keep and what to paint, at half the resolution of the picture."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv_norm(7, 16, 3, 2)
        self.quarter = SkipBlock(16, 24, 2)
        self.joined = nn.Sequential(*conv_norm(24 + REFINED_WIDTH, 32, 1), SkipBlock(32, 32))
        self.eighth = nn.Sequential(SkipBlock(32, 48, 2), SkipBlock(48, 48))
        self.sixteenth = nn.Sequential(SkipBlock(48, 80, 2), SkipBlock(80, 80))
        self.up_8 = nn.Sequential(*conv_norm(80 + 48, 48, 1), SkipBlock(48, 48))
        self.up_4 = nn.Sequential(*conv_norm(48 + 32, 32, 1), SkipBlock(32, 32))
        self.up_2 = nn.Sequential(*conv_norm(32 + 16, 24, 1), *separable(24, 24), *separable(24, 24))
        self.out = nn.Conv2d(24, 5, 3, padding=1)

    def forward(self, pictures: Tensor, known: Tensor) -> Tensor:
        """Logits of the picture that is composed.

        Args:
            pictures: person (3), warped garment (3) and its mask (1), [B, 7, H, W].
            known: the features of the last refinement of the flow, [B, 48, H/4, W/4].

        Returns:
            [B, 5, H/2, W/2]: a painted picture (3), the composition (1), how much of the person is kept (1).
        """
        half = self.stem(pictures)
        quarter = self.joined(torch.cat([self.quarter(half), known], 1))
        eighth = self.eighth(quarter)
        x = self.up_8(torch.cat([resize_like(self.sixteenth(eighth), eighth), eighth], 1))
        x = self.up_4(torch.cat([resize_like(x, quarter), quarter], 1))
        x = self.up_2(torch.cat([resize_like(x, half), half], 1))
        return self.out(x)


class LitePrediction(NamedTuple):
    """A try-on with what its training losses look at besides.

    Attributes:
        output: the try-on; `output.rendered` is the person where they are kept, else painted.
        levels: the scores and the three flows.
        kept: how much of the person's picture is in `output.rendered`, [B, 1, H, W] in [0, 1].
    """

    output: TryOnOutput
    levels: LiteFlows
    kept: Tensor


class LiteNetwork(TryOnNetwork):
    """`dmvton-lite`. It needs no parser, so `forward` ignores `preserved` and `arms`."""

    garment_maps = 3  # keys, values, fine features
    quantized_modules = (
        "warp.person",
        "warp.garment",
        "warp.query",
        "warp.key",
        "warp.aflow_net.refine_8",
        "warp.aflow_net.narrow",
        "warp.aflow_net.refine_4",
        "generator",
    )
    float32_layers = {
        "warp.person.lateral_8": READS_POSITIONS,
        "warp.garment.lateral_8": READS_POSITIONS,
    }
    compared_layers = ("warp.query", "warp.key")

    warp: LiteWarp

    def __init__(self, config: NetworkConfig):
        super().__init__(config, LiteWarp(config.align_corners), LiteGenerator())

    def garment_pyramid(self, garment: Tensor, mask: Tensor) -> list[Tensor]:
        """The maps of `LiteWarp.encode_garment`, from the pictures averaged down."""
        return self.warp.encode_garment(_reduced(garment), _reduced(mask))

    def dress(
        self, person: Tensor, features: GarmentFeatures, preserved: Tensor | None, arms: Tensor | None
    ) -> TryOnOutput:
        """The output of `predict`."""
        return self.predict(person, features).output

    def predict(self, person: Tensor, features: GarmentFeatures) -> LitePrediction:
        """`forward` of encoded garment features, with what training looks at besides.

        Args:
            person: RGB [B, 3, H, W] in [-1, 1].
            features: of `encode_garment`.
        """
        levels = self.flows(person, features)
        flow = resize_like(levels.flows[-1], person)
        warped, warped_mask = self.operations.warp_picture(features.picture, flow)
        generator_input = _reduced(torch.cat([person, warped, warped_mask], 1))
        generated = resize_like(self.generator(generator_input, levels.known), person)
        painted, kept = torch.tanh(generated[:, :3]), torch.sigmoid(generated[:, 4:])
        composition = torch.sigmoid(generated[:, 3:4]) * warped_mask
        rendered = person * kept + painted * (1.0 - kept)
        tryon = warped * composition + rendered * (1.0 - composition)
        output = TryOnOutput(tryon, warped, warped_mask, flow, composition, rendered)
        return LitePrediction(output, levels, kept)

    def flows(self, person: Tensor, features: GarmentFeatures) -> LiteFlows:
        """Matches and refines, for pictures as in `predict`; the flows are grids of the full picture."""
        reduced = _reduced(person)
        levels: LiteFlows = self.warp.aflow_net(features.pyramid, self.warp.encode_condition(reduced))
        if reduced is person:
            return levels
        scale = _outermost(reduced, person)
        return levels._replace(flows=[flow * scale for flow in levels.flows])

    def trace_channels(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> list[Tensor]:
        """See `TryOnNetwork.trace_channels`: attention is replaced by a sum of queries and keys."""
        warp, flow = self.warp, self.warp.aflow_net
        person_coarse, person_fine = warp.person(person)
        values, garment_fine = warp.garment(torch.cat([garment, garment_mask], 1))
        matched = warp.query(person_coarse) + warp.key(values)
        # a flow of two channels that a layer of the network makes, so that the graph knows them
        still = flow.offset_8(person.new_zeros(1, flow.offset_8.in_channels, *values.shape[2:]))
        known = flow.refine_8(torch.cat([person_coarse, values, still], 1))
        refined = resize_like(flow.offset_8(known), person_fine)
        narrowed = resize_like(flow.narrow(known), person_fine)
        last_known = flow.refine_4(torch.cat([person_fine, garment_fine, refined, narrowed], 1))
        generated = self.generator(torch.cat([person, garment, garment_mask], 1), last_known)
        return [matched, flow.offset_4(last_known), generated]


def _reduced(picture: Tensor) -> Tensor:
    """Means of 2x2, 4x4, ... pixels while the picture is at least twice MATCHED_HEIGHT and stays a multiple of 32."""
    factor = 1
    while picture.shape[2] >= 2 * factor * MATCHED_HEIGHT and not (picture.shape[2] | picture.shape[3]) % (64 * factor):
        factor *= 2
    return F.avg_pool2d(picture, factor) if factor > 1 else picture


def _outermost(reduced: Tensor, full: Tensor) -> Tensor:
    """Where the centres of the outermost reduced pixels lie among those of the full picture: [1, 2, 1, 1] in (0, 1]."""
    sides = [(small - 1) / small * large / (large - 1) for small, large in zip(reduced.shape[:1:-1], full.shape[:1:-1])]
    return full.new_tensor(sides).view(1, 2, 1, 1)
