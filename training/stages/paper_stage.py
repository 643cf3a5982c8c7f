"""What the four stages of the papers share: the losses of a warp of five levels."""

from collections.abc import Sequence

from torch import nn

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.warp import FlowKind
from training.losses.common import Losses
from training.losses.cost_volume import with_row_products
from training.losses.paper import flow_truth_loss, warp_loss
from training.stages.forward import TrainingWarp
from training.stages.stage import Pictures, Stage, StageConfig


class PaperStage(Stage):
    """Trains a network of the papers.

    Raises:
        DmvtonError: The network's warp has no levels to compare.
    """

    network: PaperNetwork

    def __init__(self, network: TryOnNetwork, config: StageConfig, companions: Sequence[nn.Module] = ()):
        if network.warp.aflow_net.kind is not FlowKind.LEVELS:
            raise DmvtonError(
                f"{network.config.name} does not warp in the five levels that the papers' losses compare."
            )
        super().__init__(with_row_products(network), config, companions)

    def warp_losses(self, batch: TryOnSample, warp: TrainingWarp) -> Losses:
        """The losses of the paired garment as warped, against the clothes as worn."""
        clothes, mask = person_clothes(batch)
        losses = warp_loss(warp.levels, clothes, mask, self.config.perceptual)
        weight = self.config.paper.flow_truth_weight
        if weight:
            if batch.truth is None:
                raise DataError("flow_truth_weight needs the true flow, and not all samples of this batch have it.")
            align_corners = self.network.config.align_corners
            losses["flow_truth"] = weight * flow_truth_loss(warp.levels.flows, batch.truth, align_corners)
        return losses


def tryon_pictures(output: TryOnOutput) -> Pictures:
    """What a sample sheet shows of a try-on."""
    return [("try-on", output.tryon), ("rendered", output.rendered)]
