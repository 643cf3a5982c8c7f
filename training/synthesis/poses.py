"""Poses that can be compared: the joints of the upper body, in torso lengths from the neck, whatever the picture."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import KEYPOINTS, DataError

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]
NECK, RIGHT_HIP, LEFT_HIP = 1, 8, 11
UPPER_BODY = (2, 5, 3, 6, 4, 7, RIGHT_HIP, LEFT_HIP)  # shoulders, elbows, wrists, hips: the right one, the left one
SMALLEST_TORSO = 4.0  # pixels, neck to hips


@dataclass(frozen=True)
class Poses:
    """The poses of N people.

    Attributes:
        names: The people's names, N.
        keypoints: float64 [N, 18, 3]: x, y in pixels and confidence, which is 0 for a keypoint that is not found.
        joints: float64 [N, 8, 2], see `upper_body_joints`.
        torsoless: The names of further people, whose neck or hips are not found.
    """

    names: tuple[str, ...]
    keypoints: FloatArray
    joints: FloatArray
    torsoless: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def torso(keypoints: FloatArray) -> tuple[FloatArray, float] | None:
    """Measures the torso of a person.

    Args:
        keypoints: [18, 3], see `Poses`.

    Returns:
        The neck (x, y) and the length from there to the middle of the hips, in pixels. None where one of the three is
        not found, or the length is below 4 pixels.
    """
    if (keypoints[[NECK, RIGHT_HIP, LEFT_HIP], 2] <= 0).any():
        return None
    neck = keypoints[NECK, :2]
    length = float(np.linalg.norm(keypoints[[RIGHT_HIP, LEFT_HIP], :2].mean(0) - neck))
    return None if length < SMALLEST_TORSO else (neck, length)


def upper_body_joints(keypoints: FloatArray) -> FloatArray | None:
    """Extracts the joints of `UPPER_BODY`.

    Args:
        keypoints: [18, 3], see `Poses`.

    Returns:
        [8, 2]: x and y from the neck in torso lengths, NaN for a joint that is not found. None without a torso.
    """
    measured = torso(keypoints)
    if measured is None:
        return None
    neck, length = measured
    joints = keypoints[list(UPPER_BODY)]
    return np.where(joints[:, 2:] > 0, (joints[:, :2] - neck) / length, np.nan)


def collect_poses(people: Iterable[tuple[str, FloatArray]]) -> Poses:
    """Collects the poses of people, each given by a name and keypoints [18, 3]."""
    complete, torsoless = [], []
    for name, keypoints in people:
        joints = upper_body_joints(keypoints)
        if joints is None:
            torsoless.append(name)
        else:
            complete.append((name, keypoints, joints))
    return Poses(
        names=tuple(name for name, _, _ in complete),
        keypoints=np.array([keypoints for _, keypoints, _ in complete]).reshape(-1, KEYPOINTS, 3),
        joints=np.array([joints for _, _, joints in complete]).reshape(-1, len(UPPER_BODY), 2),
        torsoless=tuple(torsoless),
    )


def dataset_poses(dataset: TryOnDataset) -> Poses:
    """Reads the poses of a dataset's people, in the pixels of its pose files; no picture is read.

    Raises:
        DataError: The dataset has no poses, a pose file is missing or damaged, or nobody has a torso.
    """
    people = []
    for pair in dataset.pairs:
        path = dataset.person_files(pair).pose
        if path is None:
            raise DataError(
                f"{dataset.root} ({dataset.layout}) holds no poses for {dataset.phase}, so nobody can say which it "
                "lacks. Detect them with OpenPose first."
            )
        people.append((pair.person, as_float64(dataset.read_pose(path, dataset.size))))
    poses = collect_poses(people)
    if not len(poses):
        raise DataError(
            f"In {dataset.root} ({dataset.phase}) nobody's neck and hips are found. Detect the poses again."
        )
    return poses


def as_float64(pose: Tensor) -> FloatArray:
    """Converts a sample's pose, float32 [18, 3], to the keypoints that everything here takes."""
    return pose.numpy().astype(np.float64)
