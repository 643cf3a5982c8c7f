"""Shards: the reader's samples bit by bit, each once, whatever the number of ranks and workers."""

import os
import pickle
import sys
import tarfile
from collections.abc import Iterable
from dataclasses import fields, is_dataclass
from pathlib import Path

import pytest
import torch
from torch.utils.data import DataLoader

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.datasets.shards import INDEX, ShardDataset, write_shards
from dmvton_mobile.errors import DmvtonError
from tests.datasets.written import write_dresscode, write_truths, write_viton, write_viton_hd

SIZE = (64, 48)
COUNT = 11
PARTS = 13  # files of a rendered sample: 7 tensors, 4 of the unpaired garment, names, sums


@pytest.fixture(scope="module")
def viton(tmp_path_factory: pytest.TempPathFactory) -> TryOnDataset:
    root = tmp_path_factory.mktemp("viton")
    write_truths(write_viton(root, count=COUNT, size=SIZE), count=COUNT, size=SIZE)
    return open_dataset(root, "train", SIZE)


@pytest.fixture(scope="module")
def shards(viton: TryOnDataset, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of 2 samples each, so 6 for 11 samples."""
    folder = tmp_path_factory.mktemp("shards") / "shards"
    write_shards(viton, folder, 2)
    return folder


def assert_same(left: object, right: object) -> None:
    assert type(left) is type(right)
    if isinstance(left, torch.Tensor):
        assert isinstance(right, torch.Tensor) and left.dtype == right.dtype and torch.equal(left, right)
    elif is_dataclass(left):
        for field in fields(left):
            assert_same(getattr(left, field.name), getattr(right, field.name))
    else:
        assert left == right


def names(samples: Iterable[TryOnSample]) -> list[str]:
    return [sample.person_name for sample in samples]


def test_bit_by_bit(viton: TryOnDataset, shards: Path) -> None:
    read = list(ShardDataset(shards))
    assert len(read) == len(ShardDataset(shards)) == COUNT
    for place, sample in enumerate(read):
        assert_same(sample, viton[place])


@pytest.mark.parametrize("layout", ["viton-hd", "dresscode", "bare"])
def test_other_layouts_bit_by_bit(tmp_path: Path, layout: str) -> None:
    if layout == "bare":  # no parsing, and one garment only
        dataset = open_dataset(write_viton(tmp_path / "in", "test", 1, SIZE, parsed=False), "test", SIZE)
    else:
        written = (
            write_viton_hd(tmp_path / "in") if layout == "viton-hd" else write_dresscode(tmp_path / "in", ["dresses"])
        )
        dataset = open_dataset(written, "train", SIZE)
    index = write_shards(dataset, tmp_path / "out", 100)
    assert [shard.samples for shard in index.shards] == [len(dataset)] and index.layout == dataset.layout
    for place, sample in enumerate(ShardDataset(tmp_path / "out")):
        assert_same(sample, dataset[place])


@pytest.mark.parametrize("world_size", [1, 2, 3, 6, 8])
def test_ranks_share_without_loss(shards: Path, world_size: int) -> None:
    parts = [ShardDataset(shards, rank, world_size) for rank in range(world_size)]
    read = [names(part) for part in parts]
    assert sorted(name for part in read for name in part) == [f"{n:06}_0.jpg" for n in range(COUNT)]
    assert [len(part) for part in parts] == [len(part) for part in read]


@pytest.mark.parametrize(("world_size", "workers"), [(1, 1), (1, 4), (2, 3), (1, 8)])
def test_workers_share_without_loss(shards: Path, world_size: int, workers: int) -> None:
    read = [
        name
        for rank in range(world_size)
        for name in names(DataLoader(ShardDataset(shards, rank, world_size), batch_size=None, num_workers=workers))
    ]
    assert sorted(read) == [f"{n:06}_0.jpg" for n in range(COUNT)]


def test_a_worker_that_is_spawned_gets_its_own(viton: TryOnDataset, shards: Path) -> None:
    """Pickled, as macOS and Windows hand a dataset to their workers."""
    part = ShardDataset(shards, 1, 2)
    assert names(pickle.loads(pickle.dumps(part))) == names(part)
    assert_same(pickle.loads(pickle.dumps(viton))[0], viton[0])


def test_rank_of_the_environment(shards: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RANK", "1")
    monkeypatch.setenv("WORLD_SIZE", "4")
    from_environment = names(ShardDataset(shards))
    assert from_environment == names(ShardDataset(shards, 1, 4)) != names(ShardDataset(shards, 0, 4))
    assert len(list(ShardDataset(shards, 0, 1))) == COUNT


def test_rank_of_torch_distributed(shards: Path, tmp_path: Path) -> None:
    """A real process group of one, whose word goes before the environment's."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{tmp_path}/group", rank=0, world_size=1)
    try:
        os.environ["RANK"], os.environ["WORLD_SIZE"] = "1", "2"
        assert len(list(ShardDataset(shards))) == COUNT
    finally:
        del os.environ["RANK"], os.environ["WORLD_SIZE"]
        torch.distributed.destroy_process_group()


@pytest.mark.parametrize(("rank", "world_size"), [(2, 2), (-1, 2), (0, 0)])
def test_ranks_that_are_none(shards: Path, rank: int, world_size: int) -> None:
    with pytest.raises(DataError, match=rf"no rank {rank} of {world_size}"):
        ShardDataset(shards, rank, world_size)


def test_the_same_samples_give_the_same_bytes(viton: TryOnDataset, shards: Path, tmp_path: Path) -> None:
    write_shards(viton, tmp_path / "again", 2)
    written = sorted(path.name for path in shards.iterdir())
    assert written == [*(f"{n:06}.tar" for n in range(6)), INDEX]
    for name in written:
        assert (tmp_path / "again" / name).read_bytes() == (shards / name).read_bytes()


def test_a_damaged_dataset_leaves_nothing(tmp_path: Path) -> None:
    root = write_viton(tmp_path / "in", size=SIZE)
    (root / "train_label/000002_0.png").unlink()
    with pytest.raises(DataError, match=r"000002_0\.png"):
        write_shards(open_dataset(root, "train", SIZE), tmp_path / "out", 1)
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_nothing_is_written_over(viton: TryOnDataset, shards: Path) -> None:
    before = {path.name: path.read_bytes() for path in shards.iterdir()}
    with pytest.raises(DmvtonError, match="exists already"):
        write_shards(viton, shards, 5)
    assert {path.name: path.read_bytes() for path in shards.iterdir()} == before


@pytest.fixture
def own_shards(viton: TryOnDataset, tmp_path: Path) -> Path:
    """One shard of all samples, to damage."""
    write_shards(viton, tmp_path / "own", COUNT)
    return tmp_path / "own"


@pytest.mark.parametrize("share", [0.0, 0.001, 0.3, 0.5, 0.93, 0.98])
def test_a_shard_cut_short_is_named(own_shards: Path, share: float) -> None:
    path = own_shards / "000000.tar"
    content = path.read_bytes()
    path.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(DataError, match=r"000000\.tar (is damaged|holds \d+ samples, not 11)"):
        list(ShardDataset(own_shards))


def test_a_shard_cut_at_each_file_is_named(own_shards: Path) -> None:
    """Where a tar ends between two files it looks like a whole one."""
    path = own_shards / "000000.tar"
    content = path.read_bytes()
    with tarfile.open(path) as tar:
        starts = [member.offset for member in tar.getmembers()]
    assert len(starts) == COUNT * PARTS
    for start in starts[-PARTS:]:
        path.write_bytes(content[:start])
        with pytest.raises(DataError, match=r"000000\.tar"):
            list(ShardDataset(own_shards))


def test_a_flipped_bit_in_any_file_is_named(own_shards: Path) -> None:
    path = own_shards / "000000.tar"
    content = path.read_bytes()
    with tarfile.open(path) as tar:
        members = tar.getmembers()[:PARTS]
    assert {member.name.partition(".")[0] for member in members} == {"000000000"}
    for member in members:
        flipped = bytearray(content)
        flipped[member.offset_data + member.size // 2] ^= 1
        path.write_bytes(flipped)
        with pytest.raises(DataError, match=r"000000\.tar is damaged"):
            list(ShardDataset(own_shards))


def test_missing_shards_are_named(own_shards: Path, tmp_path: Path) -> None:
    (own_shards / "000000.tar").unlink()
    with pytest.raises(DataError, match=r"000000\.tar is damaged .*No such file"):
        list(ShardDataset(own_shards))
    with pytest.raises(DataError, match=r"holds no shards: index\.json"):
        ShardDataset(tmp_path)


@pytest.mark.parametrize("name", ["pipe:touch ran", "../000000.tar", "/etc/passwd", "000000.tar.gz"])
def test_an_index_names_shards_only(own_shards: Path, name: str) -> None:
    """webdataset runs the command in a name that starts with `pipe:`."""
    index = (own_shards / INDEX).read_text()
    (own_shards / INDEX).write_text(index.replace("000000.tar", name))
    with pytest.raises(DataError, match=r"index\.json is not a valid shard index: shards\.0\.name"):
        ShardDataset(own_shards)


def test_without_webdataset_the_extra_is_named(
    viton: TryOnDataset, shards: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "webdataset", None)
    for use in (lambda: ShardDataset(shards), lambda: write_shards(viton, tmp_path / "out", 2)):
        with pytest.raises(DmvtonError, match=r'pip install "dmvton-mobile\[data\]"'):
            use()
    assert not (tmp_path / "out").exists()
