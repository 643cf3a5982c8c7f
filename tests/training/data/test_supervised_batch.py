"""Supervised batches: both try-ons of a rendered person, with the truth of each."""

from dataclasses import replace

import pytest
import torch

from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.networks.flow import FlowOperations
from tests.rendered import rendered_batch
from training.data.supervised_batch import mirrored, supervised_batch

SIZE = (128, 96)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2, SIZE)


def test_a_sample_is_two_try_ons(batch: TryOnSample) -> None:
    supervised = supervised_batch(batch)
    other = batch.unpaired
    assert other is not None and other.person is not None
    assert torch.equal(supervised.person[:2], batch.person) and torch.equal(supervised.target[:2], other.person)
    assert torch.equal(supervised.garment[:2], other.garment) and torch.equal(supervised.garment[2:], batch.garment)
    assert torch.equal(supervised.person[2:], other.person) and torch.equal(supervised.target[2:], batch.person)


@pytest.mark.parametrize("turned", [False, True])
def test_the_truth_leads_to_the_target(batch: TryOnSample, turned: bool) -> None:
    """Warped by it, the garment is the target but for light and folds; by another sample's truth, it is not."""
    supervised = mirrored(supervised_batch(batch)) if turned else supervised_batch(batch)
    seen = supervised.truth.visible > 0

    def apart(grid: torch.Tensor) -> float:
        warped = FlowOperations().warp(supervised.garment, grid)
        return float((warped - supervised.target).abs().mean(1, keepdim=True)[seen].mean())

    assert apart(supervised.truth.grid) < 0.8 * apart(supervised.truth.grid.roll(2, 0))


def test_a_mirrored_batch_is_the_same_batch_mirrored(batch: TryOnSample) -> None:
    supervised = supervised_batch(batch)
    turned, warp = mirrored(supervised), FlowOperations().warp
    assert torch.equal(turned.person.flip(3), supervised.person) and torch.equal(
        turned.target.flip(3), supervised.target
    )
    warped = warp(turned.garment, turned.truth.grid).flip(3)
    assert torch.allclose(warped, warp(supervised.garment, supervised.truth.grid), atol=1e-4)


def test_real_data_has_no_truth(batch: TryOnSample) -> None:
    with pytest.raises(DataError, match="render the data"):
        supervised_batch(replace(batch, truth=None))
