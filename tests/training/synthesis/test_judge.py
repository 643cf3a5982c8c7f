"""The judge: whose garment was swapped is refused, and who cannot judge is told so."""

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
from dmvton_mobile.evaluation.candidates import Checkpoint
from dmvton_mobile.networks import TryOnNetwork
from tests.conftest import SMALL
from training.synthesis.judge import Judge
from training.synthesis.maker import Made


def own(dataset: TryOnDataset, place: int) -> TryOnSample:
    return collate([dataset[place]])


def swapped(sample: TryOnSample) -> TryOnSample:
    """The garment's picture in the colours that are farthest from its own."""
    return replace(sample, garment=torch.where(sample.garment > 0, -1.0, 1.0))


def test_a_swapped_garment_agrees_less(dataset: TryOnDataset, judge: Judge) -> None:
    """Even an untrained teacher shows something of the garment that it is given."""
    for place in range(4):
        right, wrong = judge.agreement(own(dataset, place)), judge.agreement(swapped(own(dataset, place)))
        assert right is not None and wrong is not None and wrong < right - 0.5


def test_a_person_whose_garment_was_swapped_is_refused(
    people: Path, dataset: TryOnDataset, judge: Judge, tmp_path: Path
) -> None:
    right, wrong = judge.agreement(own(dataset, 1)), judge.agreement(swapped(own(dataset, 1)))
    assert right is not None and wrong is not None
    threshold = (right + wrong) / 2
    made = [Made(dataset.pairs[1].person, 0, "somewhere"), Made(None, 1, "elsewhere", "it failed")]
    kept, failed = judge.judge(made, dataset, threshold)
    assert kept.reason is None and kept.place == 1 and kept.agreement_db == pytest.approx(right)
    assert failed.place is None and failed.reason == "it failed"
    assert judge.judge(made, dataset, right)[0].reason is None  # the bound itself is reached
    copy = Path(shutil.copytree(people, tmp_path / "people"))
    picture = swapped(own(dataset, 1)).garment[0].permute(1, 2, 0) * 127.5 + 127.5
    Image.fromarray(picture.numpy().astype("uint8")).save(copy / "train_color/000001_1.jpg", quality=95)
    refused, _ = judge.judge(made, open_dataset(copy, "train", SMALL), threshold)
    assert refused.agreement_db is not None and refused.agreement_db < threshold
    assert refused.reason == f"the try-on agrees to {refused.agreement_db:.2f} dB only"


def test_who_wears_nothing_is_refused(dataset: TryOnDataset, judge: Judge) -> None:
    sample = own(dataset, 0)
    assert sample.label is not None
    bare = replace(sample, label=torch.full_like(sample.label, Label.BACKGROUND))
    assert judge.agreement(bare) is None


def test_the_usual_bound_is_one_that_most_reach(dataset: TryOnDataset, judge: Judge) -> None:
    dataset.pairs = dataset.pairs[:4]
    values = [judge.agreement(own(dataset, place)) for place in range(4)]
    bound = judge.usual_bound(dataset)
    assert len([value for value in values if value is not None and value >= bound]) == 3


def test_without_labels_nobody_can_judge(dataset: TryOnDataset, judge: Judge) -> None:
    with pytest.raises(DataError, match="need label maps"):
        judge.agreement(replace(own(dataset, 0), label=None))


def test_a_network_that_sees_the_worn_garment_is_no_judge(small_network: TryOnNetwork, tmp_path: Path) -> None:
    save_checkpoint(small_network, tmp_path / "student.safetensors", trained=False)
    with pytest.raises(DmvtonError, match="parser-based"):
        Judge(Checkpoint(tmp_path / "student.safetensors"))
