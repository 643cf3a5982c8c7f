"""The channels of the parser-based networks, one by one, against cases worked out by hand."""

from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import generator_input, person_clothes, pose_maps, warp_condition
from dmvton_mobile.datasets.sample import DataError, TryOnSample

SIZE = (16, 25)  # height, width


def batch_of(label: Tensor, densepose: Tensor, pose: Tensor | None = None) -> TryOnSample:
    """label, densepose: uint8 [B, H, W]. The person is 0.25, 0.5, -0.75 everywhere."""
    count, height, width = label.shape
    person = torch.tensor([0.25, 0.5, -0.75])[None, :, None, None].expand(count, 3, height, width)
    blank = torch.zeros(count, 1, height, width)
    poses = torch.zeros(count, 18, 3) if pose is None else pose
    return TryOnSample("p", "g", person, blank.expand(-1, 3, -1, -1), blank, label, densepose, poses)


def all_ids() -> TryOnSample:
    """Two persons of one row: column k has label k % 14 and DensePose id k; the second one's columns run backwards."""
    columns = torch.arange(25)
    label, densepose = (columns % 14).to(torch.uint8)[None], columns.to(torch.uint8)[None]
    both = [torch.stack([row, row.flip(1)]) for row in (label, densepose)]
    return batch_of(*both)


def columns_of(channel: Tensor) -> set[int]:
    """Where a channel [1, W] in {0, 1} is 1."""
    assert set(channel.unique().tolist()) <= {0.0, 1.0}
    return set(channel[0].nonzero().flatten().tolist())


def backwards(columns: set[int]) -> set[int]:
    return {24 - column for column in columns}


def test_clothes_are_label_4_alone() -> None:
    clothes, mask = person_clothes(all_ids())
    assert mask.shape == (2, 1, 1, 25) and clothes.shape == (2, 3, 1, 25)
    assert columns_of(mask[0, 0]) == {4, 18} and columns_of(mask[1, 0]) == backwards({4, 18})
    assert clothes[0, :, 0, 4].tolist() == [0.25, 0.5, -0.75]
    assert clothes[0, :, 0, 5].tolist() == [0, 0, 0]


def test_preserved_channels() -> None:
    condition = warp_condition(all_ids())
    assert condition.shape == (2, 45, 1, 25)
    face, others = {1, 12, 15}, {5, 6, 8, 9, 10, 19, 20, 22, 23, 24}  # labels 1, 12 and 5, 6, 8, 9, 10
    assert columns_of(condition[0, 0]) == face and columns_of(condition[1, 0]) == backwards(face)
    assert columns_of(condition[0, 1]) == others and columns_of(condition[1, 1]) == backwards(others)


@pytest.mark.parametrize("part", range(25))
def test_one_channel_per_densepose_id(part: int) -> None:
    condition = warp_condition(all_ids())
    assert columns_of(condition[0, 2 + part]) == {part}
    assert columns_of(condition[1, 2 + part]) == {24 - part}


def test_poses_come_last_and_in_order() -> None:
    pose = torch.zeros(1, 18, 3)
    pose[0, :, 0], pose[0, :, 1] = torch.arange(18) + 2, 8
    blank = torch.zeros(1, *SIZE, dtype=torch.uint8)
    condition = warp_condition(batch_of(blank, blank, pose))
    for point in range(18):
        assert torch.equal(condition[0, 27 + point], square(8, 2 + point))
    assert (condition[:, 2] == 1).all() and not condition[:, :2].any()  # background in DensePose, nothing preserved


def square(y: int, x: int) -> Tensor:
    """The map of a keypoint at (x, y), pixel by pixel."""
    height, width = SIZE
    return torch.tensor(
        [
            [1.0 if abs(row - y) <= 5 and abs(column - x) <= 5 else -1.0 for column in range(width)]
            for row in range(height)
        ]
    )


def single(x: float, y: float, confidence: float = 1.0) -> Tensor:
    pose = torch.zeros(1, 18, 3)
    pose[0, 4] = torch.tensor([x, y, confidence])
    maps = pose_maps(pose, SIZE)
    assert maps.shape == (1, 18, *SIZE)
    assert (maps[0, [point for point in range(18) if point != 4]] == -1).all()
    return maps[0, 4]


def test_a_keypoint_is_a_square_of_11_pixels() -> None:
    drawn = single(12, 8)
    assert (drawn == 1).sum() == 121
    assert torch.equal(drawn, square(8, 12))


