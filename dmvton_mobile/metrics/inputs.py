"""Checks of the tensors that metrics take, and their error."""

import torch
from torch import Tensor

from dmvton_mobile.errors import DmvtonError


class MetricError(DmvtonError):
    """Values from which a metric cannot be computed; the message names the input and what is wrong with it."""


def require_maps(name: str, value: Tensor, *, channels: int, low: float, high: float, smallest: int = 1) -> None:
    """Requires floating point [B, channels, H, W], finite, from low to high, H and W at least `smallest`.

    Raises:
        MetricError: It is something else.
    """
    if value.ndim != 4 or value.shape[1] != channels or value.numel() == 0:
        raise MetricError(f"{name} must be [B, {channels}, H, W], not {list(value.shape)}.")
    if not value.is_floating_point():
        raise MetricError(f"{name} must be floating point, not {value.dtype}.")
    if min(value.shape[2:]) < smallest:
        height, width = value.shape[2:]
        raise MetricError(f"{name} is {width}x{height}; this metric needs {smallest} pixels or more on each side.")
    if not torch.isfinite(value).all():
        raise MetricError(f"{name} has values that are not finite.")
    least, most = float(value.min()), float(value.max())
    if least < low or most > high:
        raise MetricError(f"{name} must lie from {low:g} to {high:g}; its values go from {least:g} to {most:g}.")


def require_region(name: str, region: Tensor, like: Tensor) -> None:
    """Requires [B, 1, H, W] in {0, 1}, with the B, H and W of `like`.

    Raises:
        MetricError: It is something else.
    """
    batch, _, height, width = like.shape
    if list(region.shape) != [batch, 1, height, width]:
        raise MetricError(f"{name} must be {[batch, 1, height, width]}, not {list(region.shape)}.")
    if not ((region == 0) | (region == 1)).all():
        raise MetricError(f"{name} must be 0 or 1 everywhere.")


def require_same_shape(first_name: str, first: Tensor, second_name: str, second: Tensor) -> None:
    """Requires equal shapes, even where torch would broadcast.

    Raises:
        MetricError: They differ.
    """
    if first.shape != second.shape:
        raise MetricError(
            f"{first_name} is {list(first.shape)} and {second_name} {list(second.shape)}; they must be alike."
        )
