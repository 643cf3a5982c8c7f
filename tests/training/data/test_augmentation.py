"""Augmentation: what the truth says of a sample still holds after every one of its steps."""

from collections.abc import Callable
from dataclasses import fields

import pytest
import torch

from dmvton_mobile.datasets.sample import Truth, TryOnSample
from dmvton_mobile.networks.flow import FlowOperations
from tests.rendered import rendered_batch
from training.data.augmentation import (
    augment,
    mirror,
    occlude,
    photograph,
    quantize_blocks,
    recolour,
    reframe_garment,
    reframe_person,
    spoil_mask,
)
from training.data.supervised_batch import SupervisedBatch, mirrored, supervised_batch


@pytest.fixture(scope="module")
def supervised(tmp_path_factory: pytest.TempPathFactory) -> SupervisedBatch:
    batch: TryOnSample = rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 6, (128, 96))
    return supervised_batch(batch)


def mean_error(supervised: SupervisedBatch) -> float:
    """Mean absolute difference of the flat garment, moved by the true flow, from the target where it is seen."""
    warped = FlowOperations().warp(supervised.garment, supervised.truth.grid)
    seen = supervised.truth.visible > 0
    return float((warped - supervised.target).abs().mean(1, keepdim=True)[seen].mean())


@pytest.mark.parametrize("step", [mirror, reframe_person, reframe_garment, recolour, occlude])
def test_the_true_flow_stays_true(
    supervised: SupervisedBatch, step: Callable[[SupervisedBatch], SupervisedBatch]
) -> None:
    torch.manual_seed(3)
    moved = step(supervised)
    assert mean_error(moved) < 1.15 * mean_error(supervised)
    assert moved.truth.visible.sum() > 0.2 * supervised.truth.visible.sum()


def test_a_flow_that_does_not_follow_is_seen(supervised: SupervisedBatch) -> None:
    torch.manual_seed(3)
    moved = reframe_garment(supervised)
    wrong = SupervisedBatch(moved.person, moved.garment, moved.garment_mask, moved.target, supervised.truth)
    assert mean_error(wrong) > 1.5 * mean_error(moved)


def test_every_sample_is_mirrored_on_its_own(supervised: SupervisedBatch) -> None:
    torch.manual_seed(0)
    drawn, turned = mirror(supervised), mirrored(supervised)
    which = [torch.equal(new, flipped) for new, flipped in zip(drawn.person, turned.person, strict=True)]
    assert any(which) and not all(which)
    for index, flipped in enumerate(which):
        source = turned if flipped else supervised
        for field in fields(SupervisedBatch):
            if field.name != "truth":
                assert torch.equal(getattr(drawn, field.name)[index], getattr(source, field.name)[index])
        assert torch.equal(drawn.truth.grid[index], source.truth.grid[index])


def test_people_are_reframed_each_on_their_own(supervised: SupervisedBatch) -> None:
    torch.manual_seed(0)
    moved = reframe_person(supervised)
    changed = [
        not torch.allclose(new, old, atol=1e-3) for new, old in zip(moved.person, supervised.person, strict=True)
    ]
    assert any(changed) and not all(changed)  # a quarter of the frames stays


def test_the_garment_fills_its_frame_but_for_what_is_varied(supervised: SupervisedBatch) -> None:
    torch.manual_seed(0)
    moved = reframe_garment(supervised)
    for mask in moved.garment_mask:
        rows, columns = (mask[0] > 0.5).any(1).nonzero(), (mask[0] > 0.5).any(0).nonzero()
        filled = max(len(rows) / mask.shape[1], len(columns) / mask.shape[2])
        assert 0.4 < filled <= 1


def test_what_is_kept_is_equal_in_person_and_target(supervised: SupervisedBatch) -> None:
    """Away from the garments: blur and compression reach a block's width beyond them."""
    torch.manual_seed(1)
    same = ((supervised.person - supervised.target).abs().amax(1, keepdim=True) == 0).float()
    same = same * (1 - supervised.truth.visible)
    far = 1 - torch.nn.functional.max_pool2d(1 - same, 33, 1, 16)
    assert far.sum() > 0
    moved = photograph(supervised)
    assert float(((moved.person - moved.target).abs() * far).max()) < 1e-5
    assert not torch.equal(moved.person, supervised.person)


