"""`truth-warp` and `truth-tryon`: `dmvton-lite` learns from rendered people, of whom every try-on is known. Ours.

A sample is one person in two garments, so it teaches twice: from the garment worn to the other, and back. No teacher is
needed, no parser, no fake: the target is the exact picture, and the exact flow.
"""

from collections.abc import Sequence

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks.lite import LitePrediction
from training.data.supervised_batch import Lesson, truth_lessons
from training.stages.lite_stage import LiteStage, flow_losses, known_losses, tryon_losses
from training.stages.stage import Losses, OptimiserGroup


class TruthWarp(LiteStage):
    """The warp alone: the matching and the flows. Every lesson is augmented, by draws from torch."""

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        return self.losses(self.setting.augment(self.lesson(batch)))

    def losses(self, lesson: Lesson) -> Losses:
        features = self.network.encode_garment(lesson.garment, lesson.garment_mask)
        return flow_losses(self.network.flows(lesson.person, features), lesson.truth)

    def lesson(self, batch: TryOnSample) -> Lesson:
        return truth_lessons(batch)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group()]


class TruthTryOn(TruthWarp):
    """Warp and generator together."""

    def losses(self, lesson: Lesson) -> Losses:
        return self.judged(self.predict(lesson), lesson)

    def judged(self, prediction: LitePrediction, lesson: Lesson) -> Losses:
        return known_losses(prediction, lesson) | tryon_losses(prediction, lesson, self.setting.perceptual)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group(), self.generator_group()]
