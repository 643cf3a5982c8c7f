"""The losses of `dmvton-lite`: against a flow, a composition and a picture that are known, or that a teacher made.

All ours. `Truth` is a batch's; pictures are RGB [B, 3, H, W] in [-1, 1], masks [B, 1, H, W] in [0, 1].
"""

import math

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.flow import FlowOperations
from training.losses.paper import mean_within

SOFTENING = 0.1  # pixels: below it a distance counts as its square, so that its gradient ends
MOSTLY = 0.6  # of a coarse pixel must be garment before its flow is judged
GARMENT_WEIGHT = 2.0  # of a pixel of garment beyond that of any other
SAME = 0.04  # two pixels of [-1, 1] are the same below this difference: noise and JPEG
COMPOSED = 0.5  # of a pixel of garment comes from its picture
CLOSEST = 1e-4  # to 0 and 1 that a logarithm sees
TRUE_FLOW = FlowOperations(align_corners=True)  # a truth's own convention


def match_distance(scores: Tensor, truth: Truth) -> Tensor:
    """mean -log of the share that the softmax over the garment gives to the true place: each place of the person
    where the garment lies, against the four places around the truth by their nearness.

    scores: [B, h w, h w], of each place of the person, row by row, for each of the garment; a place is 8x8 pixels, or
    more of a picture that was looked at reduced.
    """
    side = math.isqrt(truth.grid[0, 0].numel() // scores.shape[1])
    height, width = (length // side for length in truth.grid.shape[2:])
    grid, judged = _reduced(truth, height)
    full = grid.new_tensor([truth.grid.shape[3], truth.grid.shape[2]]).view(1, 2, 1, 1)
    cells = ((grid + 1) * (full - 1) / 2 - (side - 1) / 2) / side
    last = grid.new_tensor([width - 1, height - 1]).view(1, 2, 1, 1)
    cells = cells.clamp(min=torch.zeros_like(last), max=last - CLOSEST)
    first = cells.floor()
    x, y = (cells - first).flatten(2).unbind(1)
    start = (first[:, 1] * width + first[:, 0]).flatten(1).long()
    logarithms = scores.float().log_softmax(-1)
    shares = {0: (1 - x) * (1 - y), 1: x * (1 - y), width: (1 - x) * y, width + 1: x * y}
    found = [share * logarithms.gather(-1, (start + step)[..., None])[..., 0] for step, share in shares.items()]
    return _mean(-torch.stack(found).sum(0), judged.flatten(1))


def flow_distance(flow: Tensor, truth: Truth) -> Tensor:
    """mean sqrt(|f - t|^2 + 0.1^2) in pixels of the garment's picture, where the garment lies, hidden parts too.

    flow: [B, 2, h, w], at the full size or a fraction of it; a coarse pixel's truth is the mean of its pixels.
    """
    height, width = truth.grid.shape[2:]
    grid, judged = _reduced(truth, flow.shape[2])
    pixels = flow.new_tensor([(width - 1) / 2, (height - 1) / 2]).view(1, 2, 1, 1)
    distances = (((flow.float() - grid) * pixels).square().sum(1, keepdim=True) + SOFTENING**2).sqrt()
    return _mean(distances, judged)


def tryon_distance(tryon: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """mean (1 + 2 v) |p - t|: the garment, v, counts three times."""
    return ((tryon - target).abs() * (1 + GARMENT_WEIGHT * visible)).mean()


def worn_distance(warped: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """mean |w - t| where the garment, v, is seen: the warped garment against the picture of it as worn."""
    return _mean((warped - target).abs().mean(1, keepdim=True), visible)


def light_distance(output: TryOnOutput, garment: Tensor, target: Tensor, truth: Truth) -> Tensor:
    """mean |g c + r (1 - c) - t| where the garment is seen; g, the garment moved by the true flow; c, r, the predicted
    composition and rendered picture: how they light a garment that lies right, whatever the warp does."""
    worn = TRUE_FLOW.warp(garment, truth.grid)
    lit = worn * output.composition + output.rendered * (1 - output.composition)
    return worn_distance(lit, target, truth.visible)


def share_distance(share: Tensor, known: Tensor) -> Tensor:
    """mean binary cross entropy of a predicted share against the known one in {0, 1}; torch's own refuses autocast."""
    share = share.float().clamp(CLOSEST, 1 - CLOSEST)
    return -(known * share.log() + (1 - known) * (1 - share).log()).mean()


def composition_distance(composition: Tensor, visible: Tensor) -> Tensor:
    """mean -log(1 - c) where the garment, v, is not seen, and -log(min(c / 0.5, 1)) where it is.

    Beyond 0.5 the composition is free: what is left of the pixel is how the generator shades the garment.
    """
    composition = composition.float().clamp(CLOSEST, 1 - CLOSEST)
    short = (composition / COMPOSED).clamp(max=1).log()
    return -(visible * short + (1 - visible) * (1 - composition).log()).mean()


def unchanged(person: Tensor, target: Tensor) -> Tensor:
    """Where the try-on is the person's picture: [B, 1, H, W] in {0, 1}."""
    return ((person - target).abs().amax(1, keepdim=True) < SAME).to(person.dtype)


def _reduced(truth: Truth, height: int) -> tuple[Tensor, Tensor]:
    """The true flow [B, 2, h, w] at that height, and where the garment covers enough of a pixel [B, 1, h, w]."""
    grid, share = mean_within(truth.grid, truth.garment, truth.grid.shape[2] // height)
    return grid, (share > MOSTLY).float()


def _mean(values: Tensor, judged: Tensor) -> Tensor:
    """Over the places that are judged; 0 where none is."""
    return (values * judged).sum() / judged.sum().clamp(min=1)
