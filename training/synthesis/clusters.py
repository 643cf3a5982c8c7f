"""Clusters of poses by k-means over the joints of the upper body, and the gaps of a dataset against a reference.

Left and right are not distinguished: each pose is mirrored, where necessary, so that the higher hand is the left one. A
hand that is not found is put where a straight arm would have it, another joint at its mean place; the absence of a
joint counts as half a torso's length.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.optional_imports import optional_import
from training.synthesis.poses import UPPER_BODY, FloatArray, IntArray, Poses

DEFAULT_CLUSTERS = 12
_SWAPPED = [1, 0, 3, 2, 5, 4, 7, 6]  # indices into UPPER_BODY with right and left swapped
_RIGHT_ELBOW, _LEFT_ELBOW, _RIGHT_WRIST, _LEFT_WRIST = 2, 3, 4, 5
_ARMS = ((0, _RIGHT_ELBOW, _RIGHT_WRIST), (1, _LEFT_ELBOW, _LEFT_WRIST))
_STARTS = 8  # of k-means; the best of them counts
_STEPS = 50
_ABSENCE = 0.5  # torso lengths between a joint that is found and the same joint that is not
_SEED = 0  # fixed, so that the same poses make the same clusters in every command


@dataclass(frozen=True)
class PoseClusters:
    """K clusters of poses.

    Attributes:
        centres: float64 [K, 24], features as of `_features`; the most frequent cluster comes first.
        mean_joints: float64 [8, 2], the mean place of each joint, in torso lengths from the neck.
    """

    centres: FloatArray
    mean_joints: FloatArray

    def __len__(self) -> int:
        return len(self.centres)

    def assign(self, joints: FloatArray) -> IntArray:
        """The cluster of each pose, [N], of joints [N, 8, 2] as in `Poses`."""
        features = _features(_higher_hand_left(joints), self.mean_joints)
        return ((features[:, None] - self.centres) ** 2).sum(2).argmin(1)

    def count(self, joints: FloatArray) -> IntArray:
        """The number of poses in each cluster, [K], of joints [N, 8, 2] as in `Poses`."""
        return np.bincount(self.assign(joints), minlength=len(self))

    def describe_hands(self, cluster: int) -> str:
        """Says in words where the hands are at a cluster's centre, the higher one first."""
        places = self.centres[cluster, :16].reshape(-1, 2)
        absent = self.centres[cluster, 16:] > _ABSENCE / 2
        high, low = (_describe_hand(places[wrist], bool(absent[wrist])) for wrist in (_LEFT_WRIST, _RIGHT_WRIST))
        return f"both {high}" if high == low else f"{high}; {low}"


def fit_clusters(poses: Poses, count: int) -> PoseClusters:
    """Sorts poses into clusters.

    Args:
        poses: The poses; the same ones always make the same clusters.
        count: The number of clusters.

    Raises:
        DmvtonError: There are fewer different poses than clusters, or scipy is not installed.
    """
    turned = _higher_hand_left(poses.joints)
    mean_joints = _mean_joints(turned)
    features = _features(turned, mean_joints)
    different = len(np.unique(features.round(6), axis=0))
    if different < count:
        raise DmvtonError(
            f"{different} different {'pose makes' if different == 1 else 'poses make'} no {count} clusters. Take more "
            "people, or fewer --clusters."
        )
    centres, labels = _best_fit(features, count)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    return PoseClusters(centres[order], mean_joints)


