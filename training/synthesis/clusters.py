"""Poses in clusters: k-means over the joints of the upper body.

Left and right are not told apart: each pose is mirrored, where it must be, so that the higher hand is the left one. A
hand that is not found is put where a straight arm would have it, another joint where it usually is; its absence counts
as half a torso's length.
"""

import importlib
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.optional_imports import optional_import
from training.synthesis.poses import UPPER_BODY, Joints, Poses

Numbers = NDArray[np.int64]
USUAL_COUNT = 12  # of clusters, where nobody says
_SWAPPED = [1, 0, 3, 2, 5, 4, 7, 6]  # places in UPPER_BODY with right and left swapped
_RIGHT_ELBOW, _LEFT_ELBOW, _RIGHT_WRIST, _LEFT_WRIST = 2, 3, 4, 5
_ARMS = ((0, _RIGHT_ELBOW, _RIGHT_WRIST), (1, _LEFT_ELBOW, _LEFT_WRIST))
_STARTS = 8  # of k-means; the best of them counts
_STEPS = 50
_ABSENCE = 0.5  # torso lengths between a joint found and the same joint not found
_SEED = 0  # fixed: the same poses make the same clusters in every command


@dataclass(frozen=True)
class PoseClusters:
    """centres: [K, 24], as `_features` gives them, the most frequent pose first. usual: [8, 2], where each joint is on
    average.
    """

    centres: Joints
    usual: Joints

    def __len__(self) -> int:
        return len(self.centres)

    def assign(self, joints: Joints) -> Numbers:
        """The cluster of each pose of `Poses.joints`, [N, 8, 2] -> [N]."""
        features = _features(_turned(joints), self.usual)
        return ((features[:, None] - self.centres) ** 2).sum(2).argmin(1)

    def count(self, joints: Joints) -> Numbers:
        """How many of the poses are in each cluster, [K]."""
        return np.bincount(self.assign(joints), minlength=len(self))

    def hands(self, cluster: int) -> str:
        """Where the hands are at the cluster's centre, in words, the higher one first."""
        places = self.centres[cluster, :16].reshape(-1, 2)
        absent = self.centres[cluster, 16:] > _ABSENCE / 2
        high, low = (_words(places[wrist], bool(absent[wrist])) for wrist in (_LEFT_WRIST, _RIGHT_WRIST))
        return f"both {high}" if high == low else f"{high}; {low}"


def fit_clusters(poses: Poses, count: int) -> PoseClusters:
    """The clusters of these poses. Raises DmvtonError where there are fewer different ones, or scipy is missing."""
    turned = _turned(poses.joints)
    usual = _usual(turned)
    features = _features(turned, usual)
    different = len(np.unique(features.round(6), axis=0))
    if different < count:
        raise DmvtonError(
            f"{different} different {'pose makes' if different == 1 else 'poses make'} no {count} clusters. Take more "
            "people, or fewer --clusters."
        )
    centres, labels = _nearest_fit(features, count)
    order = np.argsort(-np.bincount(labels, minlength=count), kind="stable")
    return PoseClusters(centres[order], usual)


def _nearest_fit(features: Joints, count: int) -> tuple[Joints, Numbers]:
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


def _turned(joints: Joints) -> Joints:
    """[N, 8, 2], mirrored where the right hand is the higher one. Without a hand the elbow counts."""
    right = _height(joints, _RIGHT_WRIST, _RIGHT_ELBOW)
    left = _height(joints, _LEFT_WRIST, _LEFT_ELBOW)
    return np.where((right > left)[:, None, None], joints[:, _SWAPPED] * [-1.0, 1.0], joints)


def _height(joints: Joints, wrist: int, elbow: int) -> Joints:
    """Above the neck, in torso lengths; that of hips where neither joint is found."""
    height = -np.where(np.isnan(joints[:, wrist, 1]), joints[:, elbow, 1], joints[:, wrist, 1])
    return np.where(np.isnan(height), -1.0, height)


def _usual(turned: Joints) -> Joints:
    found = ~np.isnan(turned[..., 0])
    total = np.where(found[..., None], turned, 0.0).sum(0)
    return total / np.maximum(found.sum(0), 1)[:, None]


def _features(turned: Joints, usual: Joints) -> Joints:
    """[N, 24]: x and y of the eight joints, then _ABSENCE for each that is not found, 0 for the others."""
    absent = np.isnan(turned[..., 0])
    places = turned.copy()
    for shoulder, elbow, wrist in _ARMS:
        straight = 2 * places[:, elbow] - places[:, shoulder]
        places[:, wrist] = np.where(absent[:, wrist, None], straight, places[:, wrist])
    places = np.where(np.isnan(places), usual, places)
    return np.concatenate([places.reshape(-1, 2 * len(UPPER_BODY)), absent * _ABSENCE], 1)


def _words(wrist: Joints, absent: bool) -> str:
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
