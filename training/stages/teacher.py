"""A student's teacher: a trained parser-based network that makes the student's inputs and is distilled into it."""

from typing import NamedTuple, cast

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import warp_condition
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.network import PaperNetwork
from training.losses.cost_volume import with_row_products
from training.stages.forward import TrainingWarp, generate_from_parsing, warp_garment


class FakePerson(NamedTuple):
    """A person in a garment that nobody photographed them in.

    Attributes:
        person: RGB [B, 3, H, W] in [-1, 1].
        garment_mask: the mask of that garment as warped, [B, 1, H, W] in [0, 1].
    """

    person: Tensor
    garment_mask: Tensor


class DistillationTeacher:
    """What a student asks its teacher, without gradients.

    It is no `nn.Module`, so that a stage that holds it does not register the network. The stage that uses it names
    `network` as a companion, and so freezes it.

    Args:
        network: trained.

    Raises:
        DmvtonError: The network is parser-free.
    """

    def __init__(self, network: TryOnNetwork):
        if network.config.parser_free:
            raise DmvtonError(f"{network.config.name} cannot teach: it is parser-free. Name a teacher or tutor.")
        self.network = cast(PaperNetwork, with_row_products(network))  # every parser-based network is one

    @torch.no_grad()
    def fake(self, batch: TryOnSample) -> FakePerson:
        """The person in the unpaired garment: what the student sees, never a target.

        Raises:
            DataError: A sample lacks another garment, or what the parser makes.
        """
        other = batch.unpaired
        if other is None:
            raise DataError("A student is trained with other garments, and not all samples of this batch have one.")
        warp = warp_garment(self.network, warp_condition(batch), other.garment, other.garment_mask)
        output = generate_from_parsing(self.network, batch, warp, covered=warp.mask)
        return FakePerson(output.tryon, warp.mask)

    @torch.no_grad()
    def paired(self, batch: TryOnSample) -> TrainingWarp:
        """The person's own garment warped onto them: what is distilled into the student."""
        return warp_garment(self.network, warp_condition(batch), batch.garment, batch.garment_mask)
