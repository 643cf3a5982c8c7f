"""The losses of PF-AFN and DM-VTON, with their formulas and weights.

Levels n count from 0, the coarsest (16x12 of 256x192), to 4. The target of level n is the full picture at
1 / 2^(4 - n) of its size, bilinear. Functions that return `Losses` return them multiplied by their weights.

Sources: PF-AFN (https://arxiv.org/abs/2103.04559) section 3 and DM-VTON (https://arxiv.org/abs/2308.13798) section 3,
with the weights that both were trained with. `flow_truth_loss` is ours.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks import TryOnOutput
from dmvton_mobile.networks.flow import downsample
from dmvton_mobile.networks.warp import LEVELS, WarpLevels
from training.losses.common import Losses, l1, pool_flow

PictureLoss = Callable[[Tensor, Tensor], Tensor]
"""Compares two pictures [B, 3, H, W] and returns a scalar: a `PerceptualLoss`."""

CHARBONNIER_EPSILON = 0.001
CHARBONNIER_EXPONENT = 0.45
FEATURE_WEIGHT = 0.04
FIRST_DISTILLED_FLOW = 2  # the two coarsest flows are left to the student


class SkinWeights(NamedTuple):
    """The weights of the two terms of `skin_loss`."""

    l1: float
    perceptual: float


# The warped garment, its mask and its flow


def warp_loss(levels: WarpLevels, clothes: Tensor, mask: Tensor, perceptual: PictureLoss) -> Losses:
    """sum_n (n + 1) (L1_n + 0.2 perceptual_n + 2 mask L1_n + 6 smoothness_n) + 0.01 TV.

    Args:
        levels: the warp of all levels.
        clothes: the garment as worn, [B, 3, H, W] in [-1, 1], 0 elsewhere.
        mask: where it is worn, [B, 1, H, W] in {0, 1}.
        perceptual: compares the warped garments with the clothes.
    """
    return {
        "warp_l1": garment_l1(levels.warped_garments, clothes),
        "warp_perceptual": 0.2 * garment_perceptual(levels.warped_garments, clothes, perceptual),
        "warp_mask": 2 * mask_l1(levels.warped_masks, mask),
        "warp_smoothness": 6 * smoothness(levels.laplacians_x, levels.laplacians_y),
        "warp_variation": 0.01 * total_variation(levels.offsets),
    }


def garment_l1(warped_garments: Sequence[Tensor], clothes: Tensor) -> Tensor:
    """sum_n (n + 1) mean |x_n - T_n|. x_n: [B, 3, h, w], coarse to fine; T: the clothes as worn, [B, 3, H, W]."""
    return _by_level(l1(warped, target) for warped, target in _with_targets(warped_garments, clothes))


def garment_perceptual(warped_garments: Sequence[Tensor], clothes: Tensor, perceptual: PictureLoss) -> Tensor:
    """sum_n (n + 1) perceptual(x_n, T_n), shapes as in `garment_l1`."""
    return _by_level(perceptual(warped, target) for warped, target in _with_targets(warped_garments, clothes))


def mask_l1(warped_masks: Sequence[Tensor], mask: Tensor) -> Tensor:
    """sum_n (n + 1) mean |m_n - M_n|. m_n: [B, 1, h, w] in [0, 1], coarse to fine; M: [B, 1, H, W] in {0, 1}."""
    return _by_level(l1(warped, target) for warped, target in _with_targets(warped_masks, mask))


def smoothness(laplacians_x: Sequence[Tensor], laplacians_y: Sequence[Tensor]) -> Tensor:
    """sum_n (n + 1) (mean (dx_n^2 + e^2)^0.45 + mean (dy_n^2 + e^2)^0.45), e = 0.001.

    A Charbonnier penalty on the second differences dx_n, dy_n [B, 4, h - 2, w - 2] of the flow, coarse to fine.
    """
    return _by_level(_charbonnier(x) + _charbonnier(y) for x, y in zip(laplacians_x, laplacians_y, strict=True))


def total_variation(offsets: Sequence[Tensor]) -> Tensor:
    """Sum over the offsets [B, 2, h, w] of mean |d[i + 1, j] - d[i, j]| + mean |d[i, j + 1] - d[i, j]|."""
    return _sum(offset.diff(dim=2).float().abs().mean() + offset.diff(dim=3).float().abs().mean() for offset in offsets)


def flow_truth_loss(flows: Sequence[Tensor], truth: Truth, align_corners: bool) -> Tensor:
    """sum_n (n + 1) E_n, the end-point errors of the flows against the true one. Ours, for rendered people.

    E_n = sum v_n |F_n - G_n| / sum v_n, 0 where no garment is seen. |.| is the Euclidean norm over x and y, normalised;
    v_n is the share of a pixel of level n that is visible garment; G_n is the mean of the true flow over that share, in
    the coordinates of the level (`truth_at_level`).

    Args:
        flows: [B, 2, h, w], coarse to fine.
        truth: of a batch, at [H, W].
        align_corners: the network's sampling convention.
    """
    return _by_level(_end_point_error(flow, *truth_at_level(truth, flow, align_corners)) for flow in flows)


def truth_at_level(truth: Truth, flow: Tensor, align_corners: bool) -> tuple[Tensor, Tensor]:
    """The true flow at the size of `flow`, and the share of each of its pixels that is visible garment.

    With align_corners, -1 and 1 are the centres of the outermost pixels, which lie nearer to the middle in a smaller
    picture: the same point of the garment has the coordinate x (W - 1) / (W - W / w) there. Without, they are the
    borders of the picture at every size: x (W - 1) / W.

    Returns:
        [B, 2, h, w], and [B, 1, h, w] in [0, 1].
    """
    full = torch.tensor([truth.grid.shape[3], truth.grid.shape[2]], device=flow.device)
    factor = truth.grid.shape[3] // flow.shape[3]
    scale = (full - 1) / (full - factor if align_corners else full)
    grid, visible = pool_flow(truth.grid, truth.visible, factor)
    return grid * scale.view(1, 2, 1, 1), visible


# Distillation


def gate(teacher_warped: Tensor, student_warped: Tensor, clothes: Tensor) -> Tensor:
    """g_b = 1 where mean |x_T - T| < mean |x_S - T|, else 0: PF-AFN's adjustable distillation.

    A sample passes where the teacher's warped garment x_T is nearer to the clothes as worn, T, than the student's, x_S.
    All [B, 3, H, W] -> [B] in {0, 1}, without a gradient.
    """
    teacher_error, student_error = (
        (warped.detach().float() - clothes).abs().mean((1, 2, 3)) for warped in (teacher_warped, student_warped)
    )
    return (teacher_error < student_error).float()


def condition_distillation(teacher: WarpLevels, student: WarpLevels, gate: Tensor) -> Tensor:
    """sum_n 0.04 (5 - n) C_n, C_n the `feature_distance` of the person's features."""
    return _feature_distillation(teacher.condition_features, student.condition_features, gate)


