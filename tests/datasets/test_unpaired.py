"""The other garment: drawn evenly, never the pair's own, the same for the same seed, epoch and index."""

from collections import Counter
from pathlib import Path

import pytest
from torch.utils.data import DataLoader

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import TryOnSample, collate
from tests.datasets.written import write_dresscode, write_list, write_viton

SIZE = (64, 48)


@pytest.fixture(scope="module")
def viton(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_viton(tmp_path_factory.mktemp("viton"), "test", count=6, size=SIZE, parsed=False)


def other(sample: TryOnSample) -> str:
    assert sample.unpaired is not None
    return sample.unpaired.garment_name


def others(dataset: TryOnDataset) -> list[str]:
    return [other(dataset[index]) for index in range(len(dataset))]


def test_every_other_garment_comes_up_about_as_often(viton: Path) -> None:
    dataset, times = open_dataset(viton, "test", SIZE), Counter[str]()
    for epoch in range(200):
        dataset.set_epoch(epoch)
        times[other(dataset[2])] += 1
    assert set(times) == {f"{n:06}_1.jpg" for n in (0, 1, 3, 4, 5)}
    assert all(20 <= count <= 60 for count in times.values())  # 40 expected, deviation 5.7


def test_seed_and_epoch_decide(viton: Path) -> None:
    dataset = open_dataset(viton, "test", SIZE, seed=1)
    first = others(dataset)
    assert others(open_dataset(viton, "test", SIZE, seed=1)) == first
    assert others(open_dataset(viton, "test", SIZE, seed=2)) != first
    dataset.set_epoch(5)
    assert others(dataset) != first
    dataset.set_epoch(0)
    assert others(dataset) == first


def test_a_garment_listed_often_is_drawn_no_more(tmp_path: Path) -> None:
    write_viton(tmp_path, "test", count=3, size=SIZE, parsed=False)
    common = [(f"{n:06}_0.jpg", "000001_1.jpg") for n in (1, 2)]
    write_list(
        tmp_path / "test_pairs.txt", [("000000_0.jpg", "000000_1.jpg"), *common, ("000001_0.jpg", "000002_1.jpg")]
    )
    dataset, times = open_dataset(tmp_path, "test", SIZE), Counter[str]()
    for epoch in range(100):
        dataset.set_epoch(epoch)
        times[other(dataset[0])] += 1
    assert set(times) == {"000001_1.jpg", "000002_1.jpg"}
    assert min(times.values()) > 30  # 50 expected, deviation 5; by listing it would be 33


def test_the_only_garment_has_no_other(tmp_path: Path) -> None:
    write_viton(tmp_path, "test", count=1, size=SIZE, parsed=False)
    assert open_dataset(tmp_path, "test", SIZE)[0].unpaired is None


@pytest.mark.parametrize("phase", ["train", "test"])
def test_dresscode_stays_in_the_category(tmp_path: Path, phase: str) -> None:
    write_dresscode(tmp_path, ["upper_body", "lower_body", "dresses"], count=2)
    for category in ("upper_body", "lower_body", "dresses"):
        (tmp_path / category / "test_pairs_unpaired.txt").unlink()
    # of two garments per category the other one is the only choice; names tell the category
    names = [f"{category * 10 + n:06}_1.jpg" for category in range(3) for n in (1, 0)]
    assert others(open_dataset(tmp_path, phase, SIZE)) == names


def test_workers_change_nothing_and_follow_the_epoch(viton: Path) -> None:
    dataset = open_dataset(viton, "test", SIZE)
    loader = DataLoader(dataset, batch_size=2, num_workers=2, persistent_workers=True, collate_fn=collate)
    alone = open_dataset(viton, "test", SIZE)
    for epoch in (0, 3):
        dataset.set_epoch(epoch)  # in the workers of the first epoch, too, which live on
        alone.set_epoch(epoch)
        drawn = [name for batch in loader for name in batch.unpaired.garment_name]
        assert drawn == others(alone)