@pytest.mark.parametrize(
    ("x", "y", "columns", "rows"),
    [
        (2, 2, range(0, 8), range(0, 8)),  # over the top left corner
        (24, 15, range(19, 25), range(10, 16)),  # over the bottom right one
        (12.9, 8.9, range(7, 18), range(3, 14)),  # 7.9 to 17.9 and 3.9 to 13.9, cut
        (1.5, 8, range(0, 7), range(3, 14)),  # -3.5 is cut to -3, 6.5 to 6
        (28, 8, range(23, 25), range(3, 14)),  # outside, its square reaches in
    ],
)
def test_corners_are_cut_and_clipped(x: float, y: float, columns: range, rows: range) -> None:
    expected = torch.full(SIZE, -1.0)
    expected[rows.start : rows.stop, columns.start : columns.stop] = 1
    assert torch.equal(single(x, y), expected)


@pytest.mark.parametrize(("x", "y"), [(0, 0), (1, 8), (8, 1), (0.5, 8), (-3, 8), (8, -3), (40, 8), (8, 40)])
def test_keypoints_not_found_or_far_outside_leave_nothing(x: float, y: float) -> None:
    assert (single(x, y) == -1).all()


def test_confidence_does_not_matter() -> None:
    assert torch.equal(single(12, 8, 0.0), single(12, 8, 1.0))


def test_maps_of_a_batch_do_not_mix() -> None:
    pose = torch.zeros(2, 18, 3)
    pose[1, 0] = torch.tensor([12.0, 8.0, 1.0])
    maps = pose_maps(pose, SIZE)
    assert (maps[0] == -1).all() and torch.equal(maps[1, 0], square(8, 12))


class TestGenerator:
    def test_what_is_kept_of_the_person(self) -> None:
        kept = generator_input(all_ids(), *self.warped(2, 1, 25), torch.zeros(2, 1, 1, 25))[:, :3]
        columns = {1, 12, 15} | {
            5,
            6,
            8,
            9,
            10,
            19,
            20,
            22,
            23,
            24,
        }  # as above; no hand: labels 3 and 4 under ids 3 and 4
        assert columns_of((kept[0, 0] != 0).float()) == columns
        assert columns_of((kept[1, 2] != 0).float()) == backwards(columns)
        for column in columns:
            assert kept[0, :, 0, column].tolist() == [0.25, 0.5, -0.75]

    def test_hands_are_where_arm_and_hand_agree(self) -> None:
        label = torch.tensor([[[11, 11, 13, 13, 4, 11]]], dtype=torch.uint8)
        densepose = torch.tensor([[[3, 4, 3, 20, 3, 0]]], dtype=torch.uint8)
        built = generator_input(batch_of(label, densepose), *self.warped(1, 1, 6), torch.zeros(1, 1, 1, 6))
        assert columns_of((built[0, 0] != 0).float()) == {0, 1, 2}

    def test_bare_arms_are_15_to_22_where_nothing_covers_them(self) -> None:
        covered = torch.zeros(2, 1, 1, 25)
        covered[0, ..., 17], covered[0, ..., 18] = 1, 0.25
        arms = generator_input(all_ids(), *self.warped(2, 1, 25), covered)[:, 7]
        assert arms[0, 0].tolist() == [0] * 15 + [1, 1, 0, 0.75, 1, 1, 1, 1, 0, 0]
        assert columns_of(arms[1]) == backwards(set(range(15, 23)))

    def test_order(self) -> None:
        garment, mask = self.warped(2, 1, 25)
        built = generator_input(all_ids(), garment, mask, torch.zeros(2, 1, 1, 25))
        assert built.shape == (2, 8, 1, 25) and built.dtype == torch.float32
        assert torch.equal(built[:, 3:6], garment) and torch.equal(built[:, 6:7], mask)

    @staticmethod
    def warped(count: int, height: int, width: int) -> tuple[Tensor, Tensor]:
        random = torch.Generator().manual_seed(0)
        return torch.rand(count, 3, height, width, generator=random), torch.rand(
            count, 1, height, width, generator=random
        )


@pytest.mark.parametrize(
    ("missing", "what"), [("label", "label maps"), ("densepose", "DensePose maps"), ("pose", "poses")]
)
def test_what_a_batch_lacks_is_named(missing: str, what: str) -> None:
    nothing: dict[str, Any] = {missing: None}
    with pytest.raises(DataError, match=f"need {what}"):
        warp_condition(replace(all_ids(), **nothing))
