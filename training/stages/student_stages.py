"""The stages of a student of the papers, first its warp, then all of it.

The student sees the person in another garment, as its teacher makes them, and must bring back the real picture.
"""

from collections.abc import Sequence

import torch
from torch import nn

from dmvton_mobile.checkpoints.states import CheckpointError, compare_states
from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.warp import WarpModule
from training.losses.common import Losses, scaled
from training.losses.paper import (
    condition_distillation,
    flow_distillation,
    garment_distillation,
    gate,
    generator_loss,
    skin_loss,
    skin_region,
)
from training.stages.forward import TrainingWarp, generate, warp_garment
from training.stages.paper_config import STUDENT_WARP_FACTOR
from training.stages.paper_stage import PaperStage, tryon_pictures
from training.stages.stage import OptimiserGroup, Pictures, StageConfig
from training.stages.teacher import DistillationTeacher, FakePerson


class StudentWarp(PaperStage):
    """`student-warp`: the warp alone, by `losses.paper.warp_loss` and the distillation.

    A warp that inherits its teacher's weights trains its fresh parts alone before the last epoch of the full learning
    rate, and everything from that epoch on.
    """

    def __init__(self, network: TryOnNetwork, config: StageConfig, teacher: DistillationTeacher):
        if not network.config.parser_free:
            raise DmvtonError(f"{network.config.name} is parser-based: train it in the teacher's stages.")
        super().__init__(network, config, companions=[teacher.network])
        self.teacher = teacher

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        return self.warp_losses(batch, self.warp(batch, self.teacher.fake(batch)))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp; where it inherits, its fresh parts first."""
        joined = self.config.constant_epochs  # the epoch from which everything is trained
        if not self.config.paper.inherit_warp or joined <= 1:
            return [self.warp_group()]
        rate, warp = self.config.warp_rate, self.network.warp
        fresh = [value for key, value in warp.named_parameters() if is_fresh(key, warp)]
        return [
            OptimiserGroup("fresh", fresh, rate, last_epoch=joined - 1),
            OptimiserGroup("warp", list(warp.parameters()), rate, first_epoch=joined),
        ]

    def warp(self, batch: TryOnSample, fake: FakePerson) -> TrainingWarp:
        """The paired garment, warped onto the fake person."""
        return warp_garment(self.network, fake.person, batch.garment, batch.garment_mask)

    def warp_losses(self, batch: TryOnSample, warp: TrainingWarp) -> Losses:
        """Those of `PaperStage`, and the distillation where the config has it."""
        losses = super().warp_losses(batch, warp)
        return losses | self._distillation_losses(batch, warp) if self.config.paper.distil else losses

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, fake person, garment, warped garment."""
        fake = self.teacher.fake(batch)
        return _warp_pictures(batch, fake, self.warp(batch, fake))

    def _distillation_losses(self, batch: TryOnSample, student: TrainingWarp) -> Losses:
        paper, teacher = self.config.paper, self.teacher.paired(batch)
        clothes, _ = person_clothes(batch)
        passed = gate(teacher.garment, student.garment, clothes)
        if not paper.gate:
            passed = torch.ones_like(passed)
        losses = {
            "distilled_condition": condition_distillation(teacher.levels, student.levels, passed),
            "distilled_flow": flow_distillation(teacher.levels, student.levels, passed),
        }
        if paper.distil_garment:
            losses["distilled_garment"] = garment_distillation(teacher.levels, student.levels, passed)
        return losses


class StudentTryOn(StudentWarp):
    """`student-tryon`: warp and generator.

    The losses are a quarter of the warp's, `losses.paper.generator_loss` and `losses.paper.skin_loss`.
    """

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        paper, perceptual = self.config.paper, self.config.perceptual
        fake = self.teacher.fake(batch)
        warp = self.warp(batch, fake)
        _, clothes_mask = person_clothes(batch)
        within = clothes_mask if paper.composition_within_clothes else None
        output = generate(self.network, fake.person, warp, within=within)
        skin = skin_region(fake.garment_mask, clothes_mask)
        skin_weights = paper.skin_weights(epoch, self.config.constant_epochs)
        return (
            scaled(self.warp_losses(batch, warp), STUDENT_WARP_FACTOR)
            | generator_loss(output, batch.person, perceptual)
            | skin_loss(output.rendered, batch.person, skin, perceptual, skin_weights)
        )

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp and the generator."""
        return [self.warp_group(), self.generator_group()]

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, fake person, garment, warped garment, try-on, rendered."""
        fake = self.teacher.fake(batch)
        warp = self.warp(batch, fake)
        return _warp_pictures(batch, fake, warp) + tryon_pictures(generate(self.network, fake.person, warp))


def is_fresh(key: str, warp: WarpModule) -> bool:
    """Whether a student learns the parameter or buffer of that key anew (`WarpModule.fresh_in_student`)."""
    return any(fragment in key for fragment in warp.fresh_in_student)


@torch.no_grad()
def inherit(student: WarpModule, teacher: WarpModule) -> None:
    """Copies every parameter and buffer of the teacher's warp that is not fresh into the student's.

    Raises:
        CheckpointError: The teacher lacks one of them, or has it in another shape. Nothing is copied then.
    """
    inherited, own = (_inheritable(module, student) for module in (teacher, student))
    if problems := compare_states(own, inherited).sentences():
        raise CheckpointError("\n".join(["The student cannot start with this teacher's weights:", *problems]))
    student.load_state_dict(inherited, strict=False)


def _inheritable(module: nn.Module, student: WarpModule) -> dict[str, torch.Tensor]:
    return {key: value for key, value in module.state_dict().items() if not is_fresh(key, student)}


def _warp_pictures(batch: TryOnSample, fake: FakePerson, warp: TrainingWarp) -> Pictures:
    return [
        ("person", batch.person),
        ("fake", fake.person),
        ("garment", batch.garment),
        ("warped garment", warp.garment),
    ]
