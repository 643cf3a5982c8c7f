"""Poses that can be compared: the joints of the upper body, in torso lengths from the neck, whatever the picture."""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.procedural.body.posed_body import pose_body
from dmvton_mobile.datasets.procedural.people import Split, scene_rng
from dmvton_mobile.datasets.procedural.scene.sampling import sample_person
from dmvton_mobile.datasets.sample import KEYPOINTS, DataError

Joints = NDArray[np.float64]
NECK, RIGHT_HIP, LEFT_HIP = 1, 8, 11
UPPER_BODY = (2, 5, 3, 6, 4, 7, RIGHT_HIP, LEFT_HIP)  # shoulders, elbows, wrists, hips: the right one, the left one
SMALLEST_TORSO = 4.0  # pixels, neck to hips


@dataclass(frozen=True)
class Poses:
    """People and their poses.

    names: of the N people. keypoints: float64 [N, 18, 3], x, y in pixels and confidence, 0 for one not found. joints:
    [N, 8, 2], see `upper_body`. torsoless: the names of people whose neck or hips are not found; nothing else is about
    them.
    """

    names: tuple[str, ...]
    keypoints: Joints
    joints: Joints
    torsoless: tuple[str, ...] = ()

    def __len__(self) -> int:
        return len(self.names)


def torso(keypoints: Joints) -> tuple[Joints, float] | None:
    """The neck (x, y) and the length from there to between the hips, in pixels, of [18, 3]; None where one of the three
    is not found, or the length is below SMALLEST_TORSO.
    """
    if (keypoints[[NECK, RIGHT_HIP, LEFT_HIP], 2] <= 0).any():
        return None
    neck = keypoints[NECK, :2]
    length = float(np.linalg.norm(keypoints[[RIGHT_HIP, LEFT_HIP], :2].mean(0) - neck))
    return None if length < SMALLEST_TORSO else (neck, length)


def upper_body(keypoints: Joints) -> Joints | None:
    """The joints of UPPER_BODY, [8, 2]: x and y from the neck in torso lengths, NaN for one that is not found. None for
    a person without a torso.
    """
    measured = torso(keypoints)
    if measured is None:
        return None
    neck, length = measured
    chosen = keypoints[list(UPPER_BODY)]
    return np.where(chosen[:, 2:] > 0, (chosen[:, :2] - neck) / length, np.nan)


def gathered(people: Iterable[tuple[str, Joints]]) -> Poses:
    """The poses of people given by name and keypoints [18, 3]."""
    known, torsoless = [], []
    for name, keypoints in people:
        joints = upper_body(keypoints)
        if joints is None:
            torsoless.append(name)
        else:
            known.append((name, keypoints, joints))
    return Poses(
        names=tuple(name for name, _, _ in known),
        keypoints=np.array([keypoints for _, keypoints, _ in known]).reshape(-1, KEYPOINTS, 3),
        joints=np.array([joints for _, _, joints in known]).reshape(-1, len(UPPER_BODY), 2),
        torsoless=tuple(torsoless),
    )


def poses_of(dataset: TryOnDataset) -> Poses:
    """The poses of a dataset's people, in the pixels of its pose files; no picture is read.

    Raises DataError where it holds no poses, a pose file is missing or damaged, or nobody has a torso.
    """
    people = []
    for pair in dataset.pairs:
        path = dataset.person_files(pair).pose
        if path is None:
            raise DataError(
                f"{dataset.root} ({dataset.layout}) holds no poses for {dataset.phase}, so nobody can say which it "
                "lacks. Detect them with OpenPose first."
            )
        people.append((pair.person, as_numbers(dataset.read_pose(path, dataset.size))))
    poses = gathered(people)
    if not len(poses):
        raise DataError(
            f"In {dataset.root} ({dataset.phase}) nobody's neck and hips are found. Detect the poses again."
        )
    return poses


def drawn_pose(split: Split, seed: int, index: int, size: tuple[int, int]) -> Joints:
    """The keypoints [18, 3] that the renderer would write of this person, who is not rendered."""
    posed_body = pose_body(sample_person(scene_rng(split, seed, index, "person")), size)
    return posed_body.visible_keypoints().astype(np.float64).round(2)  # as many digits as the file has


def as_numbers(pose: Tensor) -> Joints:
    """A sample's pose, float32 [18, 3], as the float64 array that everything here takes."""
    return pose.numpy().astype(np.float64)
