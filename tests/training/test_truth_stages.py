"""The truth stages: their losses against figures known beforehand, and steps of them on real rendered people."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError, Truth, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnOutput, build_network
from dmvton_mobile.networks.flow import FlowOperations
from tests.rendered import rendered_batch
from training.data.supervised_batch import mirrored, truth_lessons
from training.losses.lite import (
    composition_distance,
    flow_distance,
    light_distance,
    match_distance,
    share_distance,
    tryon_distance,
    unchanged,
    worn_distance,
)
from training.losses.paper import gradient_l1
from training.losses.perceptual import StructuralPerceptual
from training.stages.lite_stage import LiteStage, flow_losses
from training.stages.network_stage import Setting
from training.stages.paper_config import RENDERED
from training.stages.registry import build_stage
from training.stages.stage import Stage

SIZE = (128, 96)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2, SIZE)


def stage() -> Stage:
    torch.manual_seed(0)
    setting = Setting(RENDERED, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    return build_stage("truth-tryon", build_network("dmvton-lite"), setting)


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
    if factor == 8:  # the middle column of three is half garment: too little to be judged
        flow = flow.clone()
        flow[..., 1:] = 99
    assert float(flow_distance(flow, truth)) == pytest.approx((9 + 0.01) ** 0.5, rel=1e-5)


def test_a_flow_without_garment_costs_nothing() -> None:
    nowhere = Truth(torch.zeros(1, 2, 8, 8), torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 8, 8))
    assert float(flow_distance(torch.ones(1, 2, 8, 8), nowhere)) == 0


def test_the_match_is_judged_by_the_four_places_around_the_truth() -> None:
    """The middle between two places of 4x3, in the units of 32x24 pixels: half a share each is the best there is."""
    places = (8 * torch.tensor([1.0, 1.5]) + 3.5) * 2 / torch.tensor([23.0, 31.0]) - 1
    truth = truth_at(float(places[0]), float(places[1]), (32, 24))
    scores = torch.full((1, 12, 12), -100.0)
    scores[..., [1 * 3 + 1, 2 * 3 + 1]] = 0.0
    assert float(match_distance(scores, truth)) == pytest.approx(math.log(2), abs=1e-4)
    scores[..., 2 * 3 + 1] = -100.0
    assert float(match_distance(scores, truth)) == pytest.approx(50, abs=0.1)
    scores[0, [2, 5, 8, 11]] = 7.0  # a column without garment: nobody looks
    assert float(match_distance(scores, truth)) == pytest.approx(50, abs=0.1)


@torch.no_grad()
def test_a_large_picture_is_judged_as_its_half() -> None:
    """Its places are twice as wide, and its true flow the same but for where the outermost pixels lie."""
    trained = stage()
    assert isinstance(trained, LiteStage)
    small = truth_at(0.25, -0.5, (256, 192))
    large = Truth(
        *(torch.nn.functional.interpolate(each, scale_factor=2) for each in (small.grid, small.garment, small.visible))
    )
    scores = torch.randn(1, 768, 768, generator=torch.Generator().manual_seed(0))
    assert float(match_distance(scores, large)) == pytest.approx(float(match_distance(scores, small)), abs=0.01)
    person, garment = torch.zeros(1, 3, 512, 384), torch.ones(1, 3, 512, 384)
    features = trained.network.encode_garment(garment, torch.ones(1, 1, 512, 384))
    losses = flow_losses(trained.network.flows(person, features), large)
    assert all(value.isfinite() for value in losses.values())


@pytest.mark.parametrize("corner", [-1.0, 1.0])
def test_a_match_beyond_the_last_place_is_of_the_last(corner: float) -> None:
    scores = torch.zeros(1, 12, 12)
    scores[..., 0 if corner < 0 else 11] = 100.0
    assert float(match_distance(scores, truth_at(corner, corner, (32, 24)))) == pytest.approx(0, abs=0.05)


def test_what_is_worn_is_judged_where_it_is_seen() -> None:
    target, visible = torch.zeros(1, 3, 4, 4), torch.zeros(1, 1, 4, 4)
    visible[..., :1, :] = 1
    warped = torch.where(visible > 0, 0.25, 9.0).expand(1, 3, 4, 4)
    assert float(worn_distance(warped, target, visible)) == pytest.approx(0.25)


def test_the_light_is_judged_on_a_garment_that_lies_right() -> None:
    """A share of black shades it; what the warp makes of the garment changes nothing."""
    truth = truth_at(0.25, -0.5)
    garment = torch.rand(1, 3, 16, 24) * 2 - 1
    worn = FlowOperations().warp(garment, truth.grid)
    target = torch.where(truth.visible > 0, (worn + 1) * 0.8 - 1, 9.0)

    def judged(composition: float, warped: Tensor) -> float:
        black, share = torch.full_like(worn, -1), torch.full((1, 1, 16, 24), composition)
        return float(
            light_distance(TryOnOutput(warped, warped, share, truth.grid, share, black), garment, target, truth)
        )

    assert judged(0.8, worn) == judged(0.8, -worn) == pytest.approx(0, abs=1e-6)
    bright = ((worn + 1).mean(1, keepdim=True) * truth.visible).sum() / truth.visible.sum()
    assert judged(1.0, worn) == pytest.approx(0.2 * float(bright), abs=1e-5)


def test_the_garment_counts_three_times() -> None:
    target = torch.zeros(1, 3, 4, 4)
    visible = torch.zeros(1, 1, 4, 4)
    visible[..., :2, :] = 1
    assert float(tryon_distance(target + 0.5, target, visible)) == pytest.approx(0.5 * (3 + 1) / 2)


def test_an_even_difference_has_no_gradient() -> None:
    target = torch.rand(1, 3, 5, 5)
    assert float(gradient_l1(target + 0.1, target)) == pytest.approx(0, abs=1e-6)
    ramp = torch.arange(5.0).view(1, 1, 1, 5).expand(1, 3, 5, 5)
    assert float(gradient_l1(target + ramp, target)) == pytest.approx(1, abs=1e-5)


def test_a_share_is_judged_by_cross_entropy() -> None:
    share, known = torch.tensor([[[[0.8, 0.3]]]]), torch.tensor([[[[1.0, 0.0]]]])
    expected = torch.nn.functional.binary_cross_entropy(share, known)
    assert torch.allclose(share_distance(share, known), expected)
    assert share_distance(1 - known, known).isfinite()


def test_the_composition_is_free_above_what_it_must_be() -> None:
    visible = torch.tensor([[[[1.0, 0.0]]]])

    def judged(inside: float, outside: float) -> float:
        return float(composition_distance(torch.tensor([[[[inside, outside]]]]), visible))

    assert judged(0.5, 0.0) == judged(1.0, 0.0) == pytest.approx(0, abs=1e-3)
    assert judged(0.25, 0.0) == pytest.approx(math.log(2) / 2, abs=1e-3)
    assert judged(1.0, 0.5) == pytest.approx(math.log(2) / 2, abs=1e-3)


def test_noise_is_no_change() -> None:
    person = torch.zeros(1, 3, 2, 2)
    target = person.clone()
    target[0, 1, 0, 0], target[0, 2, 1, 1] = 0.03, 0.5
    assert unchanged(person, target).flatten().tolist() == [1, 1, 1, 0]


def test_a_sample_teaches_both_ways(batch: TryOnSample) -> None:
    lesson = truth_lessons(batch)
    other = batch.unpaired
    assert other is not None and other.person is not None
    assert torch.equal(lesson.person[:2], batch.person) and torch.equal(lesson.target[:2], other.person)
    assert torch.equal(lesson.garment[:2], other.garment) and torch.equal(lesson.garment[2:], batch.garment)
    assert torch.equal(lesson.person[2:], other.person) and torch.equal(lesson.target[2:], batch.person)


@pytest.mark.parametrize("turned", [False, True])
def test_the_truth_of_a_lesson_is_its_target(batch: TryOnSample, turned: bool) -> None:
    """Warped by it, the garment is the target but for light and folds; by another sample's truth, it is not."""
    lesson = mirrored(truth_lessons(batch)) if turned else truth_lessons(batch)
    seen = lesson.truth.visible > 0

    def apart(grid: torch.Tensor) -> float:
        warped = FlowOperations().warp(lesson.garment, grid)
        return float((warped - lesson.target).abs().mean(1, keepdim=True)[seen].mean())

    assert apart(lesson.truth.grid) < 0.8 * apart(lesson.truth.grid.roll(2, 0))


