"""Texts on pictures: where they are, and nowhere else."""

from pathlib import Path

import numpy as np

from dmvton_mobile.imaging.decode import read_mask, read_picture
from dmvton_mobile.imaging.garment_mask import GarmentMask, MaskSource
from dmvton_mobile.imaging.notices import stamp, warning_sheet
from dmvton_mobile.imaging.window import Window

EXAMPLES = Path(__file__).parents[2] / "examples"


def test_a_stamp_changes_only_the_foot_of_its_window() -> None:
    photo = np.full((400, 500, 3), 128, np.uint8)
    window = Window(100, 0, 300, 400)
    stamped = stamp(photo, window, "untrained weights")
    changed = np.argwhere((stamped != photo).any(2))
    assert changed.size and (photo == 128).all()
    assert changed[:, 0].min() > 300 and changed[:, 1].min() >= 100 and changed[:, 1].max() < 400


def test_warning_sheet_shows_garment_mask_overlay_and_sentence() -> None:
    picture = read_picture(EXAMPLES / "shirt.jpg")
    mask = GarmentMask(read_mask(EXAMPLES / "shirt_mask.png", picture.size), MaskSource.FILE)
    plain, worded = warning_sheet(picture, mask, "x"), warning_sheet(picture, mask, "The mask seems inverted.")
    assert plain.dtype == np.uint8
    assert plain.shape == worded.shape
    assert plain.shape[1] > 3 * 360
    changed = np.abs(plain.astype(int) - worded).max(2) > 0
    assert changed[:60].any()
    assert not changed[80:].any()
    middle = worded[360]
    assert (middle[16 + 360 + 16 + 180] == 255).all()  # the mask panel, inside the shirt
    assert (worded[120, 16 + 360 + 16 + 20] == 0).all()  # and outside