def test_an_occluder_stands_in_both_pictures_and_hides_the_garment(supervised: SupervisedBatch) -> None:
    torch.manual_seed(0)
    moved = occlude(supervised)
    covered = ((moved.person != supervised.person).any(1, keepdim=True)) & (
        (moved.target != supervised.target).any(1, keepdim=True)
    )
    assert covered.any()
    assert torch.equal(moved.person * covered, moved.target * covered)
    assert float((moved.truth.visible * covered).sum()) == 0
    assert torch.equal(moved.truth.garment, supervised.truth.garment)


def test_wrong_masks_are_a_few_pixels_wrong(supervised: SupervisedBatch) -> None:
    torch.manual_seed(1)
    masks, before = spoil_mask(supervised).garment_mask > 0.5, supervised.garment_mask > 0.5
    changed = [not torch.equal(new, old) for new, old in zip(masks, before, strict=True)]
    assert any(changed) and not all(changed)
    overlap = (masks & before).sum() / (masks | before).sum()
    assert overlap > 0.8


def test_fine_compression_changes_nothing_and_coarse_compression_leaves_the_mean() -> None:
    pictures = torch.rand(2, 3, 32, 24) * 2 - 1
    fine, coarse = torch.full((2, 1, 1, 1), 1e-5), torch.full((2, 1, 1, 1), 0.3)
    assert torch.allclose(quantize_blocks(pictures, fine), pictures, atol=1e-3)
    squeezed = quantize_blocks(pictures, coarse)
    assert 0.02 < float((squeezed - pictures).abs().mean()) < 1
    assert torch.allclose(squeezed.mean((2, 3)), pictures.mean((2, 3)), atol=0.02)


def test_the_same_seed_draws_the_same(supervised: SupervisedBatch) -> None:
    drawn = []
    for _ in range(2):
        torch.manual_seed(5)
        drawn.append(augment(supervised))
    assert torch.equal(drawn[0].person, drawn[1].person) and torch.equal(drawn[0].truth.grid, drawn[1].truth.grid)
    assert not torch.equal(augment(supervised).person, drawn[0].person)


def test_ranges_hold_after_all_of_it(supervised: SupervisedBatch) -> None:
    torch.manual_seed(2)
    moved = augment(supervised)
    for picture in (moved.person, moved.garment, moved.target):
        assert -1.001 <= float(picture.min()) and float(picture.max()) <= 1.001
    assert set(moved.truth.visible.unique().tolist()) <= {0.0, 1.0}
    assert bool(((moved.truth.grid.abs() <= 1) | (moved.truth.garment == 0)).all())
    assert bool((moved.truth.visible <= moved.truth.garment).all())


def synthetic() -> SupervisedBatch:
    """Six samples of ramps and a rectangle, the same on every machine."""
    y, x = torch.meshgrid(torch.linspace(-1, 1, 64), torch.linspace(-1, 1, 48), indexing="ij")
    contrast = 1 - torch.linspace(0, 1, 6).view(-1, 1, 1, 1) / 2
    picture = torch.stack([x, y, x * y])[None] * contrast
    garment = ((x.abs() < 0.5) & (y.abs() < 0.7)).float().expand(6, 1, -1, -1)
    truth = Truth(torch.stack([x, y])[None] * 0.9 * garment, garment, garment * (x > -0.3))
    return SupervisedBatch(picture, picture.flip(2), garment, picture.roll(5, 3), truth)


@pytest.mark.parametrize(
    ("seed", "means", "next_draw"),
    [
        (0, [0.035881, 0.026767, 0.371928, 0.023848, 1.8e-05, 0.438477, 0.340278], 0.064316),
        (1, [0.200768, 0.191588, 0.355718, 0.166872, -0.000937, 0.443685, 0.34413], 0.089562),
    ],
)
def test_the_draws_are_those_of_version_0_1(seed: int, means: list[float], next_draw: float) -> None:
    """A run that version 0.1 started is resumed with the same numbers: every draw, in the same order."""
    torch.manual_seed(seed)
    drawn = augment(synthetic())
    truth = drawn.truth
    tensors = (drawn.person, drawn.garment, drawn.garment_mask, drawn.target, truth.grid, truth.garment, truth.visible)
    assert [float(tensor.double().mean()) for tensor in tensors] == pytest.approx(means, abs=2e-5)
    assert float(torch.rand(1)) == pytest.approx(next_draw, abs=1e-6)
