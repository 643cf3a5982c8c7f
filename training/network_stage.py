"""What the four stages share: the network that is trained, how its warp is judged, a preview that disturbs nothing."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.warp import AppearanceFlow
from training.losses import flow_truth_loss, warp_loss
from training.passes import Warped
from training.perceptual import Perceptual
from training.scheme import Scheme
from training.stage import Losses, OptimiserGroup, Stage

Pictures = list[tuple[str, Tensor]]


@dataclass(frozen=True)
class Setting:
    """What every stage is told besides its network.

    warp_rate, generator_rate: the learning rates before they decay; generator_rate for the stages that train one.
    constant_epochs: how many epochs keep them.
    """

    scheme: Scheme
    perceptual: Perceptual
    warp_rate: float
    constant_epochs: int
    generator_rate: float | None = None


class NetworkStage(Stage):
    """The network is its only submodule. The perceptual loss has weights, too, but is a part of the setting, where no
    optimiser and no checkpoint finds them."""

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if not isinstance(network.warp.aflow_net, AppearanceFlow):
            raise DmvtonError(
                f"{network.config.name} does not warp in the five levels that the papers' losses compare."
            )
        super().__init__()
        self.network = network
        self.setting = setting

    def warp_losses(self, batch: TryOnSample, warped: Warped) -> Losses:
        """Of the paired garment as warped, against the clothes as worn."""
        clothes, mask = person_clothes(batch)
        losses = warp_loss(warped.levels, clothes, mask, self.setting.perceptual)
        weight = self.setting.scheme.flow_truth_weight
        if weight:
            if batch.truth is None:
                raise DataError("flow_truth_weight needs the true flow, and not all samples of this batch have it.")
            aligned = self.network.config.align_corners
            losses["flow_truth"] = weight * flow_truth_loss(warped.levels.flows, batch.truth, aligned)
        return losses

    def warp_group(self) -> OptimiserGroup:
        return OptimiserGroup("warp", list(self.network.warp.parameters()), self.setting.warp_rate)

    def generator_group(self) -> OptimiserGroup:
        if self.setting.generator_rate is None:
            raise DmvtonError("This stage trains the generator, too: give its learning rate.")
        return OptimiserGroup("generator", list(self.network.generator.parameters()), self.setting.generator_rate)

    @abstractmethod
    def pictures(self, batch: TryOnSample) -> Pictures:
        """What `preview` shows."""

    @torch.no_grad()
    def preview(self, batch: TryOnSample) -> Sequence[tuple[str, Tensor]]:
        training = self.network.training
        self.network.eval()
        try:
            return self.pictures(batch)
        finally:
            self.network.train(training)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """`.to()` and its like reach what is no submodule, too."""
        self.setting.perceptual._apply(fn, recurse)
        return super()._apply(fn, recurse)


def tryon_pictures(output: TryOnOutput) -> Pictures:
    return [("try-on", output.tryon), ("rendered", output.rendered)]
