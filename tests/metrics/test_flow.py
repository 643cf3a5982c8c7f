"""End-point error and overlap, as worked out by hand."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth, collate
from dmvton_mobile.metrics.flow import end_point_error, warped_mask_iou
from dmvton_mobile.metrics.inputs import MetricError
from dmvton_mobile.networks.flow import FlowOperations

HEIGHT, WIDTH = 32, 24


def shifted(x: float, y: float) -> Tensor:
    """The flow [2, H, W] that takes every pixel from (x, y) pixels away, by the networks' own rule."""
    offset = torch.tensor([x, y]).view(1, 2, 1, 1).expand(1, 2, HEIGHT, WIDTH)
    return FlowOperations().grid(offset)[0]


def mask(rows: slice, columns: slice) -> Tensor:
    """[1, H, W], 1 in the rows and columns named."""
    values = torch.zeros(1, HEIGHT, WIDTH)
    values[:, rows, columns] = 1
    return values


EVERYWHERE, NOWHERE = mask(slice(None), slice(None)), mask(slice(0), slice(0))


def truth(grid: Tensor, visible: Tensor = EVERYWHERE, garment: Tensor = EVERYWHERE) -> Truth:
    return collate([Truth(grid=grid, garment=garment, visible=visible)])


def error_of(flow: Tensor, truth: Truth) -> Tensor:
    return end_point_error(flow, truth.grid, truth.visible)


def overlap_of(warped_mask: Tensor, truth: Truth) -> Tensor:
    return warped_mask_iou(warped_mask, truth.garment)


@pytest.mark.parametrize(("x", "y", "pixels"), [(3, 0, 3.0), (0, -3, 3.0), (3, 4, 5.0), (0.25, 0, 0.25), (0, 0, 0.0)])
def test_a_shift_is_its_length_in_pixels(x: float, y: float, pixels: float) -> None:
    error = error_of(shifted(x, y)[None], truth(shifted(0, 0)))
    assert error.tolist() == pytest.approx([pixels], abs=1e-5) and error.dtype == torch.float64


def test_a_pixel_is_the_distance_of_two_centres() -> None:
    """-1 and 1 are the first and the last of 24 columns: 23 pixels."""
    flow = torch.full((1, 2, HEIGHT, WIDTH), -1.0)
    across = flow.clone()
    across[:, 0] = 1.0
    assert error_of(flow, truth(across[0])).item() == pytest.approx(23.0, abs=1e-12)


def test_only_what_is_seen_counts() -> None:
    """2 pixels off in the left half, 6 in the right; seen: the left half and a third as much of the right."""
    flow = shifted(2, 0)
    flow[:, :, 12:] = shifted(6, 0)[:, :, 12:]
    seen = mask(slice(None), slice(0, 16))
    hidden = truth(shifted(0, 0), visible=seen)
    assert error_of(flow[None], hidden).item() == pytest.approx(2 * 12 / 16 + 6 * 4 / 16, abs=1e-5)
    flow[:, :, 16:] = 1e6
    assert error_of(flow[None], hidden).item() == pytest.approx(3.0, abs=1e-5)


def test_each_image_has_its_own_error() -> None:
    truths = collate(
        [
            Truth(grid=shifted(0, 0), garment=EVERYWHERE, visible=visible)
            for visible in (EVERYWHERE, NOWHERE, mask(slice(0, 1), slice(0, 1)))
        ]
    )
    errors = error_of(torch.stack([shifted(1, 0), shifted(2, 0), shifted(0, 7)]), truths)
    assert errors[[0, 2]].tolist() == pytest.approx([1.0, 7.0], abs=1e-5) and errors[1].isnan()


def test_a_batch_of_eight_is_eight_singles() -> None:
    random = torch.Generator().manual_seed(0)
    flow, grid = (torch.rand(8, 2, HEIGHT, WIDTH, generator=random) * 2 - 1 for _ in range(2))
    visible = (torch.rand(8, 1, HEIGHT, WIDTH, generator=random) > 0.5).float()
    together = error_of(flow, Truth(grid, visible, visible))
    alone = [error_of(flow[i : i + 1], truth(grid[i], visible[i])) for i in range(8)]
    assert torch.equal(together, torch.cat(alone))


def test_wrong_flows_are_errors() -> None:
    flow, right = shifted(0, 0)[None], truth(shifted(0, 0))
    with pytest.raises(MetricError, match=r"flow must be \[B, 2, H, W\], not \[1, 32, 24, 2\]"):
        error_of(flow.permute(0, 2, 3, 1), right)
    with pytest.raises(MetricError, match=r"flow is \[1, 2, 16, 24\] and true_flow \[1, 2, 32, 24\]"):
        error_of(flow[:, :, :16], right)
    with pytest.raises(MetricError, match=r"flow is \[2, 2, 32, 24\]"):
        error_of(flow.repeat(2, 1, 1, 1), right)
    with pytest.raises(MetricError, match="flow has values that are not finite"):
        error_of(flow * math.nan, right)
    with pytest.raises(MetricError, match="visible must be 0 or 1"):
        error_of(flow, replace(right, visible=right.visible * 0.5))


def test_overlap_by_hand() -> None:
    """10x10 against 10x10, 5 columns apart: 50 shared of 150."""
    there = truth(shifted(0, 0), garment=mask(slice(0, 10), slice(0, 10)))
    apart, same, away = (mask(slice(0, 10), slice(left, left + 10))[None] for left in (5, 0, 10))
    assert overlap_of(apart, there).tolist() == [pytest.approx(1 / 3, abs=1e-12)]
    assert overlap_of(same, there).tolist() == [1.0] and overlap_of(away, there).tolist() == [0.0]


def test_garment_is_above_one_half() -> None:
    there = truth(shifted(0, 0), garment=mask(slice(0, 10), slice(0, 10)))
    warped = mask(slice(0, 10), slice(0, 10))[None] * 0.51
    warped[:, :, 10:] = 0.5
    assert overlap_of(warped, there).item() == 1.0


def test_hidden_garment_counts() -> None:
    """The mask says where the garment lies, not where it is seen."""
    lying, seen = mask(slice(0, 10), slice(0, 10)), mask(slice(0, 5), slice(0, 10))
    both = truth(shifted(0, 0), visible=seen, garment=lying)
    assert overlap_of(lying[None], both).item() == 1.0 and overlap_of(seen[None], both).item() == 0.5


def test_overlap_of_nothing_with_nothing_is_nan() -> None:
    truths = collate([Truth(shifted(0, 0), garment, EVERYWHERE) for garment in (NOWHERE, NOWHERE, EVERYWHERE)])
    overlaps = overlap_of(torch.stack([NOWHERE, EVERYWHERE, EVERYWHERE]), truths)
    assert overlaps[0].isnan() and overlaps[1:].tolist() == [0.0, 1.0] and overlaps.dtype == torch.float64


def test_wrong_masks_are_errors() -> None:
    right = truth(shifted(0, 0))
    with pytest.raises(MetricError, match=r"warped_mask must be \[B, 1, H, W\]"):
        overlap_of(shifted(0, 0)[None], right)
    with pytest.raises(MetricError, match="warped_mask must lie from 0 to 1"):
        overlap_of(EVERYWHERE[None] * 255, right)
    with pytest.raises(MetricError, match=r"true_mask must be \[1, 1, 16, 24\], not \[1, 1, 32, 24\]"):
        overlap_of(EVERYWHERE[None, :, :16], right)
