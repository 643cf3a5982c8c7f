"""What the papers' four stages share: how a warp of five levels is judged."""

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.warp import AppearanceFlow
from training.losses.cost_volume import with_row_products
from training.losses.paper import flow_truth_loss, warp_loss
from training.stages.forward import Warped
from training.stages.network_stage import NetworkStage, Pictures, Setting
from training.stages.stage import Losses


class PaperStage(NetworkStage):
    """For networks with an `AppearanceFlow`. Raises DmvtonError for any other."""

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if not isinstance(network.warp.aflow_net, AppearanceFlow):
            raise DmvtonError(
                f"{network.config.name} does not warp in the five levels that the papers' losses compare."
            )
        super().__init__(with_row_products(network), setting)

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


def tryon_pictures(output: TryOnOutput) -> Pictures:
    return [("try-on", output.tryon), ("rendered", output.rendered)]
