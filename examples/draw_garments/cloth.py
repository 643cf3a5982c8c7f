"""Cloth, drawn: outlines as coverage, cloth as a height map that is lit from the upper left.

Positions are in pixels of the final picture, 768x1024, x to the right and y down. Coverage, colour and height are
computed at twice that size and reduced at the end, so edges are smooth. The right half of a garment is given and
mirrored; a slow random bend then takes the symmetry out. The same numbers come out on every run.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 768, 1024
CENTRE = WIDTH / 2
SUPERSAMPLING = 2
GROUND = np.array([250, 250, 250], np.float32)  # the colour of the paper, 0 to 255

Floats = NDArray[np.floating]  # a map [2048, 1536], or a colour [3]
Picture = tuple[NDArray[np.uint8], NDArray[np.uint8]]  # RGB [1024, 768, 3], coverage [1024, 768], 0 to 255
Points = Sequence[tuple[float, float]]
ROWS, COLUMNS = (  # y and x of every sample
    axis / SUPERSAMPLING
    for axis in np.mgrid[0.5 : HEIGHT * SUPERSAMPLING, 0.5 : WIDTH * SUPERSAMPLING].astype(np.float32)
)


def curve(points: Points, steps: int = 24) -> list[tuple[float, float]]:
    """A smooth line through the points (Catmull-Rom)."""
    p = np.array([points[0], *points, points[-1]], np.float64)
    t = np.linspace(0, 1, steps, endpoint=False)[:, None]
    line = []
    for a, b, c, d in zip(p, p[1:], p[2:], p[3:], strict=False):
        line.append(b + t / 2 * (c - a + t * (2 * a - 5 * b + 4 * c - d + t * (3 * (b - c) + d - a))))
    return [(float(x), float(y)) for x, y in np.concatenate([*line, p[-1:]])]


def mirror(points: Points) -> list[tuple[float, float]]:
    """The same points on the left half, in the opposite order."""
    return [(2 * CENTRE - x, y) for x, y in reversed(points)]


def fill(points: Points) -> Floats:
    """Coverage of a polygon: 1 inside, 0 outside."""
    image = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
    ImageDraw.Draw(image).polygon([(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points], fill=255)
    return np.asarray(image, np.float32) / 255


def stroke(points: Points, width: float) -> Floats:
    """Coverage of a line, `width` pixels wide."""
    image = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
    scaled = [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points]
    ImageDraw.Draw(image).line(scaled, fill=255, width=max(1, round(width * SUPERSAMPLING)), joint="curve")
    return np.asarray(image, np.float32) / 255


def stitches(points: Points, dash: float = 4.0) -> Floats:
    """Coverage of a sewn line: one-pixel dashes along the points, `dash` pixels long."""
    p = np.array(points)
    length = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(p, axis=0), axis=1))])
    image = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
    draw = ImageDraw.Draw(image)
    for start in np.arange(0, length[-1], 1.6 * dash):
        ends = [
            tuple(np.interp(at, length, p[:, axis]) * SUPERSAMPLING for axis in (0, 1)) for at in (start, start + dash)
        ]
        draw.line(ends, fill=255, width=SUPERSAMPLING)
    return np.asarray(image, np.float32) / 255


def blur(values: Floats, radius: float) -> Floats:
    """Three box filters each way, close to a Gaussian of standard deviation `radius` pixels, at the final size."""
    half = max(1, round(radius))
    image = Image.fromarray(values)
    small = np.asarray(image.reduce(SUPERSAMPLING))
    for axis in (0, 1, 0, 1, 0, 1):
        pad = [(half + 1, half) if i == axis else (0, 0) for i in (0, 1)]
        total = np.cumsum(np.pad(small, pad, mode="edge"), axis=axis, dtype=np.float64)
        ahead, behind = np.split(total, [2 * half + 1], axis)[1], np.split(total, [-2 * half - 1], axis)[0]
        small = ((ahead - behind) / (2 * half + 1)).astype(np.float32)
    return np.asarray(Image.fromarray(small).resize(image.size, Image.Resampling.BICUBIC))


def noise(seed: int, across: float, down: float) -> Floats:
    """Smooth random hills about `across` x `down` pixels wide, mostly within [-1, 1]."""
    grid = np.random.default_rng(seed).normal(0, 0.7, (round(HEIGHT / down) + 3, round(WIDTH / across) + 3))
    image = Image.fromarray(grid.astype(np.float32))
    size = (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING)
    return np.asarray(image.resize(size, Image.Resampling.BICUBIC), np.float32)


def folds(lines: Sequence[Points], width: float) -> Floats:
    """Heights of creases along the lines: a ridge on one side of each, a valley `width` pixels away on the other."""
    total: Floats = np.zeros_like(ROWS)
    for line in lines:
        ridge = blur(stroke(curve(line), width), width)
        shifted = np.roll(ridge, (round(width * SUPERSAMPLING), round(width * 0.7 * SUPERSAMPLING)), (0, 1))
        total += ridge - 0.8 * shifted
    total *= np.sqrt(width)
    return total


class Cloth:
    """A garment under construction, bottom layer first.

    Attributes:
        colour: RGB [2048, 1536, 3], 0 to 255.
        mask: Coverage of the whole garment, 0 to 1.
        shade: What the colour is multiplied by; 1 is flat cloth in the light.
        relief: Heights in pixels that every piece shares: waves and folds.
    """

    def __init__(self, relief: Floats):
        self.colour = np.full((*ROWS.shape, 3), GROUND, np.float32)
        self.mask = np.zeros_like(ROWS)
        self.shade = np.ones_like(ROWS)
        self.relief = relief

    def add_piece(self, shape: Floats, colour: Floats, *, puff: float = 9.0, drop: float = 0.0) -> None:
        """Lays a piece of cloth on top.

        Args:
            shape: Its coverage.
            colour: RGB of the piece, 0 to 255.
            puff: How round its edge is, in pixels.
            drop: How strong a shadow it casts on what is there, 0 to 1.
        """
        if drop:
            shadow = np.roll(blur(shape, 5.0), (4 * SUPERSAMPLING, 2 * SUPERSAMPLING), (0, 1))
            self.shade *= 1 - drop * shadow * self.mask
        height = puff * np.sqrt(np.clip(2 * blur(shape, puff) - 1, 0, 1) + 0.02) * 1.6 + self.relief
        down, right = np.gradient(height, 1 / SUPERSAMPLING)
        lit = 1 + np.clip(0.22 * right + 0.28 * down, -0.40, 0.13)
        occluded = 0.80 + 0.20 * np.clip(2 * blur(shape, 3.0) - 1, 0, 1)
        self._lay(shape, colour, lit * occluded)

    def add_print(self, shape: Floats, colour: Floats, strength: float = 1.0) -> None:
        """Puts ink or thread on the cloth; it takes the cloth's shade."""
        weight = (shape * strength * self.mask)[..., None]
        self.colour = self.colour * (1 - weight) + np.broadcast_to(colour, self.colour.shape) * weight

    def darken(self, shape: Floats, depth: float) -> None:
        """Darkens a seam, a stitch or a fold by `depth`, 0 to 1."""
        self.shade *= 1 - depth * shape

    def _lay(self, shape: Floats, colour: Floats, shade: Floats) -> None:
        weight = shape[..., None]
        self.colour = self.colour * (1 - weight) + np.broadcast_to(colour, self.colour.shape) * weight
        self.shade = self.shade * (1 - shape) + shade * shape
        self.mask = np.maximum(self.mask, shape)

    def picture(self, seed: int, grain: float) -> Picture:
        """The finished picture, bent a little, with a faint shadow on the paper.

        Args:
            seed: Of the bend and the grain.
            grain: Strength of the noise on the cloth; 0 for none.
        """
        cloth = self.colour * np.clip(self.shade, 0.25, 1.12)[..., None]
        cloth = np.clip(
            cloth
            + grain * blur(np.random.default_rng(seed).normal(0, 4, ROWS.shape).astype(np.float32), 0.5)[..., None],
            0,
            255,
        )
        cast = np.roll(blur(self.mask, 7.0), (5 * SUPERSAMPLING, 3 * SUPERSAMPLING), (0, 1))
        ground = GROUND * (1 - 0.03 * cast[..., None])
        layers = np.concatenate(
            [cloth * self.mask[..., None] + ground * (1 - self.mask[..., None]), self.mask[..., None] * 255], 2
        )
        bent = _bend(layers, 5.0 * noise(seed + 1, 300, 260), 4.0 * noise(seed + 2, 260, 300))
        small = bent.reshape(HEIGHT, SUPERSAMPLING, WIDTH, SUPERSAMPLING, 4).mean((1, 3))
        small = np.clip(np.round(small), 0, 255).astype(np.uint8)
        return small[..., :3], small[..., 3]


