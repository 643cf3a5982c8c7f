"""`copy`: a compressed network copies the one it was made from and, where there is one, learns from the truth. Ours.

The original is frozen, in eval mode and no submodule, as all teachers are.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from training.data.supervised_batch import Lesson
from training.stages.network_stage import NetworkStage, Pictures, Setting
from training.stages.stage import Losses, OptimiserGroup
from training.stages.supervised import TruthTryOn

TRYON_WEIGHT, RENDERED_WEIGHT, COMPOSITION_WEIGHT = 2.0, 0.5, 0.5
FLOW_WEIGHT = 0.05  # of pixels


class Original:
    """The network that is copied. Raises DmvtonError for one that needs a parser."""

    def __init__(self, network: TryOnNetwork):
        if not network.config.parser_free:
            raise DmvtonError(f"{network.config.name} needs a parser: compress a student, which goes onto the phone.")
        self.network = network.requires_grad_(False).eval()

    @torch.no_grad()
    def __call__(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> TryOnOutput:
        output: TryOnOutput = self.network(person, garment, garment_mask)
        return output


def copy_losses(output: TryOnOutput, original: TryOnOutput) -> Losses:
    """2 mean |try-on| + 0.05 pixels between the flows, where the original's garment lies, + 0.5 mean |composition| +
    0.5 mean |rendered|, of the differences."""
    height, width = original.flow.shape[2:]
    pixels = original.flow.new_tensor([(width - 1) / 2, (height - 1) / 2]).view(1, 2, 1, 1)
    distance = ((output.flow - original.flow) * pixels).abs().sum(1, keepdim=True)
    lies = original.warped_mask.detach()
    return {
        "copied_tryon": TRYON_WEIGHT * (output.tryon - original.tryon).abs().mean(),
        "copied_flow": FLOW_WEIGHT * (distance * lies).sum() / lies.sum().clamp(min=1),
        "copied_composition": COMPOSITION_WEIGHT * (output.composition - original.composition).abs().mean(),
        "copied_rendered": RENDERED_WEIGHT * (output.rendered - original.rendered).abs().mean(),
    }


class Copy(NetworkStage):
    """Any parser-free network: the person in their own garment and, where the data has one, in another."""

    def __init__(self, network: TryOnNetwork, setting: Setting, original: TryOnNetwork):
        super().__init__(network, setting)
        self.original = Original(original)

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        fed = _worn_and_other(batch)
        return copy_losses(self.network(*fed), self.original(*fed))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [self.warp_group(), self.generator_group()]

    def pictures(self, batch: TryOnSample) -> Pictures:
        fed = _worn_and_other(batch)
        output, original = self.network(*fed), self.original(*fed)
        return [("person", fed[0]), ("garment", fed[1]), ("try-on", output.tryon), ("original", original.tryon)]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.original.network._apply(fn, recurse)
        return super()._apply(fn, recurse)


class TruthCopy(TruthTryOn):
    """`dmvton-lite` on rendered people: the losses of `truth-tryon`, and of the copy."""

    def __init__(self, network: TryOnNetwork, setting: Setting, original: TryOnNetwork):
        super().__init__(network, setting)
        self.original = Original(original)

    def losses(self, lesson: Lesson) -> Losses:
        prediction = self.predict(lesson)
        copied = copy_losses(prediction.output, self.original(lesson.person, lesson.garment, lesson.garment_mask))
        return self.judged(prediction, lesson) | copied

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        self.original.network._apply(fn, recurse)
        return super()._apply(fn, recurse)


def _worn_and_other(batch: TryOnSample) -> tuple[Tensor, Tensor, Tensor]:
    other = batch.unpaired
    if other is None:
        return batch.person, batch.garment, batch.garment_mask
    return (
        torch.cat([batch.person, batch.person]),
        torch.cat([batch.garment, other.garment]),
        torch.cat([batch.garment_mask, other.garment_mask]),
    )
