"""Clusters of poses: what is told apart, what is not, and what makes none."""

import sys

import numpy as np
import pytest

from dmvton_mobile.datasets.procedural.people import Split, scene_rng
from dmvton_mobile.datasets.procedural.scene.sampling import sample_person
from dmvton_mobile.datasets.procedural.scene.scene import ArmPose
from dmvton_mobile.errors import DmvtonError
from tests.training.synthesis.conftest import CLUSTERS
from training.synthesis.clusters import PoseClusters, fit_clusters
from training.synthesis.poses import FloatArray, Poses, collect_poses

MIRRORED = [0, 1, 5, 6, 7, 2, 3, 4, 11, 12, 13, 8, 9, 10, 15, 14, 17, 16]


def joints_of(keypoints: FloatArray) -> FloatArray:
    return collect_poses([(str(number), pose) for number, pose in enumerate(keypoints)]).joints


def test_the_clusters_of_the_same_poses_are_the_same(reference: Poses, clusters: PoseClusters) -> None:
    again = fit_clusters(reference, CLUSTERS)
    assert np.array_equal(again.centres, clusters.centres)
    counts = clusters.count(reference.joints)
    assert counts.sum() == len(reference) and (np.diff(counts) <= 0).all() and counts.min() > 0


def test_a_mirrored_pose_is_the_same_pose(reference: Poses, clusters: PoseClusters) -> None:
    mirrored = reference.keypoints[:, MIRRORED]
    mirrored = np.where(mirrored[..., 2:] > 0, mirrored * [-1, 1, 1] + [1000, 0, 0], 0)
    assert np.array_equal(clusters.assign(joints_of(mirrored)), clusters.assign(reference.joints))


def test_arms_up_and_arms_down_are_told_apart(reference: Poses, clusters: PoseClusters) -> None:
    arms = [sample_person(scene_rng(Split.TRAIN, 0, index, "person")).pose for index in range(len(reference))]
    numbers = clusters.assign(reference.joints)
    raised = {numbers[i] for i, pose in enumerate(arms) if {pose.left.pose, pose.right.pose} == {ArmPose.RAISED}}
    down = {numbers[i] for i, pose in enumerate(arms) if {pose.left.pose, pose.right.pose} == {ArmPose.DOWN}}
    assert raised and down and not raised & down
    assert all("raised" in clusters.describe_hands(cluster) for cluster in raised)
    assert "down" in clusters.describe_hands(min(down))


def test_a_hand_out_of_view_is_put_where_a_straight_arm_has_it(reference: Poses, clusters: PoseClusters) -> None:
    """Both arms straight up: in the same cluster with and without the hands."""
    pose = reference.keypoints[0].copy()
    neck = pose[1, :2]
    length = np.linalg.norm(pose[[8, 11], :2].mean(0) - neck)
    for side, (shoulder, elbow, wrist) in ((-1, (2, 3, 4)), (1, (5, 6, 7))):
        for joint, height in ((shoulder, 0.15), (elbow, -0.35), (wrist, -0.85)):
            pose[joint] = [neck[0] + side * 0.35 * length, neck[1] + height * length, 0.9]
    cut = pose.copy()
    cut[[4, 7]] = 0
    numbers = clusters.assign(joints_of(np.stack([pose, cut])))
    assert numbers[0] == numbers[1] and "raised" in clusters.describe_hands(int(numbers[0]))


def test_too_few_people_make_no_clusters(reference: Poses) -> None:
    few = collect_poses(zip(reference.names[:3], reference.keypoints[:3], strict=True))
    with pytest.raises(DmvtonError, match="3 different poses make no 4 clusters"):
        fit_clusters(few, 4)
    same = collect_poses((str(number), reference.keypoints[0]) for number in range(20))
    with pytest.raises(DmvtonError, match="1 different pose makes no 2 clusters"):
        fit_clusters(same, 2)
    assert len(fit_clusters(few, 3)) == 3


def test_without_scipy_the_package_to_install_is_named(reference: Poses, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "scipy.cluster.vq", None)
    with pytest.raises(DmvtonError, match=r"dmvton-mobile\[data\]"):
        fit_clusters(reference, 2)