def _bend(layers: Floats, right: Floats, down: Floats) -> Floats:
    """Moves the layers: each sample comes from `right` and `down` pixels away, bilinearly."""
    height, width = ROWS.shape
    rows = np.clip((ROWS + down) * SUPERSAMPLING - 0.5, 0, height - 1.001)
    columns = np.clip((COLUMNS + right) * SUPERSAMPLING - 0.5, 0, width - 1.001)
    y, x = rows.astype(int), columns.astype(int)
    fy, fx = (rows - y)[..., None], (columns - x)[..., None]
    above = layers[y, x] * (1 - fx) + layers[y, x + 1] * fx
    below = layers[y + 1, x] * (1 - fx) + layers[y + 1, x + 1] * fx
    bent: Floats = above * (1 - fy) + below * fy
    return bent


def band(points: Points, inner: float, outer: float) -> Floats:
    """Coverage of a strip along the points, from `inner` pixels to their right to `outer` to their left."""
    p = np.array(points)
    tangent = np.gradient(p, axis=0)
    normal = np.stack([tangent[:, 1], -tangent[:, 0]], 1) / np.linalg.norm(tangent, axis=1, keepdims=True)
    return fill([tuple(xy) for xy in np.concatenate([p + outer * normal, (p - inner * normal)[::-1]])])


