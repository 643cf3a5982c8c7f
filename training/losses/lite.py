"""The losses of `dmvton-lite`, against a flow and a picture that are known exactly or that a teacher provides.

All are ours. Pictures are RGB [B, 3, H, W] in [-1, 1], masks [B, 1, H, W], flows normalised sampling grids with x
first; a `Truth` is that of a batch. Functions that return `Losses` return them multiplied by their weights.
"""

import math

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.flow import FlowOperations, flow_to_pixels, pixel_scale
from dmvton_mobile.networks.lite import LitePrediction
from dmvton_mobile.networks.lite_warp import LiteFlows
from training.data.supervised_batch import SupervisedBatch
from training.losses.common import Losses, gradient_l1, masked_mean, pool_flow
from training.losses.perceptual import PerceptualLoss

MATCH_WEIGHT = 0.3
FLOW_WEIGHTS = {"flow_matched": 0.02, "flow_refined": 0.03, "flow_fine": 0.05}  # per pixel
LIGHT_WEIGHT = 2.0
TRYON_WEIGHT, COMPOSITION_WEIGHT, KEPT_WEIGHT = 2.0, 0.3, 0.2

FLOW_EPSILON = 0.1  # pixels: a shorter distance counts as its square, so that its gradient ends
LEAST_COVERAGE = 0.6  # of a coarse pixel must be garment for its flow to count
GARMENT_WEIGHT = 2.0  # of a pixel of garment, in addition to the 1 of every pixel
UNCHANGED_BELOW = 0.04  # largest difference in [-1, 1] of two equal pixels: noise and JPEG
LEAST_COMPOSITION = 0.5  # of a pixel of garment must come from the garment's picture
LOG_MARGIN = 1e-4  # distance from 0 and 1 that a logarithm's argument keeps
TRUE_FLOW = FlowOperations(align_corners=True)  # the convention of a truth


def flow_losses(levels: LiteFlows, truth: Truth) -> Losses:
    """0.3 `match_cross_entropy` + (0.02, 0.03, 0.05) times the `flow_error` of the three flows, coarse to fine."""
    weighted = zip(FLOW_WEIGHTS.items(), levels.flows, strict=True)
    return {
        "match": MATCH_WEIGHT * match_cross_entropy(levels.scores, truth),
        **{name: weight * flow_error(flow, truth) for (name, weight), flow in weighted},
    }


def flow_and_light_losses(prediction: LitePrediction, batch: SupervisedBatch) -> Losses:
    """All that needs a known flow: `flow_losses` + 2 `light_l1`."""
    light = light_l1(prediction.output, batch.garment, batch.target, batch.truth)
    return flow_losses(prediction.levels, batch.truth) | {"light": LIGHT_WEIGHT * light}


def tryon_losses(prediction: LitePrediction, batch: SupervisedBatch, perceptual: PerceptualLoss) -> Losses:
    """2 `tryon_l1` + `gradient_l1` + perceptual + 0.3 `composition_loss` + 0.2 `share_cross_entropy` of what is kept.

    All against the known picture: the person in the garment.
    """
    tryon, target, visible = prediction.output.tryon, batch.target, batch.truth.visible
    return {
        "tryon_l1": TRYON_WEIGHT * tryon_l1(tryon, target, visible),
        "tryon_gradient": gradient_l1(tryon, target),
        "tryon_perceptual": perceptual(tryon, target),
        "composition": COMPOSITION_WEIGHT * composition_loss(prediction.output.composition, visible),
        "kept": KEPT_WEIGHT * share_cross_entropy(prediction.kept, unchanged_pixels(batch.person, target)),
    }


# The flow


