"""The losses of `dmvton-lite` against figures known beforehand."""

import math

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import Truth
from dmvton_mobile.networks import TryOnOutput, build_network
from dmvton_mobile.networks.flow import FlowOperations
from dmvton_mobile.networks.lite import LiteNetwork
from training.losses.common import gradient_l1
from training.losses.lite import (
    composition_loss,
    flow_error,
    flow_losses,
    light_l1,
    match_cross_entropy,
    share_cross_entropy,
    tryon_l1,
    unchanged_pixels,
    worn_l1,
)


def truth_at(x: float, y: float, size: tuple[int, int] = (16, 24)) -> Truth:
    """The same place everywhere, on the left half of the picture."""
    garment = torch.zeros(1, 1, *size)
    garment[..., : size[1] // 2] = 1
    grid = torch.tensor([x, y]).view(1, 2, 1, 1) * garment
    return Truth(grid, garment, garment)


@pytest.mark.parametrize("factor", [1, 4, 8])
def test_a_flow_three_pixels_off_is_three_pixels_off(factor: int) -> None:
    truth = truth_at(0.25, -0.5)
    flow = torch.tensor([0.25 + 3 * 2 / 23, -0.5]).view(1, 2, 1, 1).expand(1, 2, 16 // factor, 24 // factor)
    if factor == 8:  # the middle column of three is half garment: too little to count
        flow = flow.clone()
        flow[..., 1:] = 99
    assert float(flow_error(flow, truth)) == pytest.approx((9 + 0.01) ** 0.5, rel=1e-5)


def test_a_flow_without_garment_costs_nothing() -> None:
    nowhere = Truth(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    assert float(flow_error(torch.ones(1, 2, 8, 8), nowhere)) == 0


def test_the_match_is_compared_with_the_four_places_around_the_truth() -> None:
    """The middle between two places of 4x3, in the units of 32x24 pixels: half a share each is the best there is."""
    places = (8 * torch.tensor([1.0, 1.5]) + 3.5) * 2 / torch.tensor([23.0, 31.0]) - 1
    truth = truth_at(float(places[0]), float(places[1]), (32, 24))
    scores = torch.full((1, 12, 12), -100.0)
    scores[..., [1 * 3 + 1, 2 * 3 + 1]] = 0.0
    assert float(match_cross_entropy(scores, truth)) == pytest.approx(math.log(2), abs=1e-4)
    scores[..., 2 * 3 + 1] = -100.0
    assert float(match_cross_entropy(scores, truth)) == pytest.approx(50, abs=0.1)
    scores[0, [2, 5, 8, 11]] = 7.0  # a column without garment: nobody looks
    assert float(match_cross_entropy(scores, truth)) == pytest.approx(50, abs=0.1)


@torch.no_grad()
def test_a_large_picture_costs_what_its_half_does() -> None:
    """Its places are twice as wide, and its true flow the same but for where the outermost pixels lie."""
    network = build_network("dmvton-lite")
    assert isinstance(network, LiteNetwork)
    small = truth_at(0.25, -0.5, (256, 192))
    large = Truth(
        *(torch.nn.functional.interpolate(each, scale_factor=2) for each in (small.grid, small.garment, small.visible))
    )
    scores = torch.randn(1, 768, 768, generator=torch.Generator().manual_seed(0))
    assert float(match_cross_entropy(scores, large)) == pytest.approx(
        float(match_cross_entropy(scores, small)), abs=0.01
    )
    person, garment = torch.zeros(1, 3, 512, 384), torch.ones(1, 3, 512, 384)
    features = network.encode_garment(garment, torch.ones(1, 1, 512, 384))
    losses = flow_losses(network.flows(person, features), large)
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("corner", [-1.0, 1.0])
def test_a_match_beyond_the_last_place_is_of_the_last(corner: float) -> None:
    scores = torch.zeros(1, 12, 12)
    scores[..., 0 if corner < 0 else 11] = 100.0
    assert float(match_cross_entropy(scores, truth_at(corner, corner, (32, 24)))) == pytest.approx(0, abs=0.05)


def test_what_is_worn_counts_where_it_is_seen() -> None:
    target, visible = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    visible[..., :1, :] = 1
    warped = torch.where(visible > 0, 0.25, 9.0).expand(1, 3, 4, 4)
    assert float(worn_l1(warped, target, visible)) == pytest.approx(0.25)


def test_the_light_is_compared_on_a_garment_that_lies_right() -> None:
    """A share of black shades it; what the warp makes of the garment changes nothing."""
    truth = truth_at(0.25, -0.5)
    garment = torch.rand(1, 3, 16, 24) * 2 - 1
    worn = FlowOperations().warp(garment, truth.grid)
    target = torch.where(truth.visible > 0, (worn + 1) * 0.8 - 1, 9.0)

    def loss(composition: float, warped: Tensor) -> float:
        black, share = torch.full_like(worn, -1), torch.full((1, 1, 16, 24), composition)
        return float(light_l1(TryOnOutput(warped, warped, share, truth.grid, share, black), garment, target, truth))

    assert loss(0.8, worn) == loss(0.8, -worn) == pytest.approx(0, abs=1e-6)
    bright = ((worn + 1).mean(1, keepdim=True) * truth.visible).sum() / truth.visible.sum()
    assert loss(1.0, worn) == pytest.approx(0.2 * float(bright), abs=1e-5)


def test_the_garment_counts_three_times() -> None:
    target = torch.zeros(1, 3, 4, 4)
    visible = torch.zeros(1, 1, 4, 4)
    visible[..., :2, :] = 1
    assert float(tryon_l1(target + 0.5, target, visible)) == pytest.approx(0.5 * (3 + 1) / 2)


def test_an_even_difference_has_no_gradient() -> None:
    target = torch.rand(1, 3, 5, 5)
    assert float(gradient_l1(target + 0.1, target)) == pytest.approx(0, abs=1e-6)
    ramp = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 3, 5, 5)
    assert float(gradient_l1(target + ramp, target)) == pytest.approx(1, abs=1e-5)


def test_a_share_is_compared_with_cross_entropy() -> None:
    share, known = torch.tensor([[[[0.8, 0.3]]]]), torch.tensor([[[[1.0, 0.0]]]])
    expected = torch.nn.functional.binary_cross_entropy(share, known)
    assert torch.allclose(share_cross_entropy(share, known), expected)
    assert share_cross_entropy(1 - known, known).isfinite()


def test_the_composition_is_free_above_what_it_must_be() -> None:
    visible = torch.tensor([[[[1.0, 0.0]]]])

    def loss(inside: float, outside: float) -> float:
        return float(composition_loss(torch.tensor([[[[inside, outside]]]]), visible))

    assert loss(0.5, 0.0) == loss(1.0, 0.0) == pytest.approx(0, abs=1e-3)
    assert loss(0.25, 0.0) == pytest.approx(math.log(2) / 2, abs=1e-3)
    assert loss(1.0, 0.5) == pytest.approx(math.log(2) / 2, abs=1e-3)


def test_noise_is_no_change() -> None:
    person = torch.zeros(1, 3, 2, 2)
    target = person.clone()
    target[0, 1, 0, 0], target[0, 2, 1, 1] = 0.03, 0.5
    assert unchanged_pixels(person, target).flatten().tolist() == [1, 1, 1, 0]
