"""Which layout a folder has, and which phases."""

from pathlib import Path

import pytest

from dmvton_mobile.datasets.layouts.registry import LAYOUTS, detect_layout, open_dataset
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.errors import UnknownName
from tests.datasets.written import write_dresscode, write_pfafn, write_pfafn_test, write_viton, write_viton_hd


def test_each_layout_is_told_from_the_others(tmp_path: Path) -> None:
    written = {
        "viton": write_viton(tmp_path / "a", count=1),
        "pf-afn": write_pfafn(tmp_path / "b", count=1),
        "viton-hd": write_viton_hd(tmp_path / "c", count=1),
        "dresscode": write_dresscode(tmp_path / "d", ["dresses"], count=1),
    }
    assert set(written) == {reader.layout for reader in LAYOUTS}
    for layout, root in written.items():
        assert detect_layout(root).layout == layout
        assert [reader.layout for reader in LAYOUTS if reader.phases(root)] == [layout]
    assert detect_layout(write_pfafn_test(tmp_path / "e")).layout == "pf-afn"


def test_an_unknown_folder_names_what_is_known(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset of a known layout") as refusal:
        detect_layout(tmp_path)
    assert all(f"{reader.layout} has " in str(refusal.value) for reader in LAYOUTS)
    with pytest.raises(DataError, match=r"There is no folder .*nowhere"):
        detect_layout(tmp_path / "nowhere")


def test_viton_without_its_list_is_not_paired_by_place(tmp_path: Path) -> None:
    write_viton(tmp_path, count=1)
    (tmp_path / "train_pairs.txt").unlink()
    with pytest.raises(DataError, match=r"train_pairs\.txt or test_pairs\.txt"):
        detect_layout(tmp_path)


def test_phases(tmp_path: Path) -> None:
    write_viton(tmp_path, count=1)
    with pytest.raises(DataError, match=r"\(viton\) has no phase test. It has: train"):
        open_dataset(tmp_path, "test")
    with pytest.raises(UnknownName, match="'validation'. Known: train, test"):
        open_dataset(tmp_path, "validation")
    write_viton(tmp_path, "test", count=2, parsed=False)
    assert (len(open_dataset(tmp_path, "train")), len(open_dataset(tmp_path, "test"))) == (1, 2)