def match_cross_entropy(scores: Tensor, truth: Truth) -> Tensor:
    """Mean -sum_k w_k log softmax(s)_k over the places of the person where the garment lies.

    k runs over the four places of the garment around the true one; w_k are the bilinear weights of their nearness.

    Args:
        scores: [B, h w, h w], of each place of the person, row by row, for each of the garment, before the softmax. A
            place is 8x8 pixels, or more of a picture that was averaged down.
        truth: at the full size [H, W].
    """
    side = math.isqrt(truth.grid[0, 0].numel() // scores.shape[1])  # of a place, in pixels
    height, width = (length // side for length in truth.grid.shape[2:])
    grid, covered = _truth_at_height(truth, height)
    full = (truth.grid.shape[2], truth.grid.shape[3])
    places = (flow_to_pixels(grid, full) - (side - 1) / 2) / side
    last = grid.new_tensor([width - 1, height - 1]).view(1, 2, 1, 1)
    places = places.clamp(min=torch.zeros_like(last), max=last - LOG_MARGIN)
    corner = places.floor()
    x, y = (places - corner).flatten(2).unbind(1)
    start = (corner[:, 1] * width + corner[:, 0]).flatten(1).long()
    logarithms = scores.float().log_softmax(-1)
    weights = {0: (1 - x) * (1 - y), 1: x * (1 - y), width: (1 - x) * y, width + 1: x * y}
    found = [weight * logarithms.gather(-1, (start + step)[..., None])[..., 0] for step, weight in weights.items()]
    return masked_mean(-torch.stack(found).sum(0), covered.flatten(1))


def flow_error(flow: Tensor, truth: Truth) -> Tensor:
    """Mean sqrt(|f - t|^2 + 0.1^2), in pixels of the garment's picture, where the garment lies, hidden parts included.

    Args:
        flow: f [B, 2, h, w], at the full size or a fraction of it.
        truth: at the full size; t of a coarse pixel is the mean over its pixels of garment.
    """
    grid, covered = _truth_at_height(truth, flow.shape[2])
    scale = pixel_scale(flow, (truth.grid.shape[2], truth.grid.shape[3]))
    distances = (((flow.float() - grid) * scale).square().sum(1, keepdim=True) + FLOW_EPSILON**2).sqrt()
    return masked_mean(distances, covered)


def worn_l1(warped: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """Mean |w - t| where v is 1: the warped garment w against the picture t of it as worn, where it is seen."""
    return masked_mean((warped - target).abs().mean(1, keepdim=True), visible)


def light_l1(output: TryOnOutput, garment: Tensor, target: Tensor, truth: Truth) -> Tensor:
    """Mean |g c + r (1 - c) - t| where the garment is seen; g is the garment moved by the true flow.

    The predicted composition c and rendered picture r thus learn how light falls on a garment that lies right, whatever
    the warp does.
    """
    worn = TRUE_FLOW.warp(garment, truth.grid)
    lit = worn * output.composition + output.rendered * (1 - output.composition)
    return worn_l1(lit, target, truth.visible)


# The try-on


def tryon_l1(tryon: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """Mean (1 + 2 v) |p - t|: where the garment is seen, v = 1, a pixel counts three times."""
    return ((tryon - target).abs() * (1 + GARMENT_WEIGHT * visible)).mean()


def composition_loss(composition: Tensor, visible: Tensor) -> Tensor:
    """Mean of -log(1 - c) where the garment is not seen, and of -log(min(c / 0.5, 1)) where it is.

    Above 0.5 the composition c is free: the generator shades the garment with the rest of the pixel.
    """
    composition = composition.float().clamp(LOG_MARGIN, 1 - LOG_MARGIN)
    short = (composition / LEAST_COMPOSITION).clamp(max=1).log()
    return -(visible * short + (1 - visible) * (1 - composition).log()).mean()


def share_cross_entropy(share: Tensor, known: Tensor) -> Tensor:
    """Mean binary cross entropy of a predicted share against the known one in {0, 1}; torch's own refuses autocast."""
    share = share.float().clamp(LOG_MARGIN, 1 - LOG_MARGIN)
    return -(known * share.log() + (1 - known) * (1 - share).log()).mean()


def unchanged_pixels(person: Tensor, target: Tensor) -> Tensor:
    """Where the try-on equals the person's picture: [B, 1, H, W] in {0, 1}."""
    return ((person - target).abs().amax(1, keepdim=True) < UNCHANGED_BELOW).to(person.dtype)


def _truth_at_height(truth: Truth, height: int) -> tuple[Tensor, Tensor]:
    """The true flow [B, 2, h, w] at that height, and where enough of a pixel is garment, [B, 1, h, w] in {0, 1}."""
    grid, share = pool_flow(truth.grid, truth.garment, truth.grid.shape[2] // height)
    return grid, (share > LEAST_COVERAGE).float()
