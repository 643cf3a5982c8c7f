"""How a student is trained: it sees the person in another garment, as its teacher makes them, and is to bring back the
real picture; first its warp, then all of it."""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from training.losses.paper import (
    condition_distillation,
    flow_distillation,
    garment_distillation,
    gate,
    generator_loss,
    scaled,
    skin_loss,
    skin_region,
)
from training.stages.forward import Warped, generate, warp_garment
from training.stages.initialisation import is_fresh
from training.stages.network_stage import Pictures, Setting
from training.stages.paper_config import STUDENT_WARP_FACTOR
from training.stages.paper_stage import PaperStage, tryon_pictures
from training.stages.stage import Losses, OptimiserGroup
from training.stages.teacher import Fake, Teacher


class StudentWarp(PaperStage):
    """The warp alone: `losses.warp_loss`, and the distillation.

    Where the scheme has fresh parts, they alone are stepped before the last epoch of the full learning rate, and from
    that epoch on everything.
    """

    def __init__(self, network: TryOnNetwork, setting: Setting, teacher: Teacher):
        if not network.config.parser_free:
            raise DmvtonError(f"{network.config.name} is parser-based: train it in the teacher's stages.")
        super().__init__(network, setting)
        self.teacher = teacher

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        return self.warp_losses(batch, self.warp(batch, self.teacher.fake(batch)))

    def warp_losses(self, batch: TryOnSample, warped: Warped) -> Losses:
        losses = super().warp_losses(batch, warped)
        return losses | self._distilled(batch, warped) if self.setting.scheme.distil else losses

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        rate, joined = self.setting.warp_rate, self.setting.constant_epochs
        parameters = dict(self.network.warp.named_parameters())
        fresh = [value for key, value in parameters.items() if is_fresh(key, self.setting.scheme.fresh)]
        if not fresh or joined <= 1:
            return [self.warp_group()]
        return [
            OptimiserGroup("fresh", fresh, rate, last_epoch=joined - 1),
            OptimiserGroup("warp", list(parameters.values()), rate, first_epoch=joined),
        ]

    def warp(self, batch: TryOnSample, fake: Fake) -> Warped:
        return warp_garment(self.network, fake.person, batch.garment, batch.garment_mask)

    def pictures(self, batch: TryOnSample) -> Pictures:
        fake = self.teacher.fake(batch)
        return _shown(batch, fake, self.warp(batch, fake))

    def _distilled(self, batch: TryOnSample, student: Warped) -> Losses:
        scheme, teacher = self.setting.scheme, self.teacher.paired(batch)
        clothes, _ = person_clothes(batch)
        taught = gate(teacher.garment, student.garment, clothes)
        if not scheme.gate:
            taught = torch.ones_like(taught)
        losses = {
            "distilled_condition": condition_distillation(teacher.levels, student.levels, taught),
            "distilled_flow": flow_distillation(teacher.levels, student.levels, taught),
        }
        if scheme.distil_garment:
            losses["distilled_garment"] = garment_distillation(teacher.levels, student.levels, taught)
        return losses

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.teacher.network._apply(fn, recurse)
        return super()._apply(fn, recurse)


class StudentTryOn(StudentWarp):
    """Warp and generator together: a quarter of the warp's losses, `losses.generator_loss` and `losses.skin_loss`."""

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        scheme, perceptual = self.setting.scheme, self.setting.perceptual
        fake = self.teacher.fake(batch)
        warped = self.warp(batch, fake)
        _, clothes_mask = person_clothes(batch)
        within = clothes_mask if scheme.composition_within_clothes else None
        output = generate(self.network, fake.person, warped, within=within)
        skin = skin_region(fake.garment_mask, clothes_mask)
        weights = scheme.skin_weights(epoch, self.setting.constant_epochs)
        return (
            scaled(self.warp_losses(batch, warped), STUDENT_WARP_FACTOR)
            | generator_loss(output, batch.person, perceptual)
            | skin_loss(output.rendered, batch.person, skin, perceptual, weights)
        )

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group(), self.generator_group()]

    def pictures(self, batch: TryOnSample) -> Pictures:
        fake = self.teacher.fake(batch)
        warped = self.warp(batch, fake)
        return _shown(batch, fake, warped) + tryon_pictures(generate(self.network, fake.person, warped))


def _shown(batch: TryOnSample, fake: Fake, warped: Warped) -> Pictures:
    return [
        ("person", batch.person),
        ("fake", fake.person),
        ("garment", batch.garment),
        ("warped garment", warped.garment),
    ]
