"""Poses out of datasets: the same whatever the picture, and nobody is dropped in silence."""

from pathlib import Path

import numpy as np
import pytest

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import Split
from dmvton_mobile.datasets.sample import DataError
from tests.conftest import SMALL
from tests.datasets.written import save_json, write_viton
from training.synthesis.poses import UPPER_BODY, FloatArray, collect_poses, dataset_poses, upper_body_joints
from training.synthesis.renderer import sampled_keypoints


def a_pose() -> FloatArray:
    return sampled_keypoints(Split.TRAIN, 0, 0, SMALL)


def joints_of(keypoints: FloatArray) -> FloatArray:
    joints = upper_body_joints(keypoints)
    assert joints is not None
    return joints


def test_a_pose_is_the_same_at_another_place_and_scale() -> None:
    pose = a_pose()
    moved = pose * [3.0, 3.0, 1.0] + [40.0, -7.0, 0.0]
    assert np.allclose(joints_of(pose), joints_of(moved), equal_nan=True)
    hips = joints_of(pose)[[UPPER_BODY.index(8), UPPER_BODY.index(11)]].mean(0)
    assert np.linalg.norm(hips) == pytest.approx(1)


def test_a_joint_that_is_not_found_is_no_number() -> None:
    pose = a_pose()
    pose[4] = 0
    joints = joints_of(pose)
    assert np.isnan(joints[UPPER_BODY.index(4)]).all() and np.isnan(joints).sum() == 2


@pytest.mark.parametrize("point", [1, 8, 11])
def test_who_has_no_torso_is_named(point: int) -> None:
    pose = a_pose()
    pose[point] = 0
    poses = collect_poses([("whole", a_pose()), ("cut", pose)])
    assert poses.names == ("whole",) and poses.torsoless == ("cut",) and len(poses) == 1


def test_a_torso_of_no_length_is_none() -> None:
    pose = a_pose()
    pose[[1, 8, 11], :2] = 50.0
    assert upper_body_joints(pose) is None


def test_a_dataset_holds_the_poses_that_were_drawn(dataset: TryOnDataset) -> None:
    poses = dataset_poses(dataset)
    assert poses.names == tuple(pair.person for pair in dataset.pairs)
    for index in range(len(dataset)):
        assert np.allclose(
            poses.keypoints[index, :, :2], sampled_keypoints(Split.TRAIN, 0, index, SMALL)[:, :2], atol=1e-5
        )


def test_a_dataset_without_poses_is_refused(tmp_path: Path) -> None:
    write_viton(tmp_path, "test", parsed=False)
    with pytest.raises(DataError, match="holds no poses for test.*OpenPose"):
        dataset_poses(open_dataset(tmp_path, "test"))


def test_a_missing_pose_file_is_named(tmp_path: Path) -> None:
    write_viton(tmp_path)
    (tmp_path / "train_pose/000001_0.json").unlink()
    with pytest.raises(DataError, match="000001_0.json"):
        dataset_poses(open_dataset(tmp_path, "train"))


def test_a_dataset_of_nobody_s_torso_is_refused(tmp_path: Path) -> None:
    write_viton(tmp_path)
    for path in (tmp_path / "train_pose").iterdir():
        save_json(path, {"people": []})
    with pytest.raises(DataError, match="nobody's neck and hips"):
        dataset_poses(open_dataset(tmp_path, "train"))
