"""Truth grids: what is written is read, and what is not a grid is refused."""

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from dmvton_mobile.datasets.files.truth_files import HIDDEN, SEEN, encode_truth, read_truth, write_truth
from dmvton_mobile.datasets.sample import DataError
from tests.datasets.written import truth_arrays

SIZE = (48, 64)


def test_written_truth_is_read_to_a_256th_of_a_pixel(tmp_path: Path) -> None:
    x, y, state = truth_arrays(0, SIZE)
    write_truth(tmp_path / "a.png", x, y, state)
    truth = read_truth(tmp_path / "a.png", SIZE)
    assert truth.grid.shape == (2, *SIZE) and truth.grid.dtype == torch.float32
    np.testing.assert_array_equal(truth.garment[0], state > 0)
    np.testing.assert_array_equal(truth.visible[0], state == SEEN)
    garment = state > 0
    for plane, expected, side in zip(truth.grid.numpy(), (x, y), (64, 48)):
        assert np.abs((plane + 1) / 2 * (side - 1) - expected)[garment].max() <= 1 / 256 + 1e-4
        assert (plane[~garment] == 0).all()


def test_corners_are_minus_one_and_one(tmp_path: Path) -> None:
    x, y = np.zeros(SIZE, np.float32), np.zeros(SIZE, np.float32)
    x[0, 1], y[0, 1] = 63, 47
    write_truth(tmp_path / "a.png", x, y, np.full(SIZE, HIDDEN, np.uint8))
    truth = read_truth(tmp_path / "a.png", SIZE)
    assert truth.grid[:, 0, 0].tolist() == [-1, -1] and truth.grid[:, 0, 1].tolist() == [1, 1]
    assert truth.garment.all() and not truth.visible.any()


def test_encoded_again_it_is_the_same_to_the_bit(tmp_path: Path) -> None:
    write_truth(tmp_path / "a.png", *truth_arrays(1, SIZE))
    truth = read_truth(tmp_path / "a.png", SIZE)
    (tmp_path / "b.png").write_bytes(encode_truth(truth))
    again = read_truth(tmp_path / "b.png", SIZE)
    assert torch.equal(again.grid, truth.grid)
    assert torch.equal(again.garment, truth.garment) and torch.equal(again.visible, truth.visible)


@pytest.mark.parametrize(
    ("pixels", "fault"),
    [
        (np.zeros((64, 48, 3), np.uint16), "is 48x64, uint16"),
        (np.zeros((48, 64, 3), np.uint8), "is 64x48, uint8"),
        (np.zeros((48, 64), np.uint16), "asks? for"),
        (np.full((48, 64, 3), 3, np.uint16), "third channel above 2"),
        (np.full((48, 64, 3), (1, 0, 64 * 128), np.uint16), "points outside"),
    ],
)
def test_other_pictures_are_refused(tmp_path: Path, pixels: np.ndarray, fault: str) -> None:
    cv2.imwrite(str(tmp_path / "a.png"), pixels)
    with pytest.raises(DataError, match=rf"a\.png.*{fault}"):
        read_truth(tmp_path / "a.png", SIZE)


def test_missing_and_damaged_files(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(DataError, match=r"gone\.png cannot be read"):
        read_truth(tmp_path / "gone.png", SIZE)
    write_truth(tmp_path / "a.png", *truth_arrays(0, SIZE))
    content = bytearray((tmp_path / "a.png").read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "a.png").write_bytes(content)
    with pytest.raises(DataError, match=r"a\.png is damaged"):
        read_truth(tmp_path / "a.png", SIZE)
    (tmp_path / "a.png").write_bytes(content[:-20])
    with pytest.raises(DataError, match=r"a\.png is damaged"):
        read_truth(tmp_path / "a.png", SIZE)
    cv2.imwrite(str(tmp_path / "a.tif"), np.zeros((*SIZE, 3), np.uint16))
    with pytest.raises(DataError, match=r"a\.tif is damaged, or no PNG"):
        read_truth(tmp_path / "a.tif", SIZE)
    assert capfd.readouterr().err == ""  # OpenCV would grumble there
