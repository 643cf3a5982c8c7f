"""What sets the training of the two papers apart, and ours on rendered people: one frozen config for each.

Sources: DM-VTON (https://arxiv.org/abs/2308.13798) and PF-AFN (https://arxiv.org/abs/2103.04559), with the numbers that
each was trained with.
"""

from dataclasses import dataclass

from training.losses.paper import SkinWeights

EARLY_SKIN = SkinWeights(l1=30, perceptual=2)
LATE_SKIN = SkinWeights(l1=60, perceptual=4)
TEACHER_WARP_FACTOR = 0.5  # of the warp's losses beside the generator's
STUDENT_WARP_FACTOR = 0.25


@dataclass(frozen=True, kw_only=True)
class PaperConfig:
    """How a paper trains its networks.

    Attributes:
        distil_garment: whether a student learns the teacher's features of the garment, besides those of the person and
            the flows.
        composition_within_clothes: whether, in training, the composition takes nothing from outside the clothes as
            worn.
        inherit_warp: whether a student's warp starts with its teacher's weights. Its first epochs then train only what
            the network's `warp.fresh_in_student` names.
        late_skin_delay: epochs from the last one with the full learning rate to the first with the late skin weights.
        distil: False for a student that is not distilled.
        gate: False for a student that is distilled from every sample, not only those that the teacher warps better.
        flow_truth_weight: weight of `losses.paper.flow_truth_loss`; 0 for data without the true flow.
    """

    distil_garment: bool
    composition_within_clothes: bool
    inherit_warp: bool
    late_skin_delay: int
    distil: bool = True
    gate: bool = True
    flow_truth_weight: float = 0.0

    def skin_weights(self, epoch: int, constant_epochs: int) -> SkinWeights:
        """The weights of `losses.paper.skin_loss`.

        Args:
            epoch: counted from 1.
            constant_epochs: the number of epochs with the full learning rate.
        """
        return EARLY_SKIN if epoch < constant_epochs + self.late_skin_delay else LATE_SKIN


DMVTON = PaperConfig(distil_garment=True, composition_within_clothes=False, inherit_warp=False, late_skin_delay=1)
PFAFN = PaperConfig(distil_garment=False, composition_within_clothes=True, inherit_warp=True, late_skin_delay=0)
# no teacher: the try-on and the flow are known
RENDERED = PaperConfig(
    distil_garment=False,
    composition_within_clothes=False,
    inherit_warp=False,
    late_skin_delay=0,
    distil=False,
    gate=False,
)
PAPERS = {"dmvton": DMVTON, "pfafn": PFAFN, "rendered": RENDERED}
"""By the recipe's value of `scheme`."""
