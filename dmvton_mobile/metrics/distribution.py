"""Distances between two sets of images by their features: FID and KID.

Features are [N, D], one row per image. The two sets may differ in size. Neither figure depends on which set comes first
or on the order of the images.

Why not torchmetrics: its KID averages over random subsets, so its figure depends on chance; this one takes the complete
sets. Its FID takes square roots of the eigenvalues of a product of covariances, whose error is largest where a set has
fewer images than features (the benchmark has 512 images, Inception 2048 features); this one takes singular values.
"""

import torch
from torch import Tensor

from dmvton_mobile.metrics.inputs import MetricError

KERNEL_DEGREE = 3
BLOCK = 1024  # rows of a kernel matrix at a time: saves a gigabyte for ten thousand images


def fid(first: Tensor, second: Tensor) -> float:
    """Frechet inception distance, at least 0, in float64.

    The squared 2-Wasserstein distance of two Gaussians fitted to the features, with unbiased covariances. Small sets
    bias it upwards, so figures of sets of different sizes cannot be compared.

    Source: Heusel et al. 2017 (https://arxiv.org/abs/1706.08500).

    Raises:
        MetricError: A set has fewer than two images or values that are not finite, or the sets differ in D.
    """
    first, second = _features(first, second, "FID")
    mean_1, root_1 = _gaussian(first)
    mean_2, root_2 = _gaussian(second)
    # With covariances R1'R1 and R2'R2 the trace of the square root of their product is the sum of the singular values
    # of R1 R2': no matrix square root, whose error is largest where a set has fewer pictures than features.
    shared = torch.linalg.svdvals(root_1 @ root_2.mT).sum()
    distance = (mean_1 - mean_2).square().sum() + root_1.square().sum() + root_2.square().sum() - 2 * shared
    return max(float(distance), 0.0)


def kid(first: Tensor, second: Tensor) -> float:
    """Kernel inception distance, in float64; slightly below 0 for sets that are alike.

    The unbiased squared maximum mean discrepancy under the kernel (x.y / D + 1)^3, over the complete sets.

    Source: Binkowski et al. 2018 (https://arxiv.org/abs/1801.01401), who average it over random subsets.

    Raises:
        MetricError: As `fid`.
    """
    first, second = _features(first, second, "KID")
    across = _kernel_sum(first, second) / (len(first) * len(second))
    return float(_within(first) + _within(second) - 2 * across)


def _features(first: Tensor, second: Tensor, metric: str) -> tuple[Tensor, Tensor]:
    for features in (first, second):
        if features.ndim != 2 or features.shape[1] == 0:
            raise MetricError(f"{metric} compares features [N, D], not {list(features.shape)}.")
        if len(features) < 2:
            raise MetricError(f"{metric} needs two images or more in each set; one set has {len(features)}.")
        if not torch.isfinite(features).all():
            raise MetricError(f"{metric} got features that are not finite.")
    if first.shape[1] != second.shape[1]:
        raise MetricError(f"{metric} got {first.shape[1]} features of one set and {second.shape[1]} of the other.")
    return first.double(), second.double()


def _gaussian(features: Tensor) -> tuple[Tensor, Tensor]:
    """(mean [D], R [min(N, D), D]) with R'R the covariance."""
    mean = features.mean(0)
    _, root = torch.linalg.qr((features - mean) / (len(features) - 1) ** 0.5, mode="r")
    return mean, root


def _within(features: Tensor) -> Tensor:
    """The kernel's mean over pairs of two different images."""
    count, width = features.shape
    itself = (features.square().sum(1) / width + 1) ** KERNEL_DEGREE
    return (_kernel_sum(features, features) - itself.sum()) / (count * (count - 1))


def _kernel_sum(first: Tensor, second: Tensor) -> Tensor:
    blocks = [((rows @ second.mT / first.shape[1] + 1) ** KERNEL_DEGREE).sum() for rows in first.split(BLOCK)]
    return torch.stack(blocks).sum()
