"""`self-distillation`: a compressed network learns from the network it was made from. Ours.

Where the exact try-ons are known as well, `dmvton-lite` learns from both.
"""

from collections.abc import Sequence
from typing import assert_never

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.flow import pixel_scale
from dmvton_mobile.networks.warp import FlowKind
from training.data.supervised_batch import SupervisedBatch
from training.losses.common import Losses
from training.stages.stage import OptimiserGroup, Pictures, Stage, StageConfig
from training.stages.supervised import SupervisedTryOn

TRYON_WEIGHT, RENDERED_WEIGHT, COMPOSITION_WEIGHT = 2.0, 0.5, 0.5
FLOW_WEIGHT = 0.05  # per pixel


def self_distillation_losses(output: TryOnOutput, original: TryOnOutput) -> Losses:
    """2 mean |dp| + 0.05 mean_m |df|_1 + 0.5 mean |dc| + 0.5 mean |dr|.

    The differences are those of the try-on p, the flow f, the composition c and the rendered picture r between the two
    networks. The flow's counts in pixels, where the original's garment lies (m).

    Args:
        output: of the compressed network.
        original: of the network it was made from, for the same inputs.
    """
    height, width = original.flow.shape[2:]
    scale = pixel_scale(original.flow, (height, width))
    distance = ((output.flow - original.flow) * scale).abs().sum(1, keepdim=True)
    garment = original.warped_mask.detach()
    return {
        "distilled_tryon": TRYON_WEIGHT * (output.tryon - original.tryon).abs().mean(),
        "distilled_flow": FLOW_WEIGHT * (distance * garment).sum() / garment.sum().clamp(min=1),
        "distilled_composition": COMPOSITION_WEIGHT * (output.composition - original.composition).abs().mean(),
        "distilled_rendered": RENDERED_WEIGHT * (output.rendered - original.rendered).abs().mean(),
    }


class OriginalNetwork:
    """The network that was compressed, asked without gradients.

    It is no `nn.Module`, so that a stage that holds it does not register the network. The stage that uses it names
    `network` as a companion, and so freezes it.

    Raises:
        DmvtonError: The network needs a parser.
    """

    def __init__(self, network: TryOnNetwork):
        if not network.config.parser_free:
            raise DmvtonError(f"{network.config.name} needs a parser: compress a student, which goes onto the phone.")
        self.network = network

    @torch.no_grad()
    def __call__(self, person: Tensor, garment: Tensor, garment_mask: Tensor) -> TryOnOutput:
        """The try-on, for the inputs of `TryOnNetwork.forward`."""
        output: TryOnOutput = self.network(person, garment, garment_mask)
        return output


class SelfDistillation(Stage):
    """Trains any parser-free network: each person in their own garment and, where the data has one, in another."""

    def __init__(self, network: TryOnNetwork, config: StageConfig, original: TryOnNetwork):
        super().__init__(network, config, companions=[original])
        self.original = OriginalNetwork(original)

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """See `Stage.forward`."""
        inputs = _paired_and_unpaired(batch)
        return self_distillation_losses(self.network(*inputs), self.original(*inputs))

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """The warp and the generator."""
        return [self.warp_group(), self.generator_group()]

    def pictures(self, batch: TryOnSample) -> Pictures:
        """Person, garment, try-on, the original's try-on."""
        person, garment, garment_mask = _paired_and_unpaired(batch)
        output, original = (each(person, garment, garment_mask) for each in (self.network, self.original))
        return [("person", person), ("garment", garment), ("try-on", output.tryon), ("original", original.tryon)]


class SupervisedSelfDistillation(SupervisedTryOn):
    """Trains `dmvton-lite` on rendered people, by the losses of `supervised-tryon` and those of self-distillation."""

    def __init__(self, network: TryOnNetwork, config: StageConfig, original: TryOnNetwork):
        super().__init__(network, config, companions=[original])
        self.original = OriginalNetwork(original)

    def losses(self, batch: SupervisedBatch) -> Losses:
        """The losses of an augmented batch."""
        prediction = self.predict(batch)
        original = self.original(batch.person, batch.garment, batch.garment_mask)
        distilled = self_distillation_losses(prediction.output, original)
        return self.prediction_losses(prediction, batch) | distilled


def build_self_distillation(network: TryOnNetwork, config: StageConfig, original: TryOnNetwork) -> Stage:
    """The stage that suits the network: supervised as well where its flows can be compared with the exact ones.

    Args:
        network: compressed; trained in place.
        config: of the stage.
        original: the network that was compressed; frozen.
    """
    match network.warp.aflow_net.kind:
        case FlowKind.MATCHING:
            return SupervisedSelfDistillation(network, config, original)
        case FlowKind.LEVELS:
            return SelfDistillation(network, config, original)
        case kind:
            assert_never(kind)


def _paired_and_unpaired(batch: TryOnSample) -> tuple[Tensor, Tensor, Tensor]:
    """Person, garment and mask of the batch, followed by those with the unpaired garments where there are any."""
    other = batch.unpaired
    if other is None:
        return batch.person, batch.garment, batch.garment_mask
    return (
        torch.cat([batch.person, batch.person]),
        torch.cat([batch.garment, other.garment]),
        torch.cat([batch.garment_mask, other.garment_mask]),
    )
