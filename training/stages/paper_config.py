"""What sets the two papers' training apart, and ours on rendered people: one frozen record for each.

Sources: DM-VTON (https://arxiv.org/abs/2308.13798) and PF-AFN (https://arxiv.org/abs/2103.04559), with the numbers
that each was trained with.
"""

from dataclasses import dataclass
from typing import NamedTuple


class SkinWeights(NamedTuple):
    """Of the two terms of `losses.skin_loss`."""

    l1: float
    perceptual: float


EARLY_SKIN = SkinWeights(30, 2)
STRONG_SKIN = SkinWeights(60, 4)
TEACHER_WARP_FACTOR = 0.5  # of the warp's losses beside the generator's
STUDENT_WARP_FACTOR = 0.25


@dataclass(frozen=True, kw_only=True)
class Scheme:
    """distil_garment: whether a student is drawn to the teacher's features of the garment, too, not only to those of
    the person and the flows.
    composition_within_clothes: whether, in training, the composition takes nothing from outside the clothes as worn.
    fresh: the parts of a student's warp, as fragments of their keys, that its first epochs train alone, while all
    others start as the teacher's. Empty: everything is trained from the start, from the weights that the network has.
    strong_skin_delay: epochs from the last with the full learning rate to the first with the strong skin weights.

    distil, gate: False for a student that is not distilled, or from every sample, however its teacher does.
    flow_truth_weight: of `losses.flow_truth_loss`; 0 for data without the truth.
    """

    distil_garment: bool
    composition_within_clothes: bool
    fresh: tuple[str, ...]
    strong_skin_delay: int
    distil: bool = True
    gate: bool = True
    flow_truth_weight: float = 0.0

    def skin_weights(self, epoch: int, constant_epochs: int) -> SkinWeights:
        """epoch: counted from 1. constant_epochs: how many have the full learning rate before it decays."""
        return EARLY_SKIN if epoch < constant_epochs + self.strong_skin_delay else STRONG_SKIN


DMVTON = Scheme(distil_garment=True, composition_within_clothes=False, fresh=(), strong_skin_delay=1)
PFAFN = Scheme(
    distil_garment=False,
    composition_within_clothes=True,
    fresh=("cond_", "aflow_net.netRefine"),
    strong_skin_delay=0,
)
# No teacher: what it would say is known
RENDERED = Scheme(
    distil_garment=False, composition_within_clothes=False, fresh=(), strong_skin_delay=0, distil=False, gate=False
)
SCHEMES = {"dmvton": DMVTON, "pfafn": PFAFN, "rendered": RENDERED}