def test_a_mirrored_lesson_is_the_same_lesson_mirrored(batch: TryOnSample) -> None:
    lesson = truth_lessons(batch)
    turned, warp = mirrored(lesson), FlowOperations().warp
    assert torch.equal(turned.person.flip(3), lesson.person) and torch.equal(turned.target.flip(3), lesson.target)
    warped = warp(turned.garment, turned.truth.grid).flip(3)
    assert torch.allclose(warped, warp(lesson.garment, lesson.truth.grid), atol=1e-4)


def test_real_data_cannot_teach_it(batch: TryOnSample) -> None:
    with pytest.raises(DataError, match="render the data"):
        truth_lessons(replace(batch, truth=None))


def test_other_networks_are_refused() -> None:
    setting = Setting(RENDERED, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    with pytest.raises(DmvtonError, match="trains dmvton-lite, not dmvton-student"):
        build_stage("truth-tryon", build_network("dmvton-student"), setting)


def test_twenty_steps_on_one_batch_lower_every_loss_that_leads(batch: TryOnSample) -> None:
    trained = stage()
    optimiser = torch.optim.AdamW([p for group in trained.optimiser_groups() for p in group.parameters], 2e-3)
    history = []
    for _ in range(20):
        losses = trained(batch, 1)
        assert all(value.isfinite() for value in losses.values())
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        history.append({name: float(value) for name, value in losses.items()})
    for name in ("flow_matched", "flow_fine", "tryon_l1", "composition"):
        assert sum(row[name] for row in history[-3:]) < 0.9 * sum(row[name] for row in history[:3]), name


def test_its_checkpoint_is_the_network_and_nothing_else() -> None:
    trained = stage()
    assert {key.removeprefix("network.") for key in trained.state_dict()} == set(trained.network.state_dict())


def test_its_preview_disturbs_nothing(batch: TryOnSample) -> None:
    trained = stage()
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    titles = [title for title, _ in trained.preview(batch)]
    assert titles == ["person", "garment", "warped garment", "try-on", "truth"]
    assert trained.network.training
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
