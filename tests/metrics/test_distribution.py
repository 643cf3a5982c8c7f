"""FID and KID: equal to SciPy's square root and to a plain loop, and by hand."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from scipy.linalg import sqrtm  # type: ignore[import-untyped]
from torch import Tensor

from dmvton_mobile.metrics import distribution
from dmvton_mobile.metrics.distribution import fid, kid
from dmvton_mobile.metrics.inputs import MetricError

Metric = Callable[[Tensor, Tensor], float]


def features(seed: int, count: int, width: int = 24) -> Tensor:
    """float32 [count, width], correlated, not centred, none below zero, as Inception's are."""
    random = torch.Generator().manual_seed(seed)
    mixed = torch.randn(count, width, generator=random) @ torch.randn(width, width, generator=random)
    return (0.2 * mixed + torch.rand(width, generator=random)).relu()


def scipy_fid(first: Tensor, second: Tensor) -> float:
    a, b = first.double().numpy(), second.double().numpy()
    covariance_a, covariance_b = np.cov(a, rowvar=False), np.cov(b, rowvar=False)
    root = sqrtm(covariance_a @ covariance_b).real
    return float(np.sum((a.mean(0) - b.mean(0)) ** 2) + np.trace(covariance_a + covariance_b - 2 * root))


def plain_kid(first: Tensor, second: Tensor) -> float:
    def kernel(x: Tensor, y: Tensor) -> float:
        return float((x.double() @ y.double() / len(x) + 1) ** 3)

    def within(rows: Tensor) -> float:
        return float(np.mean([kernel(rows[i], rows[j]) for i in range(len(rows)) for j in range(len(rows)) if i != j]))

    return within(first) + within(second) - 2 * float(np.mean([kernel(x, y) for x in first for y in second]))


def test_fid_by_hand() -> None:
    """Means 1 and 7, variances 2 and 8: 6^2 + (sqrt 8 - sqrt 2)^2 = 38."""
    assert fid(torch.tensor([[0.0], [2.0]]), torch.tensor([[5.0], [9.0]])) == pytest.approx(38.0, abs=1e-12)


@pytest.mark.parametrize(("first", "second"), [(300, 200), (100, 400)])
def test_fid_is_scipys(first: int, second: int) -> None:
    a, b = features(1, first), features(2, second)
    assert fid(a, b) == pytest.approx(scipy_fid(a, b), rel=1e-9)


def test_fid_of_fewer_pictures_than_features() -> None:
    """Where the covariances have no full rank: the same cloud elsewhere, and the same cloud twice as wide."""
    cloud = features(3, 20, width=64).double()
    shift = torch.linspace(-1, 1, 64, dtype=torch.float64)
    centred = cloud - cloud.mean(0)
    assert fid(cloud, cloud + shift) == pytest.approx(float(shift.square().sum()), rel=1e-9)
    assert fid(centred, 2 * centred) == pytest.approx(float(centred.square().sum()) / 19, rel=1e-9)


def test_fid_of_a_set_with_itself_is_zero() -> None:
    same = features(4, 50)
    assert 0.0 <= fid(same, same.clone()) < 1e-9


def test_kid_by_hand() -> None:
    """Kernel (xy + 1)^3: 1 within {0, 1}, 343 within {2, 3}, (1 + 1 + 27 + 64) / 4 across."""
    assert kid(torch.tensor([[0.0], [1.0]]), torch.tensor([[2.0], [3.0]])) == pytest.approx(1 + 343 - 2 * 93 / 4)


def test_kid_is_a_plain_loops() -> None:
    a, b = features(5, 23), features(6, 31)
    assert kid(a, b) == pytest.approx(plain_kid(a, b), rel=1e-11)


def test_kid_does_not_depend_on_the_block(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b = features(7, 23), features(8, 31)
    whole = kid(a, b)
    monkeypatch.setattr(distribution, "BLOCK", 7)
    assert kid(a, b) == pytest.approx(whole, rel=1e-12)


def test_kid_is_unbiased() -> None:
    """Halves of one cloud: as often below zero as above, where a biased estimate is always above."""
    halves = [features(9, 80)[torch.randperm(80, generator=torch.Generator().manual_seed(i))] for i in range(40)]
    figures = np.array([kid(half[:40], half[40:]) for half in halves])
    assert (figures < 0).any() and (figures > 0).any()


@pytest.mark.parametrize("metric", [fid, kid])
def test_order_does_not_matter(metric: Metric) -> None:
    a, b = features(10, 60), features(11, 45)
    assert metric(a, b) == pytest.approx(metric(b.flip(0), a.flip(0)), rel=1e-9)


@pytest.mark.parametrize("metric", [fid, kid])
def test_farther_is_larger(metric: Metric) -> None:
    real = features(12, 80)
    figures = [metric(real, features(12, 80) + shift) for shift in (0.0, 0.1, 0.5, 2.0)]
    assert figures == sorted(set(figures))


@pytest.mark.parametrize("metric", [fid, kid])
def test_wrong_sets_are_errors(metric: Metric) -> None:
    right = features(13, 10)
    for wrong, message in (
        (right[:1], "needs two images or more in each set; one set has 1"),
        (right[:0], "one set has 0"),
        (right[:, :5], "24 features of one set and 5 of the other"),
        (right[0], r"features \[N, D\], not \[24\]"),
        (right * torch.inf, "not finite"),
    ):
        with pytest.raises(MetricError, match=message):
            metric(right, wrong)
    with pytest.raises(MetricError, match=f"{metric.__name__.upper()} needs two"):
        metric(right[:1], right)
