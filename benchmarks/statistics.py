"""Statistics of a series of latencies, by one written rule, so that every language gets the same figures.

Percentile p of n sorted samples lies at position (n - 1) p / 100, linear between two neighbours (definition 7 of
Hyndman and Fan, https://doi.org/10.2307/2684934; the default of numpy).
"""

from collections.abc import Sequence

import numpy as np

from dmvton_mobile.records.base import Strict

MIN_DRIFT_SAMPLES = 8  # fewer have no quarters to compare


class Summary(Strict):
    """Statistics of a series.

    Attributes:
        samples: Number of samples.
        least_ms: Smallest sample.
        median_ms: Median.
        p90_ms: 90th percentile.
        p99_ms: 99th percentile.
        most_ms: Largest sample.
        dispersion: (p90 - p10) / median.
        drift: See `drift`.
    """

    samples: int
    least_ms: float
    median_ms: float
    p90_ms: float
    p99_ms: float
    most_ms: float
    dispersion: float
    drift: float | None


def median(samples: Sequence[float]) -> float:
    """The 50th percentile.

    Raises:
        ValueError: There are no samples.
    """
    (middle,) = _percentiles(samples, 50)
    return middle


def summarise(samples_ms: Sequence[float]) -> Summary:
    """Computes the statistics of latencies in milliseconds, in the order in which they were measured.

    Raises:
        ValueError: There are no samples.
    """
    least, p10, middle, p90, p99, most = _percentiles(samples_ms, 0, 10, 50, 90, 99, 100)
    return Summary(
        samples=len(samples_ms),
        least_ms=least,
        median_ms=middle,
        p90_ms=p90,
        p99_ms=p99,
        most_ms=most,
        dispersion=(p90 - p10) / middle,
        drift=drift(samples_ms),
    )


def drift(samples: Sequence[float]) -> float | None:
    """Median of the last quarter over that of the first, less 1: above 0 where the device got slower.

    Returns:
        None for fewer than `MIN_DRIFT_SAMPLES` samples.
    """
    if len(samples) < MIN_DRIFT_SAMPLES:
        return None
    quarter = len(samples) // 4
    return median(samples[-quarter:]) / median(samples[:quarter]) - 1


def _percentiles(samples: Sequence[float], *percents: float) -> list[float]:
    if not samples:
        raise ValueError("there are no samples")
    values: list[float] = np.percentile(np.asarray(samples, np.float64), percents).tolist()
    return values
