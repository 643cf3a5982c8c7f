"""`truth-tryon`: `dmvton-lite` learns from rendered people, of whom every try-on is known. Ours.

A sample is one person in two garments, so it teaches twice: from the garment worn to the other, and back. No teacher is
needed, no parser, no fake: the target is the exact picture, and the exact flow.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError, Truth, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteNetwork, LitePrediction
from training.network_stage import Setting
from training.stage import Losses, OptimiserGroup, Stage
from training.truth_losses import flow_distance, gradient_distance, share_distance, tryon_distance, unchanged

FLOW_WEIGHTS = (0.02, 0.03, 0.05)  # of pixels: matched, refined, fine
TRYON_WEIGHT, COMPOSITION_WEIGHT, KEPT_WEIGHT = 2.0, 0.3, 0.2


@dataclass(frozen=True)
class Lesson:
    """A person, the garment to put on [B, 3, H, W], its mask [B, 1, H, W], the person in it, how it lies on them."""

    person: Tensor
    garment: Tensor
    garment_mask: Tensor
    target: Tensor
    truth: Truth


class TruthTryOn(Stage):
    """Warp and generator together, from the start. Every lesson is mirrored at even chances, drawn from torch."""

    network: LiteNetwork

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if not isinstance(network, LiteNetwork):
            raise DmvtonError(f"truth-tryon trains dmvton-lite, not {network.config.name}.")
        super().__init__()
        self.network = network
        self.setting = setting

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        lesson = lessons(batch)
        if torch.rand(()) < 0.5:
            lesson = mirrored(lesson)
        prediction = self._predict(lesson)
        output, target, visible = prediction.output, lesson.target, lesson.truth.visible
        names = ("flow_matched", "flow_refined", "flow_fine")
        return {
            **{
                name: weight * flow_distance(flow, lesson.truth)
                for name, weight, flow in zip(names, FLOW_WEIGHTS, prediction.flows, strict=True)
            },
            "tryon_l1": TRYON_WEIGHT * tryon_distance(output.tryon, target, visible),
            "tryon_gradient": gradient_distance(output.tryon, target),
            "tryon_perceptual": self.setting.perceptual(output.tryon, target),
            "composition": COMPOSITION_WEIGHT * share_distance(output.composition, visible),
            "kept": KEPT_WEIGHT * share_distance(prediction.kept, unchanged(lesson.person, target)),
        }

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        rate = self.setting.generator_rate
        if rate is None:
            raise DmvtonError("This stage trains the generator, too: give its learning rate.")
        return [
            OptimiserGroup("warp", list(self.network.warp.parameters()), self.setting.warp_rate),
            OptimiserGroup("generator", list(self.network.generator.parameters()), rate),
        ]

    @torch.no_grad()
    def preview(self, batch: TryOnSample) -> Sequence[tuple[str, Tensor]]:
        lesson = lessons(batch)
        training = self.network.training
        self.network.eval()
        try:
            output = self._predict(lesson).output
        finally:
            self.network.train(training)
        return [
            ("person", lesson.person),
            ("garment", lesson.garment),
            ("warped garment", output.warped_garment),
            ("try-on", output.tryon),
            ("truth", lesson.target),
        ]

    def _predict(self, lesson: Lesson) -> LitePrediction:
        features = self.network.encode_garment(lesson.garment, lesson.garment_mask)
        return self.network.predict(lesson.person, features)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """`.to()` and its like reach the perceptual loss, which is no submodule."""
        self.setting.perceptual._apply(fn, recurse)
        return super()._apply(fn, recurse)


def lessons(batch: TryOnSample) -> Lesson:
    """Both of every sample: into the other garment, then back into the own. Raises DataError without the truth."""
    other = batch.unpaired
    if batch.truth is None or other is None or other.person is None or other.truth is None:
        raise DataError("truth-tryon needs each person in two garments, with the truth of both: render the data.")
    return Lesson(
        person=torch.cat([batch.person, other.person]),
        garment=torch.cat([other.garment, batch.garment]),
        garment_mask=torch.cat([other.garment_mask, batch.garment_mask]),
        target=torch.cat([other.person, batch.person]),
        truth=_joined(other.truth, batch.truth),
    )


def mirrored(lesson: Lesson) -> Lesson:
    """Left and right swapped, in both pictures: a flow's x changes its sign."""
    grid = lesson.truth.grid.flip(3) * lesson.truth.grid.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    truth = Truth(grid, lesson.truth.garment.flip(3), lesson.truth.visible.flip(3))
    pictures = (lesson.person, lesson.garment, lesson.garment_mask, lesson.target)
    person, garment, mask, target = (picture.flip(3) for picture in pictures)
    return Lesson(person, garment, mask, target, truth)


def _joined(first: Truth, second: Truth) -> Truth:
    return Truth(
        torch.cat([first.grid, second.grid]),
        torch.cat([first.garment, second.garment]),
        torch.cat([first.visible, second.visible]),
    )
