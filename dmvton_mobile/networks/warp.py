"""The appearance-flow estimator that all three papers share: coarse to fine, a main offset and a refinement at each
level.

Source: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.2 and figure 4.
"""

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks.blocks import FLOW_SLOPE, flow_head
from dmvton_mobile.networks.flow import (
    COST_VOLUME_CHANNELS,
    FlowOperations,
    downsample,
    flow_laplacian,
    upsample_flow,
)

LEVELS = 5
FEATURES = 256


class WarpLevels(NamedTuple):
    """What the losses and the distillation read, one entry per level, coarse to fine.

    condition_features, garment_features: [B, 256, h, w] from 8x6 to 128x96 (garment features before any warp).
    flows: [B, 2, 2h, 2w]. offsets: main then refinement per level, ten in all, raw pixels [B, 2, h, w].
    warped_garments [B, 3, 2h, 2w], warped_masks [B, 1, 2h, 2w]. laplacians_x, laplacians_y: [B, 4, 2h-2, 2w-2].
    """

    condition_features: list[Tensor]
    garment_features: list[Tensor]
    flows: list[Tensor]
    offsets: list[Tensor]
    warped_garments: list[Tensor]
    warped_masks: list[Tensor]
    laplacians_x: list[Tensor]
    laplacians_y: list[Tensor]


class WarpOutput(NamedTuple):
    """warped_garment [B, 3, H, W] in [-1, 1]; flow [B, 2, H, W]; levels only when asked for."""

    warped_garment: Tensor
    flow: Tensor
    levels: WarpLevels | None = None


class LevelFlows(NamedTuple):
    flows: list[Tensor]
    offsets: list[Tensor]


class RefineHead(nn.Sequential):
    """The refinement offset, from the warped garment features and the person's: two [B, 256, H, W] -> [B, 2, H, W]."""

    def __init__(self) -> None:
        super().__init__(*flow_head(2 * FEATURES))

    def forward(self, warped: Tensor, person: Tensor) -> Tensor:  # type: ignore[override]
        return super().forward(torch.cat([warped, person], 1))


class AppearanceFlow(nn.Module):
    """Coarse-to-fine flow; subclasses give the main offset of a level.

    `operations` holds the warp, composition and cost volume; exporters replace it by the form their runtime runs best.
    """

    netRefine: nn.ModuleList  # noqa: N815 (a key of the published checkpoints)

    def __init__(self, align_corners: bool):
        super().__init__()
        self.operations = FlowOperations(align_corners)

    def main_offset(
        self, level: int, garment: Tensor, person: Tensor, flow: Tensor | None, context: Tensor | None
    ) -> Tensor:
        """The first offset of a level, from its garment features (moved by `flow`, if there is one) and person
        features."""
        raise TypeError(f"{type(self).__name__} must say how a level finds its main offset")

    def context(self, garment: Tensor, person: Tensor) -> Tensor | None:
        """What all levels share, made from the two coarsest maps; most networks share nothing."""
        return None

    def last_layers(self) -> list[nn.Parameter]:
        """The weights and biases that the offsets come out of, but for FS-VTON's main heads, whose demodulation undoes
        any scale."""
        heads = [head for name in ("netMain", "netRefine") for head in getattr(self, name, ())]
        return [parameter for head in heads for parameter in list(head.children())[-1].parameters(recurse=False)]

    def forward(self, garment_features: list[Tensor], person_features: list[Tensor]) -> LevelFlows:
        """Feature maps [B, 256, h, w] coarse to fine -> one flow per level at twice its map's resolution, and the
        offsets."""
        operations = self.operations
        context = self.context(garment_features[0], person_features[0])
        flow: Tensor | None = None
        flows, offsets = [], []
        for level, (garment, person) in enumerate(zip(garment_features, person_features)):
            offset = self.main_offset(level, garment, person, None if flow is None else flow.detach(), context)
            moved = operations.grid(offset) if flow is None else operations.compose(flow, offset)
            refinement = self.netRefine[level](operations.warp(garment, moved), person)
            flow = upsample_flow(operations.compose(moved, refinement))
            flows.append(flow)
            offsets += [offset, refinement]
        return LevelFlows(flows, offsets)


class CostVolumeFlow(AppearanceFlow):
    """The main offset from a 7x7 cost volume: PF-AFN's estimator, and DM-VTON's student's."""

    def __init__(self, align_corners: bool):
        super().__init__(align_corners)
        self.netMain = nn.ModuleList(flow_head(COST_VOLUME_CHANNELS) for _ in range(LEVELS))
        self.netRefine = nn.ModuleList(RefineHead() for _ in range(LEVELS))

    def main_offset(
        self, level: int, garment: Tensor, person: Tensor, flow: Tensor | None, context: Tensor | None
    ) -> Tensor:
        volume = self.operations.cost_volume(garment, person, flow)
        return self.netMain[level](F.leaky_relu(volume, FLOW_SLOPE))


class WarpModule(nn.Module):
    """Two pyramids and a flow estimator. Subclasses make the pyramids and name them as their checkpoints do."""

    aflow_net: AppearanceFlow

    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        """Garment [B, 3, H, W] in [-1, 1], already multiplied by its mask -> five maps [B, 256, h, w], coarse to
        fine."""
        raise TypeError(f"{type(self).__name__} must have a garment pyramid")

    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """Person image [B, 3, H, W] in [-1, 1] or parser-based representation [B, 45, H, W] -> five maps, coarse to
        fine."""
        raise TypeError(f"{type(self).__name__} must have a condition pyramid")

    def forward(
        self,
        condition: Tensor,
        garment: Tensor,
        garment_mask: Tensor | None = None,
        *,
        garment_features: list[Tensor] | None = None,
        levels: bool = False,
    ) -> WarpOutput:
        """Warps the garment onto the person; with `levels` also everything the training losses compare (needs the
        mask)."""
        if levels and garment_mask is None:
            raise ValueError("levels=True also warps the garment mask: pass garment_mask [B, 1, H, W]")
        garment_features = garment_features if garment_features is not None else self.encode_garment(garment)
        condition_features = self.encode_condition(condition)
        flows, offsets = self.aflow_net(garment_features, condition_features)
        operations = self.aflow_net.operations
        if not levels or garment_mask is None:
            return WarpOutput(operations.warp(garment, flows[-1]), flows[-1])
        factors = [2 ** (LEVELS - 1 - level) for level in range(LEVELS)]
        garments = [operations.warp(downsample(garment, n), flow) for n, flow in zip(factors, flows)]
        masks = [operations.warp_mask(downsample(garment_mask, n), flow) for n, flow in zip(factors, flows)]
        laplacians_x, laplacians_y = zip(*map(flow_laplacian, flows))
        trace = WarpLevels(
            condition_features,
            garment_features,
            flows,
            offsets,
            garments,
            masks,
            list(laplacians_x),
            list(laplacians_y),
        )
        return WarpOutput(garments[-1], flows[-1], trace)