def garment_distillation(teacher: WarpLevels, student: WarpLevels, gate: Tensor) -> Tensor:
    """sum_n 0.04 (5 - n) W_n, W_n the `feature_distance` of the garment's features before any warp. DM-VTON alone."""
    return _feature_distillation(teacher.garment_features, student.garment_features, gate)


def flow_distillation(teacher: WarpLevels, student: WarpLevels, gate: Tensor) -> Tensor:
    """sum_(n >= 2) (n + 1) F_n, F_n the `flow_distance` of the three finest flows."""
    distances = [flow_distance(*flows, gate) for flows in zip(teacher.flows, student.flows, strict=True)]
    return _sum((n + 1) * distances[n] for n in range(FIRST_DISTILLED_FLOW, LEVELS))


def feature_distance(teacher: Tensor, student: Tensor, gate: Tensor) -> Tensor:
    """sum_b g_b sum_chw (T - S)^2 / (C h w max(1, sum_b g_b)). T, S: [B, C, h, w]; only S gets a gradient."""
    return _gated_mean((teacher.detach().float() - student.float()).square().mean((1, 2, 3)), gate)


def flow_distance(teacher: Tensor, student: Tensor, gate: Tensor) -> Tensor:
    """sum_b g_b sum_hw |T - S| / (h w max(1, sum_b g_b)), |.| the Euclidean norm over x and y.

    T, S: normalised flows [B, 2, h, w]; only S gets a gradient.
    """
    distances = torch.linalg.vector_norm(teacher.detach().float() - student.float(), dim=1)
    return _gated_mean(distances.mean((1, 2)), gate)


