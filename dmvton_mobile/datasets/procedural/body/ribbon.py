"""Ribbons: strips around a curved axis. Arms, legs, necks, locks of hair and sleeves are all ribbons.

A ribbon gives every pixel near it two coordinates, how far along the axis and how far across it, and from those its
coverage (exact at the edges to a fraction of a pixel) and, for a sleeve, the place in the flat garment. Pixels; x to
the right, y down; across is positive to the right of an axis that runs down.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Plane = NDArray[np.floating]  # float32: a map [h, w], an image [h, w, 3], or points [N, 2]
Box = tuple[slice, slice]  # rows, columns of the canvas


@dataclass(frozen=True)
class Strip:
    """A ribbon as its pixels see it. All in pixels.

    Attributes:
        box: The part of the canvas that holds the ribbon.
        along: [h, w], how far along the axis each pixel of the box is; below 0 before the start.
        across: [h, w], how far across.
        length: Of the axis.
        normal: The unit vector (x, y) that points across, of the ribbon as a whole.
    """

    box: Box
    along: Plane
    across: Plane
    length: float
    normal: tuple[float, float]

    def coverage(self, half_width: Plane, start: float = -np.inf, end: float = np.inf) -> Plane:
        """How much of each pixel the ribbon covers, [h, w] in [0, 1].

        Args:
            half_width: [h, w], half the ribbon's width at each pixel.
            start: Where the ribbon begins along the axis; by default it does not.
            end: Where it ends; by default it does not.
        """
        inside = half_width - np.abs(self.across)
        if np.isfinite(start):
            inside = np.minimum(inside, self.along - start)
        if np.isfinite(end):
            inside = np.minimum(inside, end - self.along)
        return antialiased(inside)


def antialiased(inside: Plane) -> Plane:
    """The coverage of pixels whose centres are `inside` pixels inside an edge: 0 to 1, linear across the edge."""
    return np.clip(inside + np.float32(0.5), 0, 1)


def box_around(points: Plane, margin: float, size: tuple[int, int]) -> Box | None:
    """The box of a canvas that holds the points and a margin around them; None where that is outside the canvas.

    Args:
        points: [N, 2], x and y in pixels.
        margin: In pixels.
        size: (height, width) of the canvas.
    """
    low = np.floor(points.min(0) - margin).astype(int)
    high = np.ceil(points.max(0) + margin).astype(int) + 1
    left, top = max(int(low[0]), 0), max(int(low[1]), 0)
    right, bottom = min(int(high[0]), size[1]), min(int(high[1]), size[0])
    return (slice(top, bottom), slice(left, right)) if left < right and top < bottom else None


def pixel_centres(box: Box) -> tuple[Plane, Plane]:
    """The positions of the box's pixels on the canvas: x [1, w] and y [h, 1]."""
    rows, columns = box
    x = np.arange(columns.start, columns.stop, dtype=np.float32)[None]
    y = np.arange(rows.start, rows.stop, dtype=np.float32)[:, None]
    return x, y


def lay(axis: Plane, margin: float, size: tuple[int, int]) -> Strip | None:
    """Lays a ribbon on the canvas.

    Each pixel belongs to the axis' nearest segment; before the first and past the last point the axis goes on straight.

    Args:
        axis: [N, 2], x and y in pixels, two points or more.
        margin: How far from the axis pixels are looked at, in pixels.
        size: (height, width) of the canvas.

    Returns:
        The strip of the pixels within the margin; None where they are all outside the canvas.
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
    """Rounds off the inner corners of a polyline.

    Args:
        points: [N, 2].
        roundness: Where the curve around a corner begins and ends, as a share of the segments beside it.
        steps: Points of each curve.
    """
    bent = [points[0]]
    for before, corner, after in zip(points[:-2], points[1:-1], points[2:], strict=True):
        first, last = corner + (before - corner) * roundness, corner + (after - corner) * roundness
        for u in np.linspace(0, 1, steps):
            bent.append((1 - u) ** 2 * first + 2 * u * (1 - u) * corner + u**2 * last)
    return np.array([*bent, points[-1]], np.float32)


def profile(positions: Plane, knots: Sequence[float] | Plane, values: Sequence[float] | Plane) -> Plane:
    """A piecewise linear function at the positions: `values` at the `knots`, constant beyond them."""
    return np.interp(positions, knots, values).astype(np.float32)
