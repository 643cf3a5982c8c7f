"""What several losses share: their type, distances between pictures, means over regions."""

import torch
import torch.nn.functional as F
from torch import Tensor

Losses = dict[str, Tensor]
"""Scalars by name, each multiplied by its weight: training minimises their sum."""


def scaled(losses: Losses, factor: float) -> Losses:
    """Every loss times the factor."""
    return {name: factor * value for name, value in losses.items()}


def l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean |a - b| of two tensors of one shape."""
    return F.l1_loss(first, second)


def gradient_l1(first: Tensor, second: Tensor) -> Tensor:
    """Mean |dx a - dx b| + mean |dy a - dy b| of neighbouring pixels [B, C, H, W]: edges and folds."""
    difference = first - second  # the gradients' difference is the difference's gradient
    return difference.diff(dim=2).abs().mean() + difference.diff(dim=3).abs().mean()


def masked_mean(values: Tensor, mask: Tensor) -> Tensor:
    """sum(v m) / max(1, sum m): the mean of the values where the mask is 1; 0 where it is 1 nowhere."""
    return (values * mask).sum() / mask.sum().clamp(min=1)


def pool_flow(grid: Tensor, mask: Tensor, factor: int) -> tuple[Tensor, Tensor]:
    """A flow at 1/factor of its size, as the mean over the masked pixels of each block of factor x factor.

    Args:
        grid: the flow, [B, 2, H, W].
        mask: the pixels that count, [B, 1, H, W] in {0, 1}.
        factor: a divisor of H and W.

    Returns:
        The flow [B, 2, H/factor, W/factor], 0 where the mask is empty, and the share of each block that the mask
        covers, [B, 1, H/factor, W/factor] in [0, 1].
    """
    share = F.avg_pool2d(mask, factor)
    return F.avg_pool2d(grid * mask, factor) / share.clamp(min=torch.finfo(share.dtype).tiny), share
