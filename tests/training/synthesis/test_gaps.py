"""Gaps: none where a dataset is the reference, and filled exactly where there are people enough."""

import numpy as np
import pytest

from dmvton_mobile.errors import DmvtonError
from training.synthesis.clusters import PoseClusters, PoseGaps, measure_gaps
from training.synthesis.poses import Poses, collect_poses


def test_the_reference_itself_has_no_gaps(reference: Poses, clusters: PoseClusters) -> None:
    gaps = measure_gaps(clusters, reference, reference)
    assert not gaps.lacking.any()
    with pytest.raises(DmvtonError, match="no gap to fill"):
        gaps.allocate(10)


def test_what_is_taken_out_is_lacking(reference: Poses, clusters: PoseClusters) -> None:
    numbers = clusters.assign(reference.joints)
    left = [place for place, number in enumerate(numbers) if number != 2]
    data = collect_poses((reference.names[place], reference.keypoints[place]) for place in left)
    gaps = measure_gaps(clusters, reference, data)
    assert np.flatnonzero(gaps.lacking).tolist() == [2]
    taken = len(reference) - len(left)
    assert gaps.allocate(taken).tolist() == [0, 0, taken, 0, 0]


def test_more_people_than_the_gaps_hold_keep_the_reference_s_shares() -> None:
    gaps = PoseGaps(np.array([0.5, 0.3, 0.2]), np.array([70, 30, 0]))
    wanted = gaps.allocate(100)
    assert wanted.tolist() == [30, 30, 40]
    assert np.allclose((gaps.people + wanted) / 200, gaps.reference_shares)


def test_enough_people_fill_every_gap_and_fewer_do_not() -> None:
    gaps = PoseGaps(np.array([0.5, 0.3, 0.2]), np.array([70, 30, 0]))
    assert gaps.people_to_fill == 40 and gaps.allocate(40).tolist() == [0, 12, 28]
    assert np.allclose((gaps.people + gaps.allocate(40)) / 140, gaps.reference_shares)
    assert not np.allclose((gaps.people + gaps.allocate(39)) / 139, gaps.reference_shares, atol=1e-3)
    assert PoseGaps(np.array([0.5, 0.5]), np.array([8, 8])).people_to_fill == 0


def test_poses_that_the_reference_does_not_have_do_not_count() -> None:
    gaps = PoseGaps(np.array([0.75, 0.25, 0.0, 0.0]), np.array([30, 0, 50, 0]))
    assert gaps.people_to_fill == 10 and gaps.allocate(10)[2:].tolist() == [0, 0]


def test_too_few_people_go_where_most_is_lacking() -> None:
    gaps = PoseGaps(np.array([0.4, 0.4, 0.2]), np.array([100, 0, 0]))
    assert gaps.allocate(3).tolist() == [0, 2, 1]
    assert gaps.allocate(1).tolist() == [0, 1, 0]


@pytest.mark.parametrize("count", [1, 2, 7, 50, 1001])
def test_as_many_are_wanted_as_were_asked_for(count: int) -> None:
    random = np.random.default_rng(count)
    reference = random.dirichlet(np.ones(9))
    wanted = PoseGaps(reference, random.integers(0, 40, 9)).allocate(count)
    assert wanted.sum() == count and wanted.min() >= 0
