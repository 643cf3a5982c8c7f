"""How a teacher (or tutor) is trained: a parser-based network on real pairs, first its warp, then all of it."""

from collections.abc import Sequence

from dmvton_mobile.datasets.parser_inputs import person_clothes, warp_condition
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from training.losses.paper import generator_loss, scaled
from training.stages.forward import Warped, generate_from_parsing, warp_garment
from training.stages.network_stage import Pictures, Setting
from training.stages.paper_config import TEACHER_WARP_FACTOR
from training.stages.paper_stage import PaperStage, tryon_pictures
from training.stages.stage import Losses, OptimiserGroup


class TeacherWarp(PaperStage):
    """The warp alone: `losses.warp_loss`."""

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if network.config.parser_free:
            raise DmvtonError(f"{network.config.name} is parser-free: train it in the student's stages.")
        super().__init__(network, setting)

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        return self.warp_losses(batch, self.warp(batch))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group()]

    def warp(self, batch: TryOnSample) -> Warped:
        return warp_garment(self.network, warp_condition(batch), batch.garment, batch.garment_mask)

    def pictures(self, batch: TryOnSample) -> Pictures:
        return _shown(batch, self.warp(batch))


class TeacherTryOn(TeacherWarp):
    """Warp and generator together: half of the warp's losses, and `losses.generator_loss`."""

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        warped = self.warp(batch)
        output = self.tryon(batch, warped, within_clothes=self.setting.scheme.composition_within_clothes)
        warp_losses = scaled(self.warp_losses(batch, warped), TEACHER_WARP_FACTOR)
        return warp_losses | generator_loss(output, batch.person, self.setting.perceptual)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group(), self.generator_group()]

    def tryon(self, batch: TryOnSample, warped: Warped, *, within_clothes: bool) -> TryOnOutput:
        """The person in the garment they wear, so their own clothes cover the arms."""
        _, mask = person_clothes(batch)
        within = mask if within_clothes else None
        return generate_from_parsing(self.network, batch, warped, covered=mask, within=within)

    def pictures(self, batch: TryOnSample) -> Pictures:
        warped = self.warp(batch)
        return _shown(batch, warped) + tryon_pictures(self.tryon(batch, warped, within_clothes=False))


def _shown(batch: TryOnSample, warped: Warped) -> Pictures:
    return [("person", batch.person), ("garment", batch.garment), ("warped garment", warped.garment)]
