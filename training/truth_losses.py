"""The losses that exact truth allows: on rendered people the flow, the composition and the unpaired picture are known.

All ours. `Truth` is a batch's; pictures are RGB [B, 3, H, W] in [-1, 1], masks [B, 1, H, W] in [0, 1].
"""

import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth

SOFTENING = 0.1  # pixels: below it a distance counts as its square, so that its gradient ends
MOSTLY = 0.6  # of a coarse pixel must be garment before its flow is judged
GARMENT_WEIGHT = 2.0  # of a pixel of garment beyond that of any other
SAME = 0.04  # two pixels of [-1, 1] are the same below this difference: noise and JPEG
CLOSEST = 1e-4  # to 0 and 1 that a logarithm sees


def flow_distance(flow: Tensor, truth: Truth) -> Tensor:
    """mean sqrt(|f - t|^2 + 0.1^2) in pixels of the garment's picture, where the garment lies, hidden parts too.

    flow: [B, 2, h, w], at the full size or a fraction of it; a coarse pixel's truth is the mean of its pixels.
    """
    height, width = truth.grid.shape[2:]
    factor = height // flow.shape[2]
    share = F.avg_pool2d(truth.garment, factor)
    grid = F.avg_pool2d(truth.grid * truth.garment, factor) / share.clamp(min=1e-3)
    pixels = flow.new_tensor([(width - 1) / 2, (height - 1) / 2]).view(1, 2, 1, 1)
    distances = (((flow.float() - grid) * pixels).square().sum(1, keepdim=True) + SOFTENING**2).sqrt()
    judged = (share > MOSTLY).float()
    return (distances * judged).sum() / judged.sum().clamp(min=1)


def tryon_distance(tryon: Tensor, target: Tensor, visible: Tensor) -> Tensor:
    """mean (1 + 2 v) |p - t|: the garment, v, counts three times."""
    return ((tryon - target).abs() * (1 + GARMENT_WEIGHT * visible)).mean()


def gradient_distance(tryon: Tensor, target: Tensor) -> Tensor:
    """mean |dx p - dx t| + mean |dy p - dy t|, of neighbouring pixels: edges and folds."""
    difference = tryon - target
    across, down = difference.diff(dim=3), difference.diff(dim=2)
    return across.abs().mean() + down.abs().mean()


def share_distance(share: Tensor, known: Tensor) -> Tensor:
    """mean binary cross entropy of a predicted share against the known one in {0, 1}."""
    share = share.float().clamp(CLOSEST, 1 - CLOSEST)
    return -(known * share.log() + (1 - known) * (1 - share).log()).mean()


def unchanged(person: Tensor, target: Tensor) -> Tensor:
    """Where the try-on is the person's picture: [B, 1, H, W] in {0, 1}."""
    return ((person - target).abs().amax(1, keepdim=True) < SAME).to(person.dtype)
