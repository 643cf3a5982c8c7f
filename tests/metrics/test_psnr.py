"""The one PSNR: by hand, for arrays and tensors alike, infinite for equal values."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch

from dmvton_mobile.metrics.inputs import MetricError
from dmvton_mobile.metrics.psnr import HIGHEST_PSNR_DB, Values, capped_psnr_db, decibels, psnr_db

KINDS: tuple[Callable[[np.ndarray], Values], ...] = (np.asarray, torch.from_numpy)


def pictures() -> np.ndarray:
    return np.random.default_rng(0).random((1, 3, 4, 4), np.float32)


@pytest.mark.parametrize("kind", KINDS)
def test_worked_out_by_hand(kind: Callable[[np.ndarray], Values]) -> None:
    """A quarter of the values off by 0.2: a mean squared error of 0.01, which is 20 dB under a range of 1."""
    reference = np.zeros((1, 1, 2, 4), np.float32)
    candidate = reference.copy()
    candidate[..., 0] = 0.2
    values = {"reference": kind(reference), "candidate": kind(candidate)}
    assert psnr_db(**values, peak=1.0) == pytest.approx(20.0, abs=1e-5)
    assert psnr_db(**values, peak=2.0) == pytest.approx(26.0206, abs=1e-4)


def test_it_is_higher_for_smaller_errors() -> None:
    reference = pictures()
    close, far = (psnr_db(reference=reference, candidate=reference + error, peak=1.0) for error in (0.001, 0.1))
    assert close == pytest.approx(60.0, abs=0.01) and far == pytest.approx(20.0, abs=0.01)


@pytest.mark.parametrize("kind", KINDS)
def test_equal_values_are_infinite(kind: Callable[[np.ndarray], Values]) -> None:
    assert psnr_db(reference=kind(pictures()), candidate=kind(pictures()), peak=1.0) == math.inf


@pytest.mark.parametrize("kind", KINDS)
def test_it_keeps_apart_what_a_float32_mean_loses(kind: Callable[[np.ndarray], Values]) -> None:
    """One value in two million off by 0.5: its square is far below float32's resolution beside the others."""
    reference = np.full((1, 2, 1000, 1000), 1000.0, np.float32)
    candidate = reference.copy()
    candidate[0, 0, 0, 0] += 0.5
    expected = 10 * math.log10(1000.0**2 / (0.25 / reference.size))
    found = psnr_db(reference=kind(reference), candidate=kind(candidate), peak=1000.0)
    assert found == pytest.approx(expected, abs=1e-6)


def test_it_says_which_is_which() -> None:
    with pytest.raises(TypeError, match="positional"):
        psnr_db(pictures(), pictures(), 1.0)  # type: ignore[call-arg]


@pytest.mark.parametrize("kind", KINDS)
def test_different_shapes_are_an_error(kind: Callable[[np.ndarray], Values]) -> None:
    """Even where numpy would broadcast."""
    with pytest.raises(MetricError, match=r"\(1, 1, 4, 4\).*\(1, 3, 4, 4\)"):
        psnr_db(reference=kind(np.zeros((1, 3, 4, 4))), candidate=kind(np.zeros((1, 1, 4, 4))), peak=1.0)


def test_no_error_an_infinite_one_and_none_at_all() -> None:
    assert decibels(0.0) == math.inf and decibels(math.inf) == -math.inf and math.isnan(decibels(math.nan))


def test_what_a_mean_over_images_takes() -> None:
    assert [capped_psnr_db(value) for value in (math.inf, 120.0, 31.5)] == [HIGHEST_PSNR_DB, HIGHEST_PSNR_DB, 31.5]
    assert math.isnan(capped_psnr_db(math.nan))
