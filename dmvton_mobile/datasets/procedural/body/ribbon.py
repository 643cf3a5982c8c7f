"""Ribbons: strips around a curved axis. Arms, legs, necks, locks of hair and sleeves are all ribbons.

A ribbon gives every pixel near it two coordinates, how far along the axis and how far across it, and from those its
coverage (exact at the edges to a fraction of a pixel) and, for a sleeve, the place in the flat garment. Pixels; x to
the right, y down; across is positive to the right of an axis that runs down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]  # float32, as computed
Box = tuple[slice, slice]  # rows, columns of the canvas


@dataclass(frozen=True)
class Strip:
    """Where the pixels of a box lie on a ribbon: along in pixels (below 0 before the start), across in pixels.

    normal: the unit vector (x, y) that points across, of the ribbon as a whole.
    """

    box: Box
    along: Plane
    across: Plane
    length: float
    normal: tuple[float, float]

    def coverage(self, half_width: Plane, start: float = -np.inf, end: float = np.inf) -> Plane:
        """How much of each pixel is inside half_width [h, w] of the axis, between start and end (pixels along)."""
        inside = half_width - np.abs(self.across)
        if np.isfinite(start):
            inside = np.minimum(inside, self.along - start)
        if np.isfinite(end):
            inside = np.minimum(inside, end - self.along)
        return np.clip(inside + np.float32(0.5), 0, 1)


def box_around(points: Plane, margin: float, size: tuple[int, int]) -> Box | None:
    """The box of a canvas (height, width) that holds the points [N, 2] (x, y) and margin; None where it is outside."""
    low = np.floor(points.min(0) - margin).astype(int)
    high = np.ceil(points.max(0) + margin).astype(int) + 1
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), size[1]), min(int(high[1]), size[0])
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def pixel_centres(box: Box) -> tuple[Plane, Plane]:
    """x [1, w] and y [h, 1] of the box's pixels."""
    rows, columns = box
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    return x, y


def lay(axis: Plane, margin: float, size: tuple[int, int]) -> Strip | None:
    """The strip of all pixels within margin of the axis [N, 2]; None where that is outside the canvas.

    Each pixel belongs to the axis' nearest segment; before the first and past the last point the axis goes on straight.
    """
    box = box_around(axis, margin, size)
    if box is None:
        return None
    x, y = pixel_centres(box)
    steps = np.diff(axis, axis=0)
    lengths = np.hypot(steps[:, 0], steps[:, 1])
    starts = np.concatenate([[0.0], np.cumsum(lengths)]).astype(np.float32)
    laid: tuple[Plane, Plane, Plane] | None = None  # along, across, squared distance
    for k, (point, step, length) in enumerate(zip(axis[:-1], steps, lengths, strict=True)):
        tx, ty = np.float32(step[0] / length), np.float32(step[1] / length)
        dx, dy = x - point[0], y - point[1]
        forward = dx * tx + dy * ty
        sideways = dx * ty - dy * tx
        low = -np.inf if k == 0 else 0.0
        high = np.inf if k == len(steps) - 1 else length
        beyond = forward - np.clip(forward, np.float32(low), np.float32(high))
        distance = sideways * sideways + beyond * beyond
        # past a bend the distance to the corner counts, with the side the pixel is on
        signed = sideways if len(steps) == 1 else np.copysign(np.sqrt(distance), sideways)
        position = np.clip(forward, np.float32(low), np.float32(high)) + starts[k]
        if laid is None:
            laid = position, signed, distance
        else:
            closer = distance < laid[2]
            along, across, nearest = laid
            laid = (
                np.where(closer, position, along),
                np.where(closer, signed, across),
                np.where(closer, distance, nearest),
            )
    assert laid is not None  # an axis has two points or more
    along, across, _ = laid
    run = axis[-1] - axis[0]
    run = run / max(float(np.hypot(*run)), 1e-6)
    return Strip(box, along, across, float(starts[-1]), (float(run[1]), -float(run[0])))


def bend(points: NDArray[np.float64], roundness: float = 0.35, steps: int = 5) -> Plane:
    """A polyline [N, 2] with its inner corners rounded off: each within `roundness` of its neighbouring segments."""
    bent = [points[0]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        first, last = corner + (before - corner) * roundness, corner + (after - corner) * roundness
        for u in np.linspace(0, 1, steps):
            bent.append((1 - u) ** 2 * first + 2 * u * (1 - u) * corner + u**2 * last)
    return np.array([*bent, points[-1]], np.float32)


def profile(positions: Plane, knots: Sequence[float] | Plane, values: Sequence[float] | Plane) -> Plane:
    """A piecewise linear profile at the positions."""
    return np.interp(positions, knots, values).astype(np.float32)
