"""How right a warp is where the truth is known: end-point error of the flow, overlap of the warped garment."""

import math

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.metrics.inputs import require_maps, require_region, require_same_shape


def end_point_error(flow: Tensor, truth: Truth) -> Tensor:
    """The mean distance between where the flow takes a pixel from and where it truly comes from, per image.

    flow: [B, 2, H, W], a network's absolute sampling grid. truth: a batch's, with grid [B, 2, H, W]. -> float64 [B], in
    pixels of the garment's picture (W x H), over the pixels where the garment is seen; nan where it is seen nowhere.

    Source: Otte and Nagel 1994, as used by the Middlebury benchmark (https://doi.org/10.1007/s11263-010-0390-2).
    Raises MetricError for unlike shapes and for values that are not finite.
    """
    for name, grid in (("flow", flow), ("truth.grid", truth.grid)):
        require_maps(name, grid, channels=2, low=-math.inf, high=math.inf)
    require_same_shape("flow", flow, "truth.grid", truth.grid)
    require_region("truth.visible", truth.visible, like=flow)
    height, width = flow.shape[2:]
    # -1 and 1 are the centres of the first and last pixel
    pixels = flow.new_tensor([(width - 1) / 2, (height - 1) / 2], dtype=torch.float64).view(1, 2, 1, 1)
    distances = torch.linalg.vector_norm((flow.double() - truth.grid.double()) * pixels, dim=1)
    # image by image: no figure depends on the batch it was in
    return torch.stack([distance[seen].mean() for distance, seen in zip(distances, truth.visible[:, 0] > 0)])


def warped_mask_iou(warped_mask: Tensor, truth: Truth) -> Tensor:
    """Intersection over union of the warped garment mask and where the garment truly lies, hidden or not, per image.

    warped_mask: [B, 1, H, W], coverage in [0, 1]; garment above 0.5. truth: a batch's, with garment [B, 1, H, W].
    -> float64 [B] from 0 to 1; nan where there is no garment in either.

    Source: Jaccard 1901. Raises MetricError for unlike shapes and other ranges.
    """
    require_maps("warped_mask", warped_mask, channels=1, low=0.0, high=1.0)
    require_region("truth.garment", truth.garment, like=warped_mask)
    warped, true = warped_mask > 0.5, truth.garment > 0
    return (warped & true).sum((1, 2, 3)).double() / (warped | true).sum((1, 2, 3))
