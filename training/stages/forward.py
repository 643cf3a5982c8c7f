"""A network's pass over a batch in the two halves that the stages train: the garment warped, the picture generated."""

from typing import NamedTuple

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import generator_input
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.warp import WarpLevels


class Warped(NamedTuple):
    """A garment as a network lays it on the person: picture [B, 3, H, W] in [-1, 1], mask [B, 1, H, W] in [0, 1], flow
    [B, 2, H, W], and the levels that the losses compare."""

    garment: Tensor
    mask: Tensor
    flow: Tensor
    levels: WarpLevels


def warp_garment(network: TryOnNetwork, condition: Tensor, garment: Tensor, garment_mask: Tensor) -> Warped:
    """condition: the person's picture [B, 3, H, W] in [-1, 1], or the 45 channels of a parser-based network. garment:
    [B, 3, H, W] in [-1, 1]; garment_mask: [B, 1, H, W] in [0, 1], garment above 0.5."""
    network.check_size(condition, "person")
    features = network.encode_garment(garment, garment_mask)
    picture, mask = features.picture[:, :3], features.picture[:, 3:]
    warped, flow, levels = network.warp(condition, picture, mask, garment_features=features.pyramid, levels=True)
    assert levels is not None
    return Warped(warped, levels.warped_masks[-1], flow, levels)


def generate(network: TryOnNetwork, person: Tensor, warped: Warped, *, within: Tensor | None = None) -> TryOnOutput:
    """The try-on of a parser-free network, whose condition was `person`. within: [B, 1, H, W] in {0, 1}, all that the
    composition may take from the warped garment; None for all."""
    return _composed(network, torch.cat([person, warped.garment, warped.mask], 1), warped, within)


def generate_from_parsing(
    network: TryOnNetwork, batch: TryOnSample, warped: Warped, *, covered: Tensor, within: Tensor | None = None
) -> TryOnOutput:
    """The try-on of a parser-based network. covered: [B, 1, H, W], where the garment hides arms; within: as in
    `generate`."""
    return _composed(network, generator_input(batch, warped.garment, warped.mask, covered), warped, within)


def _composed(network: TryOnNetwork, inputs: Tensor, warped: Warped, within: Tensor | None) -> TryOnOutput:
    mask = warped.mask if within is None else warped.mask * within
    return network.compose(inputs, warped.garment, mask, warped.flow)
