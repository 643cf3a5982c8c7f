"""`truth-warp` and `truth-tryon`: `dmvton-lite` learns from rendered people, of whom every try-on is known. Ours.

A sample is one person in two garments, so it teaches twice: from the garment worn to the other, and back. No teacher is
needed, no parser, no fake: the target is the exact picture, and the exact flow.
"""

from collections.abc import Callable, Sequence
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteFlows, LiteNetwork
from training.lessons import Lesson, mirrored, truth_lessons
from training.network_stage import Setting
from training.stage import Losses, OptimiserGroup, Stage
from training.truth_losses import (
    flow_distance,
    gradient_distance,
    match_distance,
    share_distance,
    tryon_distance,
    unchanged,
)

MATCH_WEIGHT = 0.3
FLOW_WEIGHTS = {"flow_matched": 0.02, "flow_refined": 0.03, "flow_fine": 0.05}  # of pixels
TRYON_WEIGHT, COMPOSITION_WEIGHT, KEPT_WEIGHT = 2.0, 0.3, 0.2


class TruthWarp(Stage):
    """The warp alone: the matching and the flows. Every lesson is mirrored at even chances, drawn from torch."""

    network: LiteNetwork

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if not isinstance(network, LiteNetwork):
            raise DmvtonError(f"The truth stages train dmvton-lite, not {network.config.name}.")
        super().__init__()
        self.network = network
        self.setting = setting

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        lesson = truth_lessons(batch)
        return self.losses(mirrored(lesson) if torch.rand(()) < 0.5 else lesson)

    def losses(self, lesson: Lesson) -> Losses:
        features = self.network.encode_garment(lesson.garment, lesson.garment_mask)
        return flow_losses(self.network.flows(lesson.person, features), lesson.truth)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [OptimiserGroup("warp", list(self.network.warp.parameters()), self.setting.warp_rate)]

    @torch.no_grad()
    def preview(self, batch: TryOnSample) -> Sequence[tuple[str, Tensor]]:
        lesson = truth_lessons(batch)
        training = self.network.training
        self.network.eval()
        try:
            output = self.network(lesson.person, lesson.garment, lesson.garment_mask)
        finally:
            self.network.train(training)
        return [
            ("person", lesson.person),
            ("garment", lesson.garment),
            ("warped garment", output.warped_garment),
            ("try-on", output.tryon),
            ("truth", lesson.target),
        ]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """`.to()` and its like reach the perceptual loss, which is no submodule."""
        self.setting.perceptual._apply(fn, recurse)
        return super()._apply(fn, recurse)


class TruthTryOn(TruthWarp):
    """Warp and generator together."""

    def losses(self, lesson: Lesson) -> Losses:
        features = self.network.encode_garment(lesson.garment, lesson.garment_mask)
        prediction = self.network.predict(lesson.person, features)
        tryon, target, visible = prediction.output.tryon, lesson.target, lesson.truth.visible
        return flow_losses(prediction.levels, lesson.truth) | {
            "tryon_l1": TRYON_WEIGHT * tryon_distance(tryon, target, visible),
            "tryon_gradient": gradient_distance(tryon, target),
            "tryon_perceptual": self.setting.perceptual(tryon, target),
            "composition": COMPOSITION_WEIGHT * share_distance(prediction.output.composition, visible),
            "kept": KEPT_WEIGHT * share_distance(prediction.kept, unchanged(lesson.person, target)),
        }

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        rate = self.setting.generator_rate
        if rate is None:
            raise DmvtonError("This stage trains the generator, too: give its learning rate.")
        generator = OptimiserGroup("generator", list(self.network.generator.parameters()), rate)
        return [*super().optimiser_groups(), generator]


def flow_losses(levels: LiteFlows, truth: Truth) -> Losses:
    """0.3 match + the mean distances, in pixels, of the three flows times 0.02, 0.03, 0.05."""
    distances = zip(FLOW_WEIGHTS.items(), levels.flows, strict=True)
    return {
        "match": MATCH_WEIGHT * match_distance(levels.scores, truth),
        **{name: weight * flow_distance(flow, truth) for (name, weight), flow in distances},
    }
