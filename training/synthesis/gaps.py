"""Which poses a dataset lacks against a reference, and how many people of each would fill it up."""

from dataclasses import dataclass

import numpy as np

from dmvton_mobile.errors import DmvtonError
from training.synthesis.clusters import Numbers, PoseClusters
from training.synthesis.poses import Joints, Poses


@dataclass(frozen=True)
class Gaps:
    """Per cluster. reference: float64 [K], its share of the reference. people: int64 [K], how many of the dataset's."""

    reference: Joints
    people: Numbers

    @property
    def shares(self) -> Joints:
        """Each cluster's share of the dataset, [K]."""
        return self.people / self.people.sum()

    @property
    def lacking(self) -> Joints:
        """How far each share is below the reference's, [K]; 0 where it is not."""
        return np.maximum(self.reference - self.shares, 0.0)

    @property
    def enough(self) -> int:
        """How many people `fill` takes to bring every share to the reference's, so that the fullest cluster is not too
        full any more. Clusters that the reference does not have do not count."""
        known = self.reference > 0
        size = np.max(self.people[known] / self.reference[known])
        return max(int(np.ceil(size - 1e-9)) - int(self.people[known].sum()), 0)

    def fill(self, count: int) -> Numbers:
        """How many of `count` people to draw for each cluster, [K].

        What a cluster is short of is counted at the size that the dataset will have, so more people than its gaps hold
        keep the reference's shares. Where `count` is too few, every cluster gets its part of what it is short of; what
        does not divide goes to the largest remainders. Raises DmvtonError where no pose is lacking.
        """
        if not self.lacking.any():
            raise DmvtonError(
                "Every cluster of poses has at least its share of the reference: there is no gap to fill. Take another "
                "--reference, or more --clusters."
            )
        short = np.maximum(self.reference * (self.people.sum() + count) - self.people, 0.0)
        exact = count * short / short.sum()
        wanted = np.floor(exact).astype(np.int64)
        largest = np.argsort(wanted - exact, kind="stable")[: count - int(wanted.sum())]
        wanted[largest] += 1
        return wanted


def measure_gaps(clusters: PoseClusters, reference: Poses, data: Poses) -> Gaps:
    """The dataset's people in the clusters, beside the reference's."""
    return Gaps(clusters.count(reference.joints) / len(reference), clusters.count(data.joints))
