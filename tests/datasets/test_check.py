"""The check of a dataset: nothing to say about a whole one, a sentence with the file's name for every fault."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.sample import DataError
from tests.datasets.written import (
    blocks,
    save,
    save_json,
    write_dresscode,
    write_list,
    write_pfafn,
    write_pfafn_test,
    write_truths,
    write_viton,
    write_viton_hd,
)

SIZE = (64, 48)


def write(root: Path) -> Path:
    write_truths(write_viton(root, size=SIZE), size=SIZE)
    return write_viton(root, "test", count=2, size=SIZE, parsed=False)


def test_a_whole_dataset_has_no_problems(tmp_path: Path) -> None:
    report = check(write(tmp_path))
    assert report.problems == () and report.layout == "viton"
    assert [(phase.phase, phase.pairs, phase.garments, phase.size) for phase in report.phases] == [
        (Phase.TRAIN, 3, 3, SIZE),
        (Phase.TEST, 2, 2, SIZE),
    ]


@pytest.mark.parametrize(
    "written", [write_pfafn, write_pfafn_test, write_viton_hd, lambda r: write_dresscode(r, ["dresses"])]
)
def test_other_layouts(tmp_path: Path, written: Callable[[Path], Path]) -> None:
    report = check(written(tmp_path))
    assert report.problems == () and all(phase.pairs in (2, 3) for phase in report.phases)


def cut(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


FAULTS: dict[str, tuple[str, Callable[[Path], object], str]] = {
    "person missing": ("train_img/000001_0.jpg", Path.unlink, "There is no file"),
    "mask missing": ("train_edge/000001_1.jpg", Path.unlink, "There is no file"),
    "label missing": ("train_label/000001_0.png", Path.unlink, "There is no file"),
    "densepose missing": ("train_densepose/000001_0.npy", Path.unlink, "There is no file"),
    "pose missing": ("train_pose/000001_0.json", Path.unlink, "There is no file"),
    "grid missing": ("truth/train_grid/000001_0.png", Path.unlink, "cannot be read"),
    "unpaired picture missing": ("truth/train_unpaired_img/000001_0.jpg", Path.unlink, "There is no file"),
    "test garment missing": ("test_color/000001_1.jpg", Path.unlink, "There is no file"),
    "wrong size": ("train_color/000001_1.jpg", lambda path: save(path, blocks(0, (80, 64))), "is 64x80, not 48x64"),
    "label of wrong size": (
        "train_label/000001_0.png",
        lambda path: save(path, np.ones((48, 64), np.uint8)),
        "is 64x48",
    ),
    "picture cut short": ("train_img/000001_0.jpg", cut, "is damaged or cut short"),
    "label cut short": ("train_label/000001_0.png", cut, "is damaged"),
    "densepose cut short": ("train_densepose/000001_0.npy", cut, "is damaged"),
    "grid cut short": ("truth/train_unpaired_grid/000001_0.png", cut, "is damaged"),
    "pose cut short": ("train_pose/000001_0.json", cut, "is not a pose"),
    "label out of range": (
        "train_label/000001_0.png",
        lambda path: save(path, np.full(SIZE, 14, np.uint8)),
        "holds 14",
    ),
    "densepose out of range": (
        "train_densepose/000001_0.npy",
        lambda path: np.save(path, np.full(SIZE, 25)),
        "holds 25",
    ),
    "label coloured": ("train_label/000001_0.png", lambda path: save(path, blocks(0, SIZE)), "is coloured"),
    "label in 16 bits": (
        "train_label/000001_0.png",
        lambda path: Image.new("I;16", (48, 64)).save(path),
        "'I;16' samples",
    ),
    "nobody": ("train_pose/000001_0.json", lambda path: save_json(path, {"people": []}), "holds no person"),
    "all points lost": (
        "train_pose/000001_0.json",
        lambda path: save_json(path, {"people": [{"pose_keypoints": [0] * 54}]}),
        "holds no person",
    ),
    "list malformed": ("train_pairs.txt", lambda path: path.write_text(path.read_text() + "only.jpg\n"), "line 4"),
    "list empty": ("test_pairs.txt", lambda path: path.write_text(""), "lists no pair for test"),
    "list is no text": ("test_pairs.txt", lambda path: path.write_bytes(b"\xff"), "it is not text"),
    "nothing unpaired": (
        "truth/train_unpaired_pairs.txt",
        lambda path: write_list(path, [(f"00000{n}_0.jpg", f"00000{(n + n % 2) % 3}_1.jpg") for n in (0, 1, 2)][1:2]),
        "names no other garment for 000000_0.jpg",
    ),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_each_fault_is_found_and_its_file_named(tmp_path: Path, fault: str) -> None:
    name, damage, sentence = FAULTS[fault]
    damage(write(tmp_path) / name)
    problems = check(tmp_path).problems
    assert any(sentence in problem and (Path(name).name in problem or "list" in fault) for problem in problems), (
        problems
    )
    assert all(Path(name).name in problem or "list" in fault for problem in problems)  # and nothing else is at fault


def test_a_person_named_twice(tmp_path: Path) -> None:
    write(tmp_path)
    path = tmp_path / "test_pairs.txt"
    path.write_text(path.read_text() + "000000_0.jpg 000001_1.jpg\n")
    assert check(tmp_path).problems == (
        f"{tmp_path}/test_img/000000_0.jpg: the lists for test name it 2 times. Keep one.",
    )


def test_a_hole_in_a_sorted_folder(tmp_path: Path) -> None:
    (write_pfafn(tmp_path) / "train_label/000001_0.png").unlink()
    problems = check(tmp_path).problems
    assert any("train_label: 000001_0 has no partner" in problem for problem in problems)
    assert any("train_label/000001_0.png" in problem for problem in problems)


def test_coloured_densepose_of_viton_hd(tmp_path: Path) -> None:
    problems = check(write_viton_hd(tmp_path, densepose="jpg")).problems
    assert len(problems) == 3 and all("shows DensePose in colours" in problem for problem in problems)


def test_all_faults_of_several_files_are_listed(tmp_path: Path) -> None:
    write(tmp_path)
    damaged = [
        FAULTS[name] for name in ("label missing", "wrong size", "densepose out of range", "test garment missing")
    ]
    for name, damage, _ in damaged:
        damage(tmp_path / name)
    problems = check(tmp_path).problems
    assert len(problems) == 4 and all(any(name in problem for problem in problems) for name, _, _ in damaged)


def test_the_size_is_that_of_most_pictures(tmp_path: Path) -> None:
    write_viton(tmp_path, "test", count=4, size=(96, 64), parsed=False)
    save(tmp_path / "test_img/000000_0.jpg", blocks(0, SIZE))
    report = check(tmp_path)
    assert report.phases[0].size == (96, 64)
    assert len(report.problems) == 1 and "test_img/000000_0.jpg is 48x64, not 64x96" in report.problems[0]


def test_no_dataset(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no dataset of a known layout"):
        check(tmp_path)