# The try-on


def generator_loss(output: TryOnOutput, person: Tensor, perceptual: PictureLoss) -> Losses:
    """5 mean |P - I| + perceptual(P, I) + 5 mean |R - I| + perceptual(R, I) + mean |1 - M|.

    P is the try-on, R the rendered picture, I the real person, all [B, 3, H, W]; the last term draws the composition M
    [B, 1, H, W] to the garment.
    """
    return {
        "tryon_l1": 5 * l1(output.tryon, person),
        "tryon_perceptual": perceptual(output.tryon, person),
        "rendered_l1": 5 * l1(output.rendered, person),
        "rendered_perceptual": perceptual(output.rendered, person),
        "composition": l1(output.composition, torch.ones_like(output.composition)),
    }


def skin_loss(rendered: Tensor, person: Tensor, skin: Tensor, perceptual: PictureLoss, weights: SkinWeights) -> Losses:
    """Weights (a, b): a mean |R s - I s| + b perceptual(R s, I s).

    R is the rendered picture and I the real person, both [B, 3, H, W]; s is the `skin_region` [B, 1, H, W].
    """
    rendered, person = rendered * skin, person * skin
    return {
        "skin_l1": weights.l1 * l1(rendered, person),
        "skin_perceptual": weights.perceptual * perceptual(rendered, person),
    }


def skin_region(unpaired_mask: Tensor, clothes_mask: Tensor) -> Tensor:
    """Where the other garment hid what the paired one shows: its warped mask times (1 - the mask of the clothes).

    All [B, 1, H, W] in [0, 1], without a gradient.
    """
    return unpaired_mask.detach() * (1 - clothes_mask)


def _with_targets(levels: Sequence[Tensor], full: Tensor) -> list[tuple[Tensor, Tensor]]:
    """The map of each level, and the full picture at its size."""
    return [(level, downsample(full, full.shape[3] // level.shape[3])) for level in levels]


def _charbonnier(differences: Tensor) -> Tensor:
    return (differences.float().square() + CHARBONNIER_EPSILON**2).pow(CHARBONNIER_EXPONENT).mean()


def _end_point_error(flow: Tensor, true_flow: Tensor, visible: Tensor) -> Tensor:
    distances = torch.linalg.vector_norm(flow.float() - true_flow, dim=1, keepdim=True)
    return (visible * distances).sum() / visible.sum().clamp(min=torch.finfo(visible.dtype).tiny)


def _feature_distillation(teacher: Sequence[Tensor], student: Sequence[Tensor], gate: Tensor) -> Tensor:
    distances = (feature_distance(*features, gate) for features in zip(teacher, student, strict=True))
    return _sum(FEATURE_WEIGHT * (LEVELS - n) * distance for n, distance in enumerate(distances))


def _gated_mean(values: Tensor, gate: Tensor) -> Tensor:
    """sum_b g_b v_b / max(1, sum_b g_b)."""
    return (gate * values).sum() / gate.sum().clamp(min=1)


def _by_level(values: Iterable[Tensor]) -> Tensor:
    """sum_n (n + 1) v_n."""
    return _sum((n + 1) * value for n, value in enumerate(values))


def _sum(values: Iterable[Tensor]) -> Tensor:
    return torch.stack(list(values)).sum()
