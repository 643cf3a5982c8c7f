"""The quality filter: people whose garment was swapped are rejected, and unsuitable teachers are named."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from PIL import Image

from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError, Label, TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import CheckpointCandidate
from dmvton_mobile.networks import TryOnNetwork
from tests.conftest import SMALL
from training.synthesis.people import GeneratedPerson
from training.synthesis.quality_filter import QualityFilter


def own(dataset: TryOnDataset, place: int) -> TryOnSample:
    return collate([dataset[place]])


def swapped(sample: TryOnSample) -> TryOnSample:
    """The garment's picture in the colours that are farthest from its own."""
    return replace(sample, garment=torch.where(sample.garment > 0, -1.0, 1.0))


def test_a_swapped_garment_agrees_less(dataset: TryOnDataset, quality_filter: QualityFilter) -> None:
    """Even an untrained teacher shows something of the garment that it is given."""
    for place in range(4):
        right, wrong = (
            quality_filter.agreement_db(own(dataset, place)),
            quality_filter.agreement_db(swapped(own(dataset, place))),
        )
        assert right is not None and wrong is not None and wrong < right - 0.5


def test_a_person_whose_garment_was_swapped_is_refused(
    people: Path, dataset: TryOnDataset, quality_filter: QualityFilter, tmp_path: Path
) -> None:
    right, wrong = quality_filter.agreement_db(own(dataset, 1)), quality_filter.agreement_db(swapped(own(dataset, 1)))
    assert right is not None and wrong is not None
    threshold = (right + wrong) / 2
    made = [
        GeneratedPerson(dataset.pairs[1].person, 0, "somewhere"),
        GeneratedPerson(None, 1, "elsewhere", "it failed"),
    ]
    kept, failed = quality_filter.apply(made, dataset, threshold)
    assert kept.reason is None and kept.index == 1 and kept.agreement_db == pytest.approx(right)
    assert failed.index is None and failed.reason == "it failed"
    assert quality_filter.apply(made, dataset, right)[0].reason is None  # the threshold itself suffices
    copy = Path(shutil.copytree(people, tmp_path / "people"))
    picture = swapped(own(dataset, 1)).garment[0].permute(1, 2, 0) * 127.5 + 127.5
    Image.fromarray(picture.numpy().astype("uint8")).save(copy / "train_color/000001_1.jpg", quality=95)
    refused, _ = quality_filter.apply(made, open_dataset(copy, "train", SMALL), threshold)
    assert refused.agreement_db is not None and refused.agreement_db < threshold
    assert refused.reason == f"the try-on agrees to {refused.agreement_db:.2f} dB only"


def test_who_wears_nothing_is_refused(dataset: TryOnDataset, quality_filter: QualityFilter) -> None:
    sample = own(dataset, 0)
    assert sample.label is not None
    bare = replace(sample, label=torch.full_like(sample.label, Label.BACKGROUND))
    assert quality_filter.agreement_db(bare) is None


def test_the_default_threshold_is_one_that_most_reach(dataset: TryOnDataset, quality_filter: QualityFilter) -> None:
    dataset.pairs = dataset.pairs[:4]
    values = [quality_filter.agreement_db(own(dataset, place)) for place in range(4)]
    threshold = quality_filter.default_threshold_db(dataset)
    assert len([value for value in values if value is not None and value >= threshold]) == 3


def test_without_labels_nobody_is_verified(dataset: TryOnDataset, quality_filter: QualityFilter) -> None:
    with pytest.raises(DataError, match="need label maps"):
        quality_filter.agreement_db(replace(own(dataset, 0), label=None))


def test_a_network_that_sees_the_worn_garment_is_no_judge(small_network: TryOnNetwork, tmp_path: Path) -> None:
    save_checkpoint(small_network, tmp_path / "student.safetensors", trained=False)
    with pytest.raises(DmvtonError, match="parser-based"):
        QualityFilter(CheckpointCandidate(tmp_path / "student.safetensors"))
