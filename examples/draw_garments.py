"""Draws the example garments: flat-lay product pictures on white, 768x1024, each with its exact mask.

    python examples/draw_garments.py

Outlines are drawn at twice the size and reduced, so edges are smooth. Cloth is a height map (the puff of each part,
folds, seams) lit from the upper left. All positions are in pixels of the final picture; the right half of a garment is
drawn and mirrored, then a slow random bend takes the symmetry out. The same numbers come out on every run.
"""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

WIDTH, HEIGHT = 768, 1024
CENTRE = WIDTH / 2
SUPERSAMPLING = 2
GROUND = np.array([250, 250, 250], np.float32)

Floats = NDArray[np.floating]
Points = Sequence[tuple[float, float]]
ROWS, COLUMNS = (
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
    """The same on the left, in the opposite order."""
    return [(2 * CENTRE - x, y) for x, y in reversed(points)]


def fill(points: Points) -> Floats:
    """Coverage of a polygon: 1 inside."""
    image = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
    ImageDraw.Draw(image).polygon([(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points], fill=255)
    return np.asarray(image, np.float32) / 255


def stroke(points: Points, width: float) -> Floats:
    """Coverage of a line."""
    image = Image.new("L", (WIDTH * SUPERSAMPLING, HEIGHT * SUPERSAMPLING))
    scaled = [(x * SUPERSAMPLING, y * SUPERSAMPLING) for x, y in points]
    ImageDraw.Draw(image).line(scaled, fill=255, width=max(1, round(width * SUPERSAMPLING)), joint="curve")
    return np.asarray(image, np.float32) / 255


def stitches(points: Points, dash: float = 4.0) -> Floats:
    """Coverage of a sewn line: dashes along the points."""
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
    """Creases along the lines: a ridge on one side of each, a valley on the other."""
    total: Floats = np.zeros_like(ROWS)
    for line in lines:
        ridge = blur(stroke(curve(line), width), width)
        shifted = np.roll(ridge, (round(width * SUPERSAMPLING), round(width * 0.7 * SUPERSAMPLING)), (0, 1))
        total += ridge - 0.8 * shifted
    total *= np.sqrt(width)
    return total


class Cloth:
    """A picture under construction, bottom layer first: colour, coverage and shade."""

    def __init__(self, relief: Floats):
        self.colour = np.full((*ROWS.shape, 3), GROUND, np.float32)
        self.mask = np.zeros_like(ROWS)
        self.shade = np.ones_like(ROWS)
        self.relief = relief

    def part(self, shape: Floats, colour: Floats, *, puff: float = 9.0, drop: float = 0.0) -> None:
        """One piece of cloth on top. puff: how round its edge is, pixels; drop: how strong a shadow it casts."""
        if drop:
            shadow = np.roll(blur(shape, 5.0), (4 * SUPERSAMPLING, 2 * SUPERSAMPLING), (0, 1))
            self.shade *= 1 - drop * shadow * self.mask
        height = puff * np.sqrt(np.clip(2 * blur(shape, puff) - 1, 0, 1) + 0.02) * 1.6 + self.relief
        down, right = np.gradient(height, 1 / SUPERSAMPLING)
        lit = 1 + np.clip(0.22 * right + 0.28 * down, -0.40, 0.13)
        occluded = 0.80 + 0.20 * np.clip(2 * blur(shape, 3.0) - 1, 0, 1)
        self._lay(shape, colour, lit * occluded)

    def print(self, shape: Floats, colour: Floats, strength: float = 1.0) -> None:
        """Ink or thread on the cloth: takes the cloth's shade."""
        weight = (shape * strength * self.mask)[..., None]
        self.colour = self.colour * (1 - weight) + np.broadcast_to(colour, self.colour.shape) * weight

    def crease(self, shape: Floats, depth: float) -> None:
        """Darkens a line or a fold."""
        self.shade *= 1 - depth * shape

    def _lay(self, shape: Floats, colour: Floats, shade: Floats) -> None:
        weight = shape[..., None]
        self.colour = self.colour * (1 - weight) + np.broadcast_to(colour, self.colour.shape) * weight
        self.shade = self.shade * (1 - shape) + shade * shape
        self.mask = np.maximum(self.mask, shape)

    def picture(self, seed: int, grain: float) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
        """(rgb [1024, 768, 3], coverage [1024, 768]), bent a little, with a faint shadow on the ground."""
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
    """Each pixel from `right` and `down` pixels away, bilinear."""
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
    """The part on its side: given for the right."""
    return mirror(points) if left else points


def along(start: tuple[float, float], end: tuple[float, float], left: bool) -> tuple[Floats, Floats]:
    """Pixels along and across the line from start to end, given for the right side."""
    (x, y), (u, v) = start, end
    length = np.hypot(u - x, v - y)
    columns = 2 * CENTRE - COLUMNS if left else COLUMNS
    t = ((columns - x) * (u - x) + (ROWS - y) * (v - y)) / length
    return t, ((columns - x) * (v - y) - (ROWS - y) * (u - x)) / length


def bands(t: Floats, period: float, share: float) -> Floats:
    """Stripes: 1 on `share` of every `period` pixels, soft over one pixel."""
    phase = np.abs((t / period) % 1 - 0.5) * 2  # 1 at the stripes' middle
    stripes: Floats = np.clip((phase - (1 - share)) * period / 2 + 0.5, 0, 1)
    return stripes


def mix(below: Floats, above: Floats, weight: Floats) -> Floats:
    weight = weight[..., None]
    return below + (above - below) * weight


def rgb(code: str) -> Floats:
    return np.array([int(code[i : i + 2], 16) for i in (0, 2, 4)], np.float32)


def tee() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A Breton tee: navy stripes on ecru, short sleeves, a navy neck rib. -> (rgb, coverage)."""
    ecru, navy = rgb("e9dfc8"), rgb("25304f")
    relief = 4.5 * noise(11, 110, 170) + 1.5 * noise(12, 46, 80)
    relief += 3.6 * folds(
        [
            [(576, 430), (510, 492), (478, 580)],
            [(207, 436), (251, 500), (292, 564)],
            [(559, 628), (489, 692), (456, 796)],
            [(227, 668), (282, 724), (292, 804)],
            [(325, 380), (391, 396), (456, 376)],
        ],
        9.0,
    )
    cloth = Cloth(relief)

    neck, dip = 92, 286  # half width, and depth of the front
    back = curve([(CENTRE - neck, 217), (CENTRE, 236), (CENTRE + neck, 217)])
    front = curve([(CENTRE - neck, 217), (CENTRE - 66, 260), (CENTRE, dip), (CENTRE + 66, 260), (CENTRE + neck, 217)])
    inside = fill(back + front[::-1])
    cloth.part(inside, 0.74 * ecru, puff=3.0)
    cloth.print(bands(ROWS - 150, 34, 0.4) * inside, 0.74 * navy)
    cloth.print(fill([(369, 242), (399, 242), (399, 257), (369, 257)]), rgb("f4f1ea"))
    cloth.crease(blur(stroke(front, 10), 6.0) * inside, 0.3)

    sleeve = [
        *curve([(587, 258), (643, 305), (694, 380), (733, 450)]),
        *curve([(733, 450), (685, 473), (633, 482)]),
        *curve([(633, 482), (602, 442), (578, 414)]),
    ]
    seam = curve([(587, 258), (571, 308), (567, 364), (578, 414)])
    for left in (False, True):
        shape = side([*sleeve, *seam[::-1]], left)
        t, _ = along((582, 316), (685, 468), left)
        cloth.part(fill(shape), mix(ecru, navy, bands(t + 3, 34, 0.4)))
        cloth.crease(stitches(side(curve([(726, 438), (680, 459), (625, 469)]), left)), 0.22)

    half = [
        *curve([(CENTRE + neck, 217), (532, 234), (587, 258)]),
        *seam,
        *curve([(578, 414), (582, 564), (589, 708), (593, 841)]),
        *curve([(593, 841), (489, 850), (CENTRE, 854)]),
    ]
    body = fill([*half, *mirror(half), *front])
    sag = 0.00022 * (COLUMNS - CENTRE) ** 2
    cloth.part(body, mix(ecru, navy, bands(ROWS + sag, 34, 0.4) * (ROWS > 316) * (ROWS + sag < 805)), drop=0.25)
    for shape in (seam, mirror(seam)):
        cloth.crease(blur(stroke(shape, 2.2), 1.0), 0.38)
    for lift in (20, 25):
        cloth.crease(
            stitches(
                [(x, y - lift) for x, y in curve([(174, 841), (279, 850), (CENTRE, 854), (489, 850), (594, 841)])]
            ),
            0.22,
        )

    cloth.part(back_rib(back, 13, 8), navy, puff=4.0)
    cloth.part(band(front, 13, 0), navy, puff=4.0, drop=0.12)
    return cloth.picture(21, 1.0)


def sweater() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A forest-green crew-neck sweater with a varsity letter. -> (rgb, coverage)."""
    green = rgb("2f6b58")
    relief = 6.0 * noise(31, 120, 180) + 2.0 * noise(32, 54, 90)
    relief += 4.4 * folds(
        [
            [(561, 452), (503, 532), (473, 628)],
            [(209, 460), (258, 532), (293, 604)],
            [(627, 452), (662, 492), (700, 516)],
            [(606, 532), (648, 564), (700, 580)],
            [(141, 452), (104, 492), (100, 500)],
            [(162, 540), (112, 572), (100, 590)],
            [(545, 676), (473, 732), (421, 780)],
            [(225, 692), (277, 740), (318, 780)],
        ],
        11.0,
    )
    cloth = Cloth(relief)

    neck, dip = 88, 273
    back = curve([(CENTRE - neck, 210), (CENTRE, 226), (CENTRE + neck, 210)])
    front = curve([(CENTRE - neck, 210), (CENTRE - 62, 250), (CENTRE, dip), (CENTRE + 62, 250), (CENTRE + neck, 210)])
    inside = fill(back + front[::-1])
    cloth.part(inside, 0.6 * green, puff=3.0)
    cloth.print(fill([(365, 238), (403, 238), (403, 255), (365, 255)]), rgb("e8e2d2"))

    outer = curve([(571, 250), (632, 306), (672, 436), (703, 596), (726, 732)])
    inner = curve([(656, 745), (629, 628), (599, 516), (565, 430)])
    seam = curve([(571, 250), (555, 305), (553, 370), (565, 430)])
    cuff = [(656, 743), (726, 730), (736, 793), (672, 804)]
    for left in (False, True):
        _, across = along((606, 356), (700, 768), left)
        cloth.part(
            fill(side([*outer, *inner, *seam[::-1]], left)), green * (1 + 0.02 * np.sin(across * 1.9))[..., None]
        )
        cloth.part(
            fill(side(cuff, left)), green * (0.93 + 0.12 * bands(across, 6.5, 0.55))[..., None], puff=5.0, drop=0.2
        )
        cloth.crease(blur(stroke(side([(656, 743), (726, 730)], left), 2.0), 1.0), 0.35)

    half = [
        *curve([(CENTRE + neck, 210), (518, 226), (571, 250)]),
        *seam,
        *curve([(565, 430), (571, 564), (576, 692), (567, 794)]),
        (CENTRE, 801),
    ]
    knit = green * (1 + 0.02 * np.sin(COLUMNS * 1.9))[..., None]
    cloth.part(fill([*half, *mirror(half), *front]), knit, drop=0.3)
    for shape in (seam, mirror(seam)):
        cloth.crease(blur(stroke(shape, 2.4), 1.2), 0.4)
    hem = [(567, 793), (561, 850), *curve([(561, 850), (483, 858), (CENTRE, 860)])]
    cloth.part(fill([*hem, *mirror(hem)]), green * (0.93 + 0.12 * bands(COLUMNS, 6.5, 0.55))[..., None], puff=5.0)
    cloth.crease(blur(stroke([(201, 794), (CENTRE, 801), (567, 794)], 2.0), 1.0), 0.35)

    angle = np.arctan2(ROWS - 164, COLUMNS - CENTRE) * 150
    ribbed = green * (0.93 + 0.12 * bands(angle, 6.5, 0.55))[..., None]
    cloth.part(back_rib(back, 20, 12), ribbed, puff=4.0)
    cloth.part(band(front, 20, 0), ribbed, puff=4.0, drop=0.15)

    letter = [
        (258, 380),
        (337, 380),
        (384, 468),
        (431, 380),
        (510, 380),
        (510, 415),
        (487, 415),
        (487, 569),
        (510, 569),
        (510, 604),
        (413, 604),
        (413, 569),
        (435, 569),
        (435, 458),
        (384, 552),
        (333, 458),
        (333, 569),
        (355, 569),
        (355, 604),
        (258, 604),
        (258, 569),
        (281, 569),
        (281, 415),
        (258, 415),
    ]
    outline = np.clip(fill(letter) + stroke([*letter, *letter[:2]], 15), 0, 1)
    cloth.crease(np.clip(blur(outline, 2.5) - outline, 0, 1), 0.5)
    cloth.print(outline, rgb("f3ead6"))
    cloth.print(fill(letter), rgb("c9402f"))
    cloth.crease(stitches([*letter, letter[0]], 5.0), 0.18)
    return cloth.picture(41, 0.0)


def shirt() -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """A checked flannel shirt: collar, button placket, chest pocket, long sleeves. -> (rgb, coverage)."""
    relief = 5.0 * noise(51, 110, 180) + 1.8 * noise(52, 46, 80)
    relief += 3.8 * folds(
        [
            [(565, 452), (513, 516), (483, 612)],
            [(204, 460), (255, 524), (288, 612)],
            [(637, 452), (668, 492), (700, 516)],
            [(619, 564), (658, 596), (709, 604)],
            [(133, 460), (101, 500), (97, 500)],
            [(153, 564), (112, 596), (89, 610)],
            [(545, 692), (483, 756), (452, 820)],
            [(225, 708), (277, 764), (297, 820)],
        ],
        10.0,
    )
    cloth = Cloth(relief)

    def check(t: Floats, across: Floats) -> Floats:
        cream, red, ink, gold = rgb("ecdcc6"), rgb("b2353a"), rgb("2b2c3e"), rgb("d9b25c")
        colour = mix(cream, red, 0.72 * bands(across, 64, 0.52))
        colour = mix(colour, red, 0.62 * bands(t, 64, 0.52))
        colour = mix(colour, ink, 0.55 * bands(across, 64, 0.16))
        colour = mix(colour, ink, 0.5 * bands(t, 64, 0.16))
        colour = mix(colour, gold, 0.5 * bands(across + 32, 64, 0.05))
        return mix(colour, gold, 0.45 * bands(t + 32, 64, 0.05))

    straight = check(ROWS + 0.00012 * (COLUMNS - CENTRE) ** 2, COLUMNS - CENTRE + 32)
    inside = fill([*curve([(316, 218), (CENTRE, 210), (452, 218)]), (CENTRE, 326)])
    cloth.part(inside, 0.62 * straight, puff=3.0)
    cloth.print(fill([(361, 236), (407, 236), (407, 255), (361, 255)]), rgb("23242e"))

    outer = curve([(580, 265), (637, 322), (677, 452), (703, 604), (722, 734)])
    inner = curve([(650, 748), (629, 636), (600, 524), (567, 436)])
    seam = curve([(580, 265), (561, 316), (557, 380), (567, 436)])
    cuff = [(648, 745), (723, 730), (735, 788), (662, 801)]
    for left in (False, True):
        t, across = along((613, 356), (693, 768), left)
        cloth.part(fill(side([*outer, *inner, *seam[::-1]], left)), check(t, across))
        cloth.part(fill(side(cuff, left)), check(across + 20, t), puff=5.0, drop=0.2)
        cloth.crease(stitches(side([(652, 751), (724, 738)], left)), 0.25)
        cloth.print(blur(fill(side([(670, 772), (678, 770), (680, 776), (672, 778)], left)), 1.0), rgb("f1e8d8"))

    half = [
        (CENTRE + 62, 225),
        *curve([(452, 222), (516, 241), (580, 265)]),
        *seam,
        *curve([(567, 436), (574, 564), (580, 692), (578, 793)]),
        *curve([(578, 793), (545, 838), (473, 860), (CENTRE, 866)]),
    ]
    cloth.part(fill([*half, *mirror(half), (CENTRE, 326)]), straight, drop=0.3)
    for shape in (seam, mirror(seam)):
        cloth.crease(blur(stroke(shape, 2.2), 1.0), 0.4)
        cloth.crease(stitches([(x + (-7 if x > CENTRE else 7), y) for x, y in shape]), 0.2)
    hem = curve([(578, 793), (545, 838), (473, 860), (CENTRE, 866), (295, 860), (223, 838), (190, 793)])
    cloth.crease(stitches([(x, y - 11) for x, y in hem]), 0.22)

    placket = fill([(366, 305), (402, 305), (402, 866), (366, 866)]) * cloth.mask
    cloth.part(placket, straight, puff=3.0, drop=0.3)
    for x in (373, 395):
        cloth.crease(stitches([(x, 262), (x, 934)]), 0.22)
    pocket = [(440, 401), (539, 401), (539, 478), (489, 495), (440, 478)]
    cloth.part(fill(pocket), check(ROWS + 18, COLUMNS - CENTRE + 14), puff=3.0, drop=0.3)
    cloth.crease(stitches([(x + (486 - x) * 0.09, y + (410 - y) * 0.07) for x, y in [*pocket, pocket[0]]]), 0.25)
    for y in range(361, 836, 78):
        button = ((COLUMNS - CENTRE) ** 2 + (ROWS - y) ** 2) ** 0.5
        cloth.crease(blur(np.clip(10 - button, 0, 1), 2.0) * np.clip(button - 7.5, 0, 1), 0.5)
        cloth.print(np.clip(8.5 - button, 0, 1), rgb("f1e8d8"))
        cloth.crease(np.clip(1.2 - np.abs(button - 6.4), 0, 1), 0.18)
        for dx, dy in ((-2, -2), (2, -2), (-2, 2), (2, 2)):
            cloth.crease(np.clip(1.7 - ((COLUMNS - CENTRE - dx) ** 2 + (ROWS - y - dy) ** 2) ** 0.5, 0, 1), 0.6)

    band = [*curve([(307, 214), (CENTRE, 202), (461, 214)]), *curve([(458, 230), (CENTRE, 218), (310, 230)])]
    cloth.part(fill(band), 0.9 * check(COLUMNS, ROWS + 10), puff=4.0)
    leaf = [*curve([(454, 204), (477, 222), (480, 250)]), *curve([(473, 330), (421, 318), (386, 308)])]
    leaf += curve([(386, 308), (420, 260), (454, 204)])
    for left in (False, True):
        t, across = along((442, 212), (442, 324), left)
        tilted = check(0.8 * t + 0.6 * across, 0.8 * across - 0.6 * t + 20)
        cloth.part(fill(side(leaf, left)), tilted, puff=6.0, drop=0.35)
        cloth.crease(stitches(side([(474, 248), (466, 323), (393, 305)], left)), 0.22)
    return cloth.picture(61, 1.0)


def main() -> None:
    folder = Path(__file__).parent
    colour, _ = tee()
    Image.fromarray(colour).save(folder / "tee.jpg", quality=92)
    colour, mask = sweater()
    colour[mask == 0] = 255
    Image.fromarray(np.dstack([colour, mask])).save(folder / "sweater.png", optimize=True)
    colour, mask = shirt()
    Image.fromarray(colour).save(folder / "shirt.jpg", quality=92)
    Image.fromarray(mask).save(folder / "shirt_mask.png", optimize=True)


if __name__ == "__main__":
    main()
