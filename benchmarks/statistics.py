"""What is said of a series of times, by one written rule: the same samples give the same figures in every language.

Percentile p of n sorted samples lies at position (n - 1) p / 100, between two neighbours linearly (Hyndman and Fan's
definition 7, https://doi.org/10.2307/2684934).
"""

import math
from collections.abc import Sequence

from dmvton_mobile.records.base import Strict

FOR_DRIFT = 8  # samples: fewer have no quarters to compare


class Summary(Strict):
    """Milliseconds of a series.

    spread: (p90 - p10) / median. drift: the last quarter's median to the first quarter's, less one: positive where it
    got slower; None for fewer than FOR_DRIFT samples.
    """

    samples: int
    least_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    spread: float
    drift: float | None


def percentile(samples: Sequence[float], p: float) -> float:
    """p: 0 to 100. Raises ValueError where there are no samples."""
    ordered = sorted(samples)
    if not ordered:
        raise ValueError("percentile: there are no samples")
    position = (len(ordered) - 1) * p / 100
    below, above = math.floor(position), math.ceil(position)
    return ordered[below] + (ordered[above] - ordered[below]) * (position - below)


def median(samples: Sequence[float]) -> float:
    return percentile(samples, 50)


def summarise(samples: Sequence[float]) -> Summary:
    """Of times in milliseconds, in the order they were taken. Raises ValueError where there are none."""
    middle = median(samples)
    return Summary(
        samples=len(samples),
        least_ms=min(samples),
        median_ms=middle,
        p90_ms=percentile(samples, 90),
        p99_ms=percentile(samples, 99),
        most_ms=max(samples),
        spread=(percentile(samples, 90) - percentile(samples, 10)) / middle,
        drift=drift(samples),
    )


def drift(samples: Sequence[float]) -> float | None:
    """See Summary."""
    if len(samples) < FOR_DRIFT:
        return None
    quarter = len(samples) // 4
    return median(samples[-quarter:]) / median(samples[:quarter]) - 1
