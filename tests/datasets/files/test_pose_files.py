"""Poses from JSON: both spellings, both orders of points, and files that are none."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dmvton_mobile.datasets.files.pose_files import MAX_BYTES, read_dresscode_keypoints, read_openpose
from dmvton_mobile.datasets.sample import DataError
from tests.datasets.written import keypoints, openpose, save_json

ROW = [10, 20, 0.5, 1]


@pytest.mark.parametrize("key", ["pose_keypoints", "pose_keypoints_2d"])
def test_18_points_are_taken_as_they_are(tmp_path: Path, key: str) -> None:
    save_json(tmp_path / "a.json", openpose(key))
    assert torch.equal(read_openpose(tmp_path / "a.json"), torch.tensor(keypoints(18)))


def test_body_25_loses_the_hips_middle_and_the_feet(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", openpose("pose_keypoints_2d", 25))
    pose, stored = read_openpose(tmp_path / "a.json"), keypoints(25)
    # BODY_25: 8 middle of the hips, 9 right hip, 12 left hip, 15 right eye, 18 left ear; COCO: 8, 11, 14, 17
    for coco, body_25 in {0: 0, 4: 4, 7: 7, 8: 9, 10: 11, 11: 12, 13: 14, 14: 15, 17: 18}.items():
        assert pose[coco].tolist() == pytest.approx(stored[body_25])
    assert pose.shape == (18, 3)


def test_the_first_of_several_people(tmp_path: Path) -> None:
    first, second = openpose()["people"], [{"pose_keypoints": [7.0] * 54}]
    save_json(tmp_path / "a.json", {"people": [*first, *second]})  # type: ignore[misc]
    assert torch.equal(read_openpose(tmp_path / "a.json"), torch.tensor(keypoints(18)))


def test_nobody_is_all_zeros(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", {"people": []})
    assert torch.equal(read_openpose(tmp_path / "a.json"), torch.zeros(18, 3))


def test_dresscode_rows(tmp_path: Path) -> None:
    save_json(tmp_path / "a.json", {"keypoints": [ROW, [-1, -1, 0.3, 0], [0, 5, 0.7, 2], *[ROW] * 15]})
    pose = read_dresscode_keypoints(tmp_path / "a.json")
    assert pose.shape == (18, 3)
    assert pose[:3].tolist() == [[10, 20, 0.5], [0, 0, 0], pytest.approx([0, 5, 0.7])]


def people(values: Any) -> dict[str, Any]:
    return {"people": [{"pose_keypoints": values}]}


@pytest.mark.parametrize(
    "text",
    [
        "",
        "null",
        "[]",
        "people",
        "{}",
        '{"people": null}',
        '{"people": {}}',
        '{"people": [{}]}',
        '{"people": [[]]}',
        '{"people": [{"pose_keypoints": "1, 2"}]}',
        json.dumps(people([])),
        json.dumps(people([1.0] * 53)),
        json.dumps(people([1.0] * 57)),
        json.dumps(people(["1"] * 54)),
        json.dumps(people([True] * 54)),
        json.dumps(people([None] * 54)),
        json.dumps(people([[1.0]] * 54)),
        json.dumps(people([float("nan")] * 54)),
        json.dumps(people([float("inf")] * 54)),
        json.dumps(people([-1e6] * 54)),
        json.dumps(people([0] * 53)).replace("0]", f"0, {'9' * 6000}]"),
        json.dumps(people([0] * 53)).replace("0]", "0, 1e999]"),
        json.dumps(people([0] * 54))[:-3],
        '{"people": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"people": ' * 50_000,
        "\ud800",
    ],
    ids=lambda text: text[:30] or "empty",
)
@pytest.mark.parametrize("read", [read_openpose, read_dresscode_keypoints])
def test_hostile_files_are_named(tmp_path: Path, text: str, read: Any) -> None:
    (tmp_path / "bad.json").write_text(text, encoding="utf-8", errors="surrogatepass")
    with pytest.raises(DataError, match=r"bad\.json .*Detect the pose again") as refusal:
        read(tmp_path / "bad.json")
    assert len(str(refusal.value)) < 500


@pytest.mark.parametrize("rows", [[ROW] * 17, [ROW] * 19, [ROW[:3]] * 18, [[*ROW, 0]] * 18, [["a", 1, 1, 1]] * 18, 5])
def test_dresscode_rows_that_are_none(tmp_path: Path, rows: Any) -> None:
    save_json(tmp_path / "bad.json", {"keypoints": rows})
    with pytest.raises(DataError, match=r"bad\.json is not a pose: keypoints"):
        read_dresscode_keypoints(tmp_path / "bad.json")


def test_missing_and_endless_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"There is no file .*gone\.json"):
        read_openpose(tmp_path / "gone.json")
    with pytest.raises(DataError, match="cannot be read"):
        read_openpose(tmp_path)
    (tmp_path / "long.json").write_bytes(b" " * (MAX_BYTES + 1))
    with pytest.raises(DataError, match=r"long\.json is larger than 1 MB"):
        read_openpose(tmp_path / "long.json")
