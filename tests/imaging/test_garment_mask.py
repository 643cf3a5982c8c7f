"""Masks from all three sources, on the example garments, whose true masks are known."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.imaging.decode import ImageError, Picture, Pixels, read_mask, read_picture
from dmvton_mobile.imaging.garment_mask import MaskSource, find_garment_mask, mask_problem
from examples.draw_garments.tee import draw_tee

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def tee() -> tuple[Pixels, Pixels]:
    """The tee as its script draws it: picture and true mask."""
    return draw_tee()


def overlap(mask: Pixels, truth: Pixels) -> float:
    a, b = mask > 127, truth > 127
    return float((a & b).sum() / (a | b).sum())


def opaque(picture: Picture, ground: tuple[int, int, int]) -> Picture:
    """The picture laid on a plain ground, its alpha gone."""
    assert picture.alpha is not None
    weight = picture.alpha[..., None] / 255
    return Picture(
        (picture.rgb * weight + np.array(ground) * (1 - weight)).round().astype(np.uint8), None, picture.path
    )


def test_tee_from_its_background(tee: tuple[Pixels, Pixels]) -> None:
    found = find_garment_mask(read_picture(EXAMPLES / "tee.jpg"))
    assert found.source is MaskSource.BACKGROUND
    assert set(np.unique(found.mask)) == {0, 255}
    assert overlap(found.mask, tee[1]) > 0.97
    assert mask_problem(found.mask) is None


def test_shirt_from_its_background() -> None:
    found = find_garment_mask(read_picture(EXAMPLES / "shirt.jpg"))
    assert overlap(found.mask, read_mask(EXAMPLES / "shirt_mask.png", (1024, 768))) > 0.97


@pytest.mark.parametrize("ground", [(255, 255, 255), (128, 128, 128), (205, 225, 240)])
def test_sweater_from_plain_grounds(ground: tuple[int, int, int]) -> None:
    picture = read_picture(EXAMPLES / "sweater.png")
    assert picture.alpha is not None
    assert overlap(find_garment_mask(opaque(picture, ground)).mask, picture.alpha) > 0.97


def test_background_search_gives_the_same_mask_every_time() -> None:
    picture = read_picture(EXAMPLES / "tee.jpg")
    np.testing.assert_array_equal(find_garment_mask(picture).mask, find_garment_mask(picture).mask)


def test_alpha_comes_before_the_background() -> None:
    picture = read_picture(EXAMPLES / "sweater.png")
    found = find_garment_mask(picture)
    assert found.source is MaskSource.ALPHA
    assert picture.alpha is not None
    np.testing.assert_array_equal(found.mask, np.where(picture.alpha >= 128, 255, 0))


def test_opaque_alpha_says_nothing() -> None:
    tee = read_picture(EXAMPLES / "tee.jpg")
    found = find_garment_mask(Picture(tee.rgb, np.full(tee.size, 255, np.uint8), tee.path))
    assert found.source is MaskSource.BACKGROUND
    assert mask_problem(found.mask) is None


def test_file_comes_first(tmp_path: Path) -> None:
    mask = np.zeros((1024, 768), np.uint8)
    mask[200:800, 200:600] = 200
    Image.fromarray(mask).save(tmp_path / "mask.png")
    found = find_garment_mask(read_picture(EXAMPLES / "sweater.png"), tmp_path / "mask.png")
    assert found.source is MaskSource.FILE
    np.testing.assert_array_equal(found.mask, np.where(mask > 0, 255, 0))


def test_file_of_another_size_is_refused(tmp_path: Path) -> None:
    Image.new("L", (100, 100)).save(tmp_path / "mask.png")
    with pytest.raises(ImageError, match="100x100.*768x1024"):
        find_garment_mask(read_picture(EXAMPLES / "tee.jpg"), tmp_path / "mask.png")


@pytest.mark.parametrize("level", [0, 128, 255])
def test_a_picture_of_nothing_gives_an_empty_mask(level: int) -> None:
    picture = Picture(np.full((400, 300, 3), level, np.uint8), None, Path("blank.png"))
    problem = mask_problem(find_garment_mask(picture).mask)
    assert problem is not None
    assert problem.startswith("The mask is empty")


def test_problems() -> None:
    truth = read_mask(EXAMPLES / "shirt_mask.png", (1024, 768))
    assert mask_problem(truth) is None
    for mask, word in ((truth * 0, "empty"), (truth * 0 + 255, "full"), (255 - truth, "inverted")):
        problem = mask_problem(mask.astype(np.uint8))
        assert problem is not None
        assert word in problem


def test_examples_are_what_the_script_draws(tee: tuple[Pixels, Pixels]) -> None:
    difference = np.abs(tee[0].astype(int) - read_picture(EXAMPLES / "tee.jpg").rgb)
    assert difference.mean() < 3  # JPEG