def back_rib(back: Points, end: float, middle: float) -> Floats:
    """Coverage of the neck rib behind, above the neck's line: `end` wide where it meets the front's, then `middle`."""
    (left, top), (right, _), dip = back[0], back[-1], max(y for _, y in back)
    low = top + 0.4 * end  # on the shoulder's slope
    outer = curve([(left - end, low), (CENTRE, dip - middle), (right + end, low)])
    return fill([*outer, *reversed(back)])


def side(points: Points, left: bool) -> Points:
    """The points of a right side, mirrored for the left one."""
    return mirror(points) if left else points


def along(start: tuple[float, float], end: tuple[float, float], left: bool) -> tuple[Floats, Floats]:
    """Coordinates in pixels along and across the line from start to end, given for the right side."""
    (x, y), (u, v) = start, end
    length = np.hypot(u - x, v - y)
    columns = 2 * CENTRE - COLUMNS if left else COLUMNS
    t = ((columns - x) * (u - x) + (ROWS - y) * (v - y)) / length
    return t, ((columns - x) * (v - y) - (ROWS - y) * (u - x)) / length


def bands(t: Floats, period: float, share: float) -> Floats:
    """Stripes: 1 on `share` of every `period` pixels of the coordinate t, soft over one pixel."""
    phase = np.abs((t / period) % 1 - 0.5) * 2  # 1 at the stripes' middle
    stripes: Floats = np.clip((phase - (1 - share)) * period / 2 + 0.5, 0, 1)
    return stripes


def mix(below: Floats, above: Floats, weight: Floats) -> Floats:
    """Colours blended: `below` where the weight is 0, `above` where it is 1."""
    weight = weight[..., None]
    return below + (above - below) * weight


def rgb(code: str) -> Floats:
    """The colour of a hexadecimal code such as "e9dfc8": RGB, 0 to 255."""
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32)
