"""The stages of `dmvton-lite` on rendered people, whose try-ons are known exactly: its warp, then all of it. Ours.

A sample is one person in two garments, so it is two try-ons: from the garment worn into the other one, and back. The
target is the exact picture and the exact flow; no teacher, parser or fake person is needed.
"""

from abc import abstractmethod
from collections.abc import Sequence

from torch import nn

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.lite import LiteNetwork, LitePrediction
from dmvton_mobile.networks.warp import FlowKind
from training.data.supervised_batch import SupervisedBatch, supervised_batch
from training.losses.common import Losses
from training.losses.lite import flow_and_light_losses, flow_losses, tryon_losses
from training.stages.stage import OptimiserGroup, Pictures, Stage, StageConfig


class LiteStage(Stage):
    """Trains `dmvton-lite` on supervised batches.

    Raises:
        DmvtonError: The network is another one.
    """

    network: LiteNetwork

    def __init__(self, network: TryOnNetwork, config: StageConfig, companions: Sequence[nn.Module] = ()):
        if network.warp.aflow_net.kind is not FlowKind.MATCHING:
            raise DmvtonError(f"This stage trains dmvton-lite, not {network.config.name}.")
        super().__init__(network, config, companions)

    @abstractmethod
    def supervise(self, batch: TryOnSample) -> SupervisedBatch:
        """What the samples of a batch teach."""

    def predict(self, batch: SupervisedBatch) -> LitePrediction:
        """The try-ons, with what the losses compare."""
        features = self.network.encode_garment(batch.garment, batch.garment_mask)
        return self.network.predict(batch.person, features)

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, garment, warped garment, try-on, truth."""
        supervised = self.supervise(batch)
        output = self.predict(supervised).output
        return [
            ("person", supervised.person),
            ("garment", supervised.garment),
            ("warped garment", output.warped_garment),
            ("try-on", output.tryon),
            ("truth", supervised.target),
        ]


class SupervisedWarp(LiteStage):
    """`supervised-warp`: the matching and the flows alone, by `losses.lite.flow_losses`."""

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`; the batch is augmented, by draws from torch's generator."""
        return self.losses(self.config.augment(self.supervise(batch)))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp."""
        return [self.warp_group()]

    def supervise(self, batch: TryOnSample) -> SupervisedBatch:
        """Both try-ons of every rendered person."""
        return supervised_batch(batch)

    def losses(self, batch: SupervisedBatch) -> Losses:
        """The losses of an augmented batch."""
        features = self.network.encode_garment(batch.garment, batch.garment_mask)
        return flow_losses(self.network.flows(batch.person, features), batch.truth)


class SupervisedTryOn(SupervisedWarp):
    """`supervised-tryon`: warp and generator, by all of `losses.lite`."""

    def losses(self, batch: SupervisedBatch) -> Losses:
        """The losses of an augmented batch."""
        return self.prediction_losses(self.predict(batch), batch)

    def prediction_losses(self, prediction: LitePrediction, batch: SupervisedBatch) -> Losses:
        """The losses of a prediction for an augmented batch."""
        return flow_and_light_losses(prediction, batch) | tryon_losses(prediction, batch, self.config.perceptual)

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp and the generator."""
        return [self.warp_group(), self.generator_group()]
