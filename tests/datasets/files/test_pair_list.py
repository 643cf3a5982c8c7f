"""Pair lists: what is a pair, what is not, and lists that cannot be read."""

from pathlib import Path

import pytest

from dmvton_mobile.datasets.files.pair_list import read_pair_list
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import DataError
from tests.datasets.written import write_viton


def test_pair_list(tmp_path: Path) -> None:
    path = tmp_path / "pairs.txt"
    path.write_text("a.jpg b.jpg\r\n\n  c.jpg\td.jpg  \n", encoding="utf-8")
    assert read_pair_list(path) == [("a.jpg", "b.jpg"), ("c.jpg", "d.jpg")]


@pytest.mark.parametrize(
    "line",
    ["a.jpg", "a.jpg b.jpg c.jpg", "../a.jpg b.jpg", "a.jpg /etc/passwd", "a.jpg ..", "C:a.jpg b.jpg", "x" * 500],
)
def test_lines_that_are_no_pair(tmp_path: Path, line: str) -> None:
    path, faults = tmp_path / "pairs.txt", list[DataError]()
    path.write_text(f"a.jpg b.jpg\n{line}\nc.jpg d.jpg\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"pairs\.txt, line 2: .* is not the file names") as refusal:
        read_pair_list(path)
    assert len(str(refusal.value)) < 300
    assert read_pair_list(path, faults.append) == [("a.jpg", "b.jpg"), ("c.jpg", "d.jpg")]
    assert [str(fault) for fault in faults] == [str(refusal.value)]


def test_lists_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"gone\.txt cannot be read"):
        read_pair_list(tmp_path / "gone.txt")
    (tmp_path / "bytes.txt").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(DataError, match=r"bytes\.txt cannot be read: it is not text"):
        read_pair_list(tmp_path / "bytes.txt")
    write_viton(tmp_path, count=1)
    (tmp_path / "train_pairs.txt").write_text("\n", encoding="utf-8")
    with pytest.raises(DataError, match="lists no pair for train"):
        open_dataset(tmp_path, "train")
