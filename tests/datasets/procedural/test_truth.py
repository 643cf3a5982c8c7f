"""What a rendering says of itself holds, whatever the seed."""

import tempfile
from functools import lru_cache
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from hypothesis import given, settings
from hypothesis import strategies as st

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.files.truth_files import SEEN, read_truth
from dmvton_mobile.datasets.procedural.people import People, Split
from dmvton_mobile.datasets.procedural.render import Rendering
from dmvton_mobile.datasets.procedural.rendered_person import RenderedPerson, render_people
from dmvton_mobile.datasets.procedural.writer import write_person
from dmvton_mobile.datasets.sample import DensePosePart, Label
from dmvton_mobile.imaging.decode import read_picture
from dmvton_mobile.metrics.psnr import psnr_db

indices = st.integers(0, 100_000)
some = settings(max_examples=25, deadline=None, derandomize=True)
ARMS = {
    Label.LEFT_ARM: [part for part in DensePosePart if part.name.startswith("LEFT") and "ARM" in part.name]
    + [DensePosePart.LEFT_HAND],
    Label.RIGHT_ARM: [part for part in DensePosePart if part.name.startswith("RIGHT") and "ARM" in part.name]
    + [DensePosePart.RIGHT_HAND],
}


@lru_cache(maxsize=64)
def rendered(index: int, size: tuple[int, int] = DEFAULT_SIZE) -> RenderedPerson:
    return next(render_people(People(Split.TRAIN, 7, 200_000, size), [index]))


def both(person: RenderedPerson) -> tuple[Rendering, Rendering]:
    return person.paired, person.unpaired


def psnr_of_the_warp(person: RenderedPerson, shift: float = 0.0) -> float:
    """The written garment picture, sampled by the written grid (moved by `shift` pixels), against what was worn."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for part in ("img", "color", "edge", "label", "densepose", "pose"):
            (folder / f"train_{part}").mkdir()
        for part in ("grid", "unpaired_img", "unpaired_grid"):
            (folder / "truth" / f"train_{part}").mkdir(parents=True)
        write_person(person, folder, "train")
        picture = read_picture(folder / "train_color" / f"{person.index:06d}_1.jpg").rgb
        truth = read_truth(folder / "truth" / "train_grid" / f"{person.index:06d}_0.png", person.posed_body.size)
    garment = torch.from_numpy(picture).permute(2, 0, 1)[None].float() / 255
    grid = truth.grid[None].permute(0, 2, 3, 1) + 2 * shift / person.posed_body.size[0]
    warped = F.grid_sample(garment, grid, align_corners=True, padding_mode="border")[0].permute(1, 2, 0).numpy()
    seen = person.paired.state == SEEN
    return psnr_db(reference=person.paired.albedo[seen], candidate=warped[seen], peak=1.0)


@some
@given(indices)
def test_the_grid_carries_the_garment_onto_the_person(index: int) -> None:
    assert psnr_of_the_warp(rendered(index)) >= 30


def test_a_grid_moved_by_three_pixels_does_not() -> None:
    figures = [psnr_of_the_warp(rendered(index), shift=3.0) for index in range(12)]
    assert np.median(figures) < 30


@some
@given(indices)
def test_upper_clothes_are_where_the_garment_is_seen(index: int) -> None:
    for rendering in both(rendered(index)):
        assert np.array_equal(rendering.label == Label.UPPER_CLOTHES, rendering.state == SEEN)
        assert (rendering.state == SEEN).mean() > 0.02


@some
@given(indices)
def test_what_is_seen_lies_on_the_flat_garment(index: int) -> None:
    person = rendered(index)
    seen = person.paired.state == SEEN
    on_garment = cv2.remap(person.garment.mask, person.paired.grid_x, person.paired.grid_y, cv2.INTER_LINEAR)
    assert (on_garment[seen] > 0.5).mean() > 0.999


@some
@given(indices)
def test_bare_arms_are_arms_of_their_side(index: int) -> None:
    for rendering in both(rendered(index)):
        for label, parts in ARMS.items():
            assert np.isin(rendering.densepose[rendering.label == label], parts).all()


@some
@given(indices)
def test_no_body_without_a_label(index: int) -> None:
    for rendering in both(rendered(index)):
        assert (rendering.label[rendering.densepose > 0] != Label.BACKGROUND).all()
        assert rendering.label.max() <= Label.RIGHT_ARM and rendering.densepose.max() <= DensePosePart.HEAD_LEFT


@some
@given(indices)
def test_the_face_is_head_neck_or_chest(index: int) -> None:
    rendering = rendered(index).paired
    parts = rendering.densepose[rendering.label == Label.FACE]
    expected = np.isin(parts, (DensePosePart.HEAD_LEFT, DensePosePart.HEAD_RIGHT, DensePosePart.TORSO_FRONT))
    assert expected.mean() > 0.9  # the ears are none of DensePose's parts


@some
@given(indices)
def test_keypoints_lie_on_the_body(index: int) -> None:
    person = rendered(index)
    body = cv2.dilate((person.paired.densepose > 0).astype(np.uint8), np.ones((7, 7), np.uint8))
    found = person.posed_body.visible_keypoints()
    found = found[found[:, 2] > 0]
    assert len(found) >= 6
    assert all(body[round(float(y)), round(float(x))] for x, y, _ in found)
    nose, neck = person.posed_body.keypoints[:2]
    assert nose[1] < neck[1]


@some
@given(indices)
def test_another_garment_changes_nothing_else(index: int) -> None:
    person = rendered(index)
    own, other = both(person)
    assert np.array_equal(own.densepose, other.densepose)
    worn = ((own.state > 0) | (other.state > 0) | (own.label != other.label)).astype(np.uint8)
    # soft edges, and the lens, reach a few pixels further
    reached = cv2.dilate(worn, np.ones((11, 11), np.uint8)) > 0
    assert np.array_equal(own.picture[~reached], other.picture[~reached])
    assert not np.array_equal(own.picture, other.picture)


@pytest.mark.parametrize("size", [(128, 96), (512, 384)])
def test_another_size_shows_the_same_people(size: tuple[int, int]) -> None:
    small, large = rendered(3), rendered(3, size)
    scaled = cv2.resize(large.paired.label, DEFAULT_SIZE[::-1], interpolation=cv2.INTER_NEAREST)
    assert (scaled == small.paired.label).mean() > 0.95
