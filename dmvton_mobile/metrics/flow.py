"""Warps against their ground truth: end-point error of the flow, overlap of the warped garment mask.

A flow is an absolute sampling grid [B, 2, H, W], x first, normalised to [-1, 1] between the centres of the first and
last pixel.
"""

import math

import torch
from torch import Tensor

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.metrics.inputs import require_maps, require_region, require_same_shape
from dmvton_mobile.networks.flow import pixel_scale


def end_point_error(flow: Tensor, true_flow: Tensor, visible: Tensor) -> Tensor:
    """Mean distance between where the flow samples a pixel and where the pixel truly comes from, per image.

    Args:
        flow: [B, 2, H, W], of a network.
        true_flow: [B, 2, H, W].
        visible: [B, 1, H, W] in {0, 1}: where the garment is seen. Only these pixels count.

    Returns:
        float64 [B], in pixels of the garment's image (W x H); nan where the garment is seen nowhere.

    Source: Otte and Nagel 1994, as used by the Middlebury benchmark (https://doi.org/10.1007/s11263-010-0390-2).

    Raises:
        MetricError: The shapes differ, or values are not finite.
    """
    for name, grid in (("flow", flow), ("true_flow", true_flow)):
        require_maps(name, grid, channels=2, low=-math.inf, high=math.inf)
    require_same_shape("flow", flow, "true_flow", true_flow)
    require_region("visible", visible, like=flow)
    height, width = flow.shape[2:]
    difference = flow.double() - true_flow.double()
    distances = torch.linalg.vector_norm(difference * pixel_scale(difference, (height, width)), dim=1)
    # image by image: no figure depends on the batch it was in
    return torch.stack([distance[seen].mean() for distance, seen in zip(distances, visible[:, 0] > 0)])


def warped_mask_iou(warped_mask: Tensor, true_mask: Tensor) -> Tensor:
    """Intersection over union of the warped garment mask and the true one, per image.

    Args:
        warped_mask: [B, 1, H, W], coverage in [0, 1]; garment above 0.5.
        true_mask: [B, 1, H, W] in {0, 1}: where the garment lies, hidden or not.

    Returns:
        float64 [B] from 0 to 1; nan where neither holds any garment.

    Source: Jaccard 1901.

    Raises:
        MetricError: The shapes differ, or values are out of range.
    """
    require_maps("warped_mask", warped_mask, channels=1, low=0.0, high=1.0)
    require_region("true_mask", true_mask, like=warped_mask)
    warped, true = warped_mask > MASK_THRESHOLD, true_mask > 0
    return (warped & true).sum((1, 2, 3)).double() / (warped | true).sum((1, 2, 3))
