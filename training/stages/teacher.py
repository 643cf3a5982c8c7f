"""Who teaches a student: a trained parser-based network that makes its inputs and is what it is distilled from."""

from typing import NamedTuple

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import warp_condition
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from training.losses.cost_volume import with_row_products
from training.stages.forward import Warped, generate_from_parsing, warp_garment


class Fake(NamedTuple):
    """A person in a garment nobody photographed them in: picture [B, 3, H, W] in [-1, 1], and the mask of that garment
    as warped, [B, 1, H, W] in [0, 1]."""

    person: Tensor
    garment_mask: Tensor


class Teacher:
    """Freezes the network it is given: eval mode, no gradients. It is no `nn.Module`, so that no stage registers it:
    `Stage.train()`, `parameters()` and `state_dict()` never reach it.

    Raises DmvtonError for a parser-free network.
    """

    def __init__(self, network: TryOnNetwork):
        if network.config.parser_free:
            raise DmvtonError(f"{network.config.name} cannot teach: it is parser-free. Name a teacher or tutor.")
        self.network = with_row_products(network).requires_grad_(False).eval()

    @torch.no_grad()
    def fake(self, batch: TryOnSample) -> Fake:
        """The person in the unpaired garment: what the student sees, never a target. Raises DataError where the batch
        has no such garment or lacks what the parser made."""
        other = batch.unpaired
        if other is None:
            raise DataError("A student is trained with other garments, and not all samples of this batch have one.")
        warped = warp_garment(self.network, warp_condition(batch), other.garment, other.garment_mask)
        output = generate_from_parsing(self.network, batch, warped, covered=warped.mask)
        return Fake(output.tryon, warped.mask)

    @torch.no_grad()
    def paired(self, batch: TryOnSample) -> Warped:
        """The person's own garment warped onto them: what the student is distilled from."""
        return warp_garment(self.network, warp_condition(batch), batch.garment, batch.garment_mask)
