"""Flows and pixels: one conversion each way."""

import pytest
import torch

from dmvton_mobile.networks.flow import FlowOperations, flow_to_pixels, pixel_scale, pixels_to_flow

SIZE = (5, 9)  # height, width


def test_corners_are_the_centres_of_the_outermost_pixels() -> None:
    corners = torch.tensor([[-1.0, 1.0, 0.0], [-1.0, 1.0, 0.0]])[..., None]  # three places, x then y
    assert flow_to_pixels(corners, SIZE)[..., 0].tolist() == [[0, 8, 4], [0, 4, 2]]
    edges = flow_to_pixels(corners, SIZE, align_corners=False)[..., 0]
    assert edges.tolist() == [[-0.5, 8.5, 4], [-0.5, 4.5, 2]]


def test_pixels_and_flow_are_inverse() -> None:
    flow = torch.rand(2, 2, 7, 6, generator=torch.Generator().manual_seed(0), dtype=torch.float64) * 3 - 1.5
    assert torch.allclose(pixels_to_flow(flow_to_pixels(flow, SIZE), SIZE), flow)
    step = flow_to_pixels(flow + 0.25, SIZE) - flow_to_pixels(flow, SIZE)
    assert torch.allclose(step, (0.25 * pixel_scale(flow, SIZE)).expand_as(step))


@pytest.mark.parametrize("align_corners", [True, False])
def test_sampling_lands_on_those_pixels(align_corners: bool) -> None:
    """A picture of its own pixel positions, sampled by a flow, shows the positions that the flow names."""
    height, width = SIZE
    y, x = torch.meshgrid(torch.arange(height).float(), torch.arange(width).float(), indexing="ij")
    flow = torch.rand(1, 2, 4, 4, generator=torch.Generator().manual_seed(1)) * 1.2 - 0.6
    sampled = FlowOperations(align_corners).warp(torch.stack([x, y])[None], flow)
    assert torch.allclose(sampled, flow_to_pixels(flow, SIZE, align_corners), atol=1e-5)


def test_a_grid_of_no_offset_stays() -> None:
    grid = FlowOperations().grid(torch.zeros(1, 2, *SIZE))
    pixels = flow_to_pixels(grid, SIZE)
    assert torch.allclose(pixels[0, 0], torch.arange(9.0).expand(SIZE), atol=1e-5)
    assert torch.allclose(pixels[0, 1], torch.arange(5.0)[:, None].expand(SIZE), atol=1e-5)
