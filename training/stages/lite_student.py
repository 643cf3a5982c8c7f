"""`dmvton-lite` as a student: on photos, whose try-ons nobody knows, a teacher says what truth says of rendered people.

As in the papers it sees the person in another garment, as the teacher makes them, and is to bring back the real
picture. Its flows are drawn to the teacher's of the paired garment, where the clothes are worn; there are no levels of
equal features to distil.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Self

from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import Truth, TryOnSample
from dmvton_mobile.networks import TryOnNetwork
from training.data.supervised_batch import Lesson
from training.losses.lite import worn_distance
from training.losses.paper import gate
from training.stages.forward import Warped
from training.stages.lite_stage import LiteStage, known_losses, tryon_losses
from training.stages.network_stage import Setting
from training.stages.stage import Losses, OptimiserGroup
from training.stages.teacher import Teacher


class LiteStudent(LiteStage):
    """Warp and generator together: `tryon_losses`, the garment as worn, and, where the scheme distils, `known_losses`
    with the teacher's flow for the truth, of the samples that the gate lets through."""

    def __init__(self, network: TryOnNetwork, setting: Setting, teacher: Teacher):
        super().__init__(network, setting)
        self.teacher = teacher

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        paired, scheme = self.teacher.paired(batch), self.setting.scheme
        lesson = self._lesson(batch, paired)
        prediction = self.predict(lesson)
        warped, worn = prediction.output.warped_garment, lesson.truth.visible
        losses = tryon_losses(prediction, lesson, self.setting.perceptual)
        losses["worn"] = worn_distance(warped, lesson.target, worn)
        if not scheme.distil:
            return losses
        if scheme.gate:
            passed = worn * gate(paired.garment * worn, warped * worn, lesson.target * worn).view(-1, 1, 1, 1)
            lesson = replace(lesson, truth=replace(lesson.truth, garment=passed, visible=passed))
        return losses | known_losses(prediction, lesson)

    def lesson(self, batch: TryOnSample) -> Lesson:
        return self._lesson(batch, self.teacher.paired(batch))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group(), self.generator_group()]

    def _lesson(self, batch: TryOnSample, paired: Warped) -> Lesson:
        """From the teacher's fake back to the photo; the teacher's flow in the place of the truth."""
        _, worn = person_clothes(batch)
        return Lesson(
            person=self.teacher.fake(batch).person,
            garment=batch.garment,
            garment_mask=batch.garment_mask,
            target=batch.person,
            truth=Truth(paired.flow, worn, worn),
        )

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.teacher.network._apply(fn, recurse)
        return super()._apply(fn, recurse)
