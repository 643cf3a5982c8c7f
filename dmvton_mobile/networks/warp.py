"""Warp modules, and the coarse-to-fine flow estimator that all three papers share.

At each level a main offset and a refinement. Source: PF-AFN (https://arxiv.org/abs/2103.04559) section 3.2, figure 4.
"""

from abc import ABC, abstractmethod
from enum import StrEnum
from typing import ClassVar, NamedTuple

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
    """What the losses and the distillation compare, one entry per level, coarse to fine.

    Attributes:
        condition_features: of the person, [B, 256, h, w], h from H/32 to H/2.
        garment_features: [B, 256, h, w], before any warp.
        flows: [B, 2, 2h, 2w].
        offsets: main offset and refinement of every level in turn, ten in all, raw pixels [B, 2, h, w].
        warped_garments: [B, 3, 2h, 2w].
        warped_masks: [B, 1, 2h, 2w].
        laplacians_x: second differences of the flow's x, [B, 4, 2h-2, 2w-2]; see `flow_laplacian`.
        laplacians_y: those of its y.
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
    """A warped garment.

    Attributes:
        warped_garment: RGB [B, 3, H, W] in [-1, 1].
        flow: [B, 2, H, W].
        levels: None unless asked for.
    """

    warped_garment: Tensor
    flow: Tensor
    levels: WarpLevels | None = None


class LevelFlows(NamedTuple):
    """What a coarse-to-fine estimator returns.

    Attributes:
        flows: one per level, coarse to fine, each [B, 2, 2h, 2w]: twice the resolution of the level's feature map.
        offsets: the main offset and the refinement of every level in turn, ten in all, raw pixels [B, 2, h, w].
    """

    flows: list[Tensor]
    offsets: list[Tensor]


class FlowKind(StrEnum):
    """How an estimator finds its flow, which decides the losses that can train it."""

    LEVELS = "levels"  # five levels, each with a main offset and a refinement: the papers' losses compare every level
    MATCHING = "matching"  # one global match, refined twice: trained with known flows


class RefineHead(nn.Sequential):
    """The refinement offset of a level, from the warped garment features and the person's."""

    def __init__(self) -> None:
        super().__init__(*flow_head(2 * FEATURES))

    def forward(self, warped: Tensor, person: Tensor) -> Tensor:  # type: ignore[override]
        """Two maps [B, 256, h, w] -> offset [B, 2, h, w] in pixels."""
        return super().forward(torch.cat([warped, person], 1))


class FlowEstimator(nn.Module, ABC):
    """Estimates the appearance flow from the garment's and the person's feature maps.

    Attributes:
        kind: how the flow is found; training picks its losses by it.
        float32_only: whether the estimator stays float32 in an fp16 artifact, though its features are fp16.
        operations: warp, composition and cost volume. Exporters replace it by the variant that their runtime runs best.
    """

    kind: ClassVar[FlowKind]
    float32_only: ClassVar[bool] = False

    def __init__(self, align_corners: bool):
        super().__init__()
        self.operations = FlowOperations(align_corners)

    @abstractmethod
    def offset_layers(self) -> list[nn.Conv2d]:
        """The convolutions whose outputs are offsets or flows: they keep their channels and stay float32 in int8."""


class AppearanceFlow(FlowEstimator):
    """Coarse-to-fine flow over five levels; a subclass finds the main offset of a level (PF-AFN section 3.2).

    In an fp16 artifact the heads compute in fp16; flows and sampling positions stay float32 in `operations`.
    """

    kind = FlowKind.LEVELS

    netRefine: nn.ModuleList  # noqa: N815 (a key of the published checkpoints)

    @abstractmethod
    def main_offset(
        self, level: int, garment: Tensor, person: Tensor, flow: Tensor | None, context: Tensor | None
    ) -> Tensor:
        """The main offset of a level, in pixels of its map.

        Args:
            level: 0 is the coarsest, H/32.
            garment: garment features [B, 256, h, w], not yet warped.
            person: person features [B, 256, h, w].
            flow: the flow of the level before, at this level's resolution [B, 2, h, w]; None at level 0.
            context: what `context` returned.

        Returns:
            [B, 2, h, w].
        """

    def context(self, garment: Tensor, person: Tensor) -> Tensor | None:
        """What all levels share, from the two coarsest maps [B, 256, H/32, W/32]; None where they share nothing."""
        return None

    def offset_layers(self) -> list[nn.Conv2d]:
        """The last convolution of every head. FS-VTON's main heads have none: demodulation undoes any scale."""
        heads = [head for name in ("netMain", "netRefine") for head in getattr(self, name, ())]
        return [list(head.children())[-1] for head in heads]

    def forward(self, garment_features: list[Tensor], person_features: list[Tensor]) -> LevelFlows:
        """Five garment maps and five person maps, each [B, 256, h, w], coarse to fine -> flows and offsets."""
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
    """The main offset from a 7x7 cost volume: the estimator of PF-AFN and of DM-VTON's student."""

    def __init__(self, align_corners: bool):
        super().__init__(align_corners)
        self.netMain = nn.ModuleList(flow_head(COST_VOLUME_CHANNELS) for _ in range(LEVELS))
        self.netRefine = nn.ModuleList(RefineHead() for _ in range(LEVELS))

    def main_offset(
        self, level: int, garment: Tensor, person: Tensor, flow: Tensor | None, context: Tensor | None
    ) -> Tensor:
        """The offset [B, 2, h, w], from the cost volume of the warped garment features and the person's."""
        volume = self.operations.cost_volume(garment, person, flow)
        return self.netMain[level](F.leaky_relu(volume, FLOW_SLOPE))


class WarpModule(nn.Module, ABC):
    """The feature extractors of garment and person, and the flow estimator `aflow_net` between them.

    Attributes:
        fresh_in_student: fragments of the keys that a student learns anew where it otherwise starts with its teacher's
            weights (PF-AFN's schedule). Empty: its warp has no teacher of the same shape to inherit from.
    """

    fresh_in_student: ClassVar[tuple[str, ...]] = ()

    aflow_net: FlowEstimator

    @abstractmethod
    def encode_condition(self, condition: Tensor) -> list[Tensor]:
        """The person's feature maps, coarse to fine.

        Args:
            condition: person picture [B, 3, H, W] in [-1, 1], or the parser-based representation [B, 45, H, W].
        """


class PyramidWarp(WarpModule):
    """Two pyramids of five maps and an `AppearanceFlow`: the papers' warp modules.

    A subclass builds the pyramids and names them as the published checkpoints do.
    """

    fresh_in_student = ("cond_", "aflow_net.netRefine")

    aflow_net: AppearanceFlow

    @abstractmethod
    def encode_garment(self, garment: Tensor) -> list[Tensor]:
        """Garment [B, 3, H, W] in [-1, 1], multiplied by its mask -> five maps [B, 256, h, w], coarse to fine."""

    def forward(
        self,
        condition: Tensor,
        garment: Tensor,
        garment_mask: Tensor | None = None,
        *,
        garment_features: list[Tensor] | None = None,
        levels: bool = False,
    ) -> WarpOutput:
        """Warps the garment onto the person.

        Args:
            condition: as in `encode_condition`.
            garment: [B, 3, H, W] in [-1, 1], multiplied by its mask.
            garment_mask: [B, 1, H, W], 0 or 1; needed with `levels` only.
            garment_features: what `encode_garment` returned, to skip that work.
            levels: whether to return what the training losses compare at every level.

        Raises:
            ValueError: `levels` without a mask.
        """
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
