"""`student-tryon` of `dmvton-lite`: on photographs, a teacher takes the place of the exact truth of rendered people.

As in the papers, the student sees the person in another garment, as the teacher makes them, and must bring back the
real picture. Its flows learn from the teacher's flow of the paired garment where the clothes are worn. It has no levels
of features like the teacher's to distil.
"""

from collections.abc import Sequence
from dataclasses import replace

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import Truth, TryOnSample
from dmvton_mobile.networks import TryOnNetwork
from training.data.supervised_batch import SupervisedBatch
from training.losses.common import Losses
from training.losses.lite import flow_and_light_losses, tryon_losses, worn_l1
from training.losses.paper import gate
from training.stages.forward import TrainingWarp
from training.stages.stage import OptimiserGroup, StageConfig
from training.stages.supervised import LiteStage
from training.stages.teacher import DistillationTeacher


class LiteStudent(LiteStage):
    """Warp and generator, by `losses.lite.tryon_losses` and the garment as worn.

    Where the config distils, `losses.lite.flow_and_light_losses` are added, with the teacher's flow in place of the
    truth, for the samples that the gate lets through.
    """

    def __init__(self, network: TryOnNetwork, config: StageConfig, teacher: DistillationTeacher):
        super().__init__(network, config, companions=[teacher.network])
        self.teacher = teacher

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        teacher, paper = self.teacher.paired(batch), self.config.paper
        supervised = self._supervise(batch, teacher)
        prediction = self.predict(supervised)
        warped, target, worn = prediction.output.warped_garment, supervised.target, supervised.truth.visible
        losses = tryon_losses(prediction, supervised, self.config.perceptual)
        losses["worn"] = worn_l1(warped, target, worn)
        if not paper.distil:
            return losses
        if paper.gate:
            passed = worn * gate(teacher.garment * worn, warped * worn, target * worn).view(-1, 1, 1, 1)
            supervised = replace(supervised, truth=replace(supervised.truth, garment=passed, visible=passed))
        return losses | flow_and_light_losses(prediction, supervised)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp and the generator."""
        return [self.warp_group(), self.generator_group()]

    def supervise(self, batch: TryOnSample) -> SupervisedBatch:
        """From the teacher's fake person back to the photograph, with the teacher's flow as the truth."""
        return self._supervise(batch, self.teacher.paired(batch))

    def _supervise(self, batch: TryOnSample, paired: TrainingWarp) -> SupervisedBatch:
        _, worn = person_clothes(batch)
        return SupervisedBatch(
            person=self.teacher.fake(batch).person,
            garment=batch.garment,
            garment_mask=batch.garment_mask,
            target=batch.person,
            truth=Truth(grid=paired.flow, garment=worn, visible=worn),
        )
