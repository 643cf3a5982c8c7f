"""The forward pass of a paper's network in the two halves that the stages train: warp, then generate."""

from typing import NamedTuple

import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import generator_input
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.warp import WarpLevels


class TrainingWarp(NamedTuple):
    """A garment as a network lays it on the person.

    Attributes:
        garment: RGB [B, 3, H, W] in [-1, 1].
        mask: [B, 1, H, W] in [0, 1].
        flow: sampling grid [B, 2, H, W].
        levels: what the losses compare.
    """

    garment: Tensor
    mask: Tensor
    flow: Tensor
    levels: WarpLevels


def warp_garment(network: PaperNetwork, condition: Tensor, garment: Tensor, garment_mask: Tensor) -> TrainingWarp:
    """Warps a garment onto the person, at all levels.

    Args:
        network: parser-free or parser-based.
        condition: the person's picture [B, 3, H, W] in [-1, 1], or the parser-based representation [B, 45, H, W].
        garment: RGB [B, 3, H, W] in [-1, 1].
        garment_mask: [B, 1, H, W] in [0, 1]; garment where it is above 0.5.
    """
    network.check_size(condition, "person")
    features = network.encode_garment(garment, garment_mask)
    picture, mask = features.picture[:, :3], features.picture[:, 3:]
    warped, flow, levels = network.warp(condition, picture, mask, garment_features=features.pyramid, levels=True)
    assert levels is not None
    return TrainingWarp(warped, levels.warped_masks[-1], flow, levels)


def generate(network: PaperNetwork, person: Tensor, warp: TrainingWarp, *, within: Tensor | None = None) -> TryOnOutput:
    """The try-on of a parser-free network.

    Args:
        network: parser-free.
        person: the condition of the warp, RGB [B, 3, H, W] in [-1, 1].
        warp: of that network.
        within: where the composition may take from the warped garment, [B, 1, H, W] in {0, 1}; None for everywhere.
    """
    return _compose(network, torch.cat([person, warp.garment, warp.mask], 1), warp, within)


def generate_from_parsing(
    network: PaperNetwork, batch: TryOnSample, warp: TrainingWarp, *, covered: Tensor, within: Tensor | None = None
) -> TryOnOutput:
    """The try-on of a parser-based network.

    Args:
        network: parser-based.
        batch: with what the parser found.
        warp: of that network.
        covered: where the garment hides arms, [B, 1, H, W].
        within: as in `generate`.
    """
    return _compose(network, generator_input(batch, warp.garment, warp.mask, covered), warp, within)


def _compose(network: PaperNetwork, inputs: Tensor, warp: TrainingWarp, within: Tensor | None) -> TryOnOutput:
    mask = warp.mask if within is None else warp.mask * within
    return network.compose(inputs, warp.garment, mask, warp.flow)
