"""The figures of a series: by the written rule of percentiles, and a drift that has a sign."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from benchmarks.statistics import drift, median, summarise

TIMES = st.lists(st.floats(0.01, 1e5), min_size=1, max_size=60)


def percentile(samples: list[float], p: float) -> float:
    """The written rule: at position (n - 1) p / 100 of the sorted samples, linear between two neighbours."""
    ordered = sorted(samples)
    position = (len(ordered) - 1) * p / 100
    below, above = math.floor(position), math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


@given(TIMES)
def test_percentiles_follow_the_written_rule(samples: list[float]) -> None:
    made = summarise(samples)
    p10, p50, p90, p99 = (percentile(samples, p) for p in (10, 50, 90, 99))
    assert (made.median_ms, made.p90_ms, made.p99_ms) == pytest.approx((p50, p90, p99), rel=1e-9)
    assert (made.least_ms, made.most_ms) == (min(samples), max(samples))
    assert made.dispersion == pytest.approx((p90 - p10) / p50, rel=1e-9, abs=1e-9)


def test_of_even_counts_the_median_lies_between() -> None:
    assert median([4.0, 1.0, 3.0, 2.0]) == 2.5
    with pytest.raises(ValueError, match="no samples"):
        median([])


@given(TIMES)
def test_a_summary_is_in_order(samples: list[float]) -> None:
    made = summarise(samples)
    assert made.samples == len(samples)
    rising = [made.least_ms, made.median_ms, made.p90_ms, made.p99_ms, made.most_ms]
    assert all(low <= high * (1 + 1e-12) for low, high in zip(rising, rising[1:], strict=False))


def test_drift_is_positive_where_it_gets_slower() -> None:
    assert drift([1.0] * 4 + [1.2] * 4) == pytest.approx(0.2)
    assert drift([2.0] * 4 + [1.0] * 4) == pytest.approx(-0.5)
    assert drift([1.0] * 7) is None
