"""What all stages of `dmvton-lite` share: a lesson, and how its prediction is judged by it. Ours."""

from abc import abstractmethod

from dmvton_mobile.datasets.sample import Truth, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteNetwork, LitePrediction
from dmvton_mobile.networks.lite_warp import LiteFlows
from training.data.supervised_batch import Lesson
from training.losses.lite import (
    composition_distance,
    flow_distance,
    light_distance,
    match_distance,
    share_distance,
    tryon_distance,
    unchanged,
)
from training.losses.paper import gradient_l1
from training.losses.perceptual import Perceptual
from training.stages.network_stage import NetworkStage, Pictures, Setting
from training.stages.stage import Losses

MATCH_WEIGHT = 0.3
FLOW_WEIGHTS = {"flow_matched": 0.02, "flow_refined": 0.03, "flow_fine": 0.05}  # of pixels
TRYON_WEIGHT, LIGHT_WEIGHT, COMPOSITION_WEIGHT, KEPT_WEIGHT = 2.0, 2.0, 0.3, 0.2


class LiteStage(NetworkStage):
    """Raises DmvtonError for any other network."""

    network: LiteNetwork

    def __init__(self, network: TryOnNetwork, setting: Setting):
        if not isinstance(network, LiteNetwork):
            raise DmvtonError(f"This stage trains dmvton-lite, not {network.config.name}.")
        super().__init__(network, setting)

    @abstractmethod
    def lesson(self, batch: TryOnSample) -> Lesson:
        """What a batch teaches."""

    def predict(self, lesson: Lesson) -> LitePrediction:
        features = self.network.encode_garment(lesson.garment, lesson.garment_mask)
        return self.network.predict(lesson.person, features)

    def pictures(self, batch: TryOnSample) -> Pictures:
        lesson = self.lesson(batch)
        output = self.predict(lesson).output
        return [
            ("person", lesson.person),
            ("garment", lesson.garment),
            ("warped garment", output.warped_garment),
            ("try-on", output.tryon),
            ("truth", lesson.target),
        ]


def known_losses(prediction: LitePrediction, lesson: Lesson) -> Losses:
    """All that a known flow teaches: `flow_losses` and 2 light."""
    light = light_distance(prediction.output, lesson.garment, lesson.target, lesson.truth)
    return flow_losses(prediction.levels, lesson.truth) | {"light": LIGHT_WEIGHT * light}


def flow_losses(levels: LiteFlows, truth: Truth) -> Losses:
    """0.3 match + the mean distances, in pixels, of the three flows times 0.02, 0.03, 0.05."""
    distances = zip(FLOW_WEIGHTS.items(), levels.flows, strict=True)
    return {
        "match": MATCH_WEIGHT * match_distance(levels.scores, truth),
        **{name: weight * flow_distance(flow, truth) for (name, weight), flow in distances},
    }


def tryon_losses(prediction: LitePrediction, lesson: Lesson, perceptual: Perceptual) -> Losses:
    """2 L1, the garment counting three times, + gradients + perceptual + 0.3 composition + 0.2 what is kept."""
    tryon, target, visible = prediction.output.tryon, lesson.target, lesson.truth.visible
    return {
        "tryon_l1": TRYON_WEIGHT * tryon_distance(tryon, target, visible),
        "tryon_gradient": gradient_l1(tryon, target),
        "tryon_perceptual": perceptual(tryon, target),
        "composition": COMPOSITION_WEIGHT * composition_distance(prediction.output.composition, visible),
        "kept": KEPT_WEIGHT * share_distance(prediction.kept, unchanged(lesson.person, target)),
    }