@dataclass(frozen=True)
class PoseGaps:
    """The people of a dataset in K clusters, compared with a reference.

    Attributes:
        reference_shares: float64 [K], each cluster's share of the reference.
        people: int64 [K], the number of the dataset's people in each cluster.
    """

    reference_shares: FloatArray
    people: IntArray

    @property
    def shares(self) -> FloatArray:
        """Each cluster's share of the dataset, [K]."""
        return self.people / self.people.sum()

    @property
    def lacking(self) -> FloatArray:
        """How far each share is below the reference's, [K]; 0 where it is not."""
        return np.maximum(self.reference_shares - self.shares, 0.0)

    @property
    def people_to_fill(self) -> int:
        """The number of people that `allocate` needs to bring every share to the reference's.

        Then the fullest cluster is no longer too full. Clusters that the reference does not have do not count.
        """
        known = self.reference_shares > 0
        size = np.max(self.people[known] / self.reference_shares[known])
        return max(int(np.ceil(size - 1e-9)) - int(self.people[known].sum()), 0)

    def allocate(self, count: int) -> IntArray:
        """Divides people among the clusters, [K].

        A cluster's shortage is counted at the size that the dataset will have, so people beyond the gaps keep the
        reference's shares. Where `count` is too small, every cluster gets its part of its shortage; the remainder goes
        to the largest fractions.

        Args:
            count: The number of people to divide.

        Raises:
            DmvtonError: No pose is lacking.
        """
        if not self.lacking.any():
            raise DmvtonError(
                "Every cluster of poses has at least its share of the reference: there is no gap to fill. Take another "
                "--reference, or more --clusters."
            )
        shortage = np.maximum(self.reference_shares * (self.people.sum() + count) - self.people, 0.0)
        exact = count * shortage / shortage.sum()
        wanted = np.floor(exact).astype(np.int64)
        largest = np.argsort(wanted - exact, kind="stable")[: count - int(wanted.sum())]
        wanted[largest] += 1
        return wanted


def measure_gaps(clusters: PoseClusters, reference: Poses, data: Poses) -> PoseGaps:
    """Counts the people of a reference and of a dataset in the clusters."""
    return PoseGaps(clusters.count(reference.joints) / len(reference), clusters.count(data.joints))


def _best_fit(features: FloatArray, count: int) -> tuple[FloatArray, IntArray]:
    vq = _scipy_vq()
    fits = []
    for start in range(_STARTS):
        random = np.random.default_rng([_SEED, start])
        try:
            centres, labels = vq.kmeans2(features, count, iter=_STEPS, minit="++", missing="raise", rng=random)
        except vq.ClusterError:
            continue  # a cluster ran empty
        fits.append((float(((features - centres[labels]) ** 2).sum()), centres, labels))
    if not fits:
        raise DmvtonError(f"These poses fall into fewer than {count} clusters. Take fewer --clusters.")
    _, centres, labels = min(fits, key=lambda fit: fit[0])
    return centres, labels


def _higher_hand_left(joints: FloatArray) -> FloatArray:
    """Joints [N, 8, 2], mirrored where the right hand is the higher one; without a hand the elbow counts."""
    right = _hand_height(joints, _RIGHT_WRIST, _RIGHT_ELBOW)
    left = _hand_height(joints, _LEFT_WRIST, _LEFT_ELBOW)
    return np.where((right > left)[:, None, None], joints[:, _SWAPPED] * [-1.0, 1.0], joints)


def _hand_height(joints: FloatArray, wrist: int, elbow: int) -> FloatArray:
    """Above the neck, in torso lengths; that of hips where neither joint is found."""
    height = -np.where(np.isnan(joints[:, wrist, 1]), joints[:, elbow, 1], joints[:, wrist, 1])
    return np.where(np.isnan(height), -1.0, height)


def _mean_joints(turned: FloatArray) -> FloatArray:
    found = ~np.isnan(turned[..., 0])
    total = np.where(found[..., None], turned, 0.0).sum(0)
    return total / np.maximum(found.sum(0), 1)[:, None]


def _features(turned: FloatArray, mean_joints: FloatArray) -> FloatArray:
    """[N, 24]: x and y of the eight joints, then _ABSENCE for each that is not found, 0 for the others."""
    absent = np.isnan(turned[..., 0])
    places = turned.copy()
    for shoulder, elbow, wrist in _ARMS:
        straight = 2 * places[:, elbow] - places[:, shoulder]
        places[:, wrist] = np.where(absent[:, wrist, None], straight, places[:, wrist])
    places = np.where(np.isnan(places), mean_joints, places)
    return np.concatenate([places.reshape(-1, 2 * len(UPPER_BODY)), absent * _ABSENCE], 1)


def _describe_hand(wrist: FloatArray, absent: bool) -> str:
    if wrist[1] < 0.1:
        place = "raised"
    elif abs(wrist[0]) > 0.45:
        place = "held away"
    elif wrist[1] < 0.7:
        place = "before the body" if abs(wrist[0]) < 0.25 else "beside the chest"
    else:
        place = "at the waist" if wrist[1] < 0.9 else "down"
    return f"{place}, not seen" if absent else place


def _scipy_vq() -> Any:
    with optional_import("Pose clusters need", extra="data"):
        return importlib.import_module("scipy.cluster.vq")
