"""The stages of a teacher (PF-AFN: tutor): a parser-based network on real pairs, first its warp, then all of it."""

from collections.abc import Sequence

from dmvton_mobile.datasets.parser_inputs import person_clothes, warp_condition
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from training.losses.common import Losses, scaled
from training.losses.paper import generator_loss
from training.stages.forward import TrainingWarp, generate_from_parsing, warp_garment
from training.stages.paper_config import TEACHER_WARP_FACTOR
from training.stages.paper_stage import PaperStage, tryon_pictures
from training.stages.stage import OptimiserGroup, Pictures, StageConfig


class TeacherWarp(PaperStage):
    """`teacher-warp`: the warp alone, by `losses.paper.warp_loss`."""

    def __init__(self, network: TryOnNetwork, config: StageConfig):
        if network.config.parser_free:
            raise DmvtonError(f"{network.config.name} is parser-free: train it in the student's stages.")
        super().__init__(network, config)

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        return self.warp_losses(batch, self.warp(batch))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp."""
        return [self.warp_group()]

    def warp(self, batch: TryOnSample) -> TrainingWarp:
        """The garment that the person wears, warped onto what the parser found of them."""
        return warp_garment(self.network, warp_condition(batch), batch.garment, batch.garment_mask)

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, garment, warped garment."""
        return _warp_pictures(batch, self.warp(batch))


class TeacherTryOn(TeacherWarp):
    """`teacher-tryon`: warp and generator, by half of the warp's losses and `losses.paper.generator_loss`."""

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        warp = self.warp(batch)
        output = self.tryon(batch, warp, within_clothes=self.config.paper.composition_within_clothes)
        warp_losses = scaled(self.warp_losses(batch, warp), TEACHER_WARP_FACTOR)
        return warp_losses | generator_loss(output, batch.person, self.config.perceptual)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp and the generator."""
        return [self.warp_group(), self.generator_group()]

    def tryon(self, batch: TryOnSample, warp: TrainingWarp, *, within_clothes: bool) -> TryOnOutput:
        """The person in the garment they wear: their own clothes cover the arms."""
        _, mask = person_clothes(batch)
        within = mask if within_clothes else None
        return generate_from_parsing(self.network, batch, warp, covered=mask, within=within)

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, garment, warped garment, try-on, rendered."""
        warp = self.warp(batch)
        return _warp_pictures(batch, warp) + tryon_pictures(self.tryon(batch, warp, within_clothes=False))


def _warp_pictures(batch: TryOnSample, warp: TrainingWarp) -> Pictures:
    return [("person", batch.person), ("garment", batch.garment), ("warped garment", warp.garment)]
