"""Textiles: what a cloth looks like spread flat, one function per kind.

u and v [H, W] run across and down the garment's picture in heads, so that a pattern has the same scale at any
resolution; `across` and `along` are the same turned by the pattern's angle. A textile is RGB float32 [H, W, 3] in
[0, 1].
"""

from collections.abc import Callable

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.body.ribbon import Plane
from dmvton_mobile.datasets.procedural.body.shade import blotches
from dmvton_mobile.datasets.procedural.garment.design import GarmentDesign, Textile
from dmvton_mobile.datasets.procedural.people import Rng
from dmvton_mobile.datasets.procedural.scene.palette import Colour, ink

_WORDS = ("NORD", "ATLAS", "MILO", "SOL", "1987", "RUN", "OSLO", "KITE", "WAVE", "LUNA", "24", "ECHO", "PEAK", "JUNE")
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_COMPLEX, cv2.FONT_HERSHEY_TRIPLEX)


def weave(garment: GarmentDesign, u: Plane, v: Plane, rng: Rng) -> Plane:
    """The cloth of a garment, with the fine grain that every cloth has.

    Args:
        garment: The design.
        u: [H, W], across the garment's picture in heads.
        v: As u, down.
        rng: Random numbers of the pattern and the grain.

    Returns:
        RGB float32 [H, W, 3] in [0, 1].
    """
    cosine, sine = np.float32(np.cos(garment.angle)), np.float32(np.sin(garment.angle))
    across, along = u * cosine + v * sine, v * cosine - u * sine
    cloth = _KINDS[garment.textile](garment, across, along, u, v, rng)
    grain = cv2.GaussianBlur(rng.standard_normal(u.shape, np.float32), (0, 0), 0.6)
    return np.clip(cloth * (1 + np.float32(rng.uniform(0.005, 0.035)) * grain)[..., None], 0, 1)


def _plain(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """One colour."""
    return _filled(u, garment.colours[0])


def _stripes(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Stripes across `along`, now and then with a thin third colour between them."""
    period = garment.scale * rng.uniform(0.12, 0.4)
    cloth = _mixed(_filled(u, garment.colours[0]), garment.colours[1], _band(along, period, rng.uniform(0.15, 0.6)))
    if rng.random() < 0.4:
        cloth = _mixed(
            cloth, garment.colours[2], _band(along + np.float32(period / 2), period, rng.uniform(0.06, 0.15))
        )
    return cloth


def _checks(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Bands both ways, half transparent, now and then with thin lines of a third colour."""
    period, width = garment.scale * rng.uniform(0.16, 0.5), rng.uniform(0.25, 0.55)
    cloth = _filled(u, garment.colours[0])
    for axis in (across, along):
        cloth = _mixed(cloth, garment.colours[1], _band(axis, period, width) * np.float32(0.5))
    if rng.random() < 0.6:
        for axis in (across, along):
            cloth = _mixed(
                cloth, garment.colours[2], _band(axis + np.float32(period / 3), period, 0.07) * np.float32(0.7)
            )
    return cloth


def _dots(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Dots in rows, every other row moved by half a period."""
    period = np.float32(garment.scale * rng.uniform(0.14, 0.4))
    row = np.floor(along / period)
    x = (across / period + row * np.float32(0.5)) % 1 - np.float32(0.5)  # every other row moved by half
    y = along / period - row - np.float32(0.5)
    radius = np.float32(rng.uniform(0.16, 0.38))
    inside = (radius - np.sqrt(x * x + y * y)) * period / np.float32(_pixel(u)) + np.float32(0.5)
    return _mixed(_filled(u, garment.colours[0]), garment.colours[1], np.clip(inside, 0, 1))


def _gradient(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """A gradient from one colour to another."""
    low, high = sorted(rng.uniform(0.2, 2.6, 2))
    share = np.clip((along - np.float32(low)) / np.float32(max(high - low, 0.4)), 0, 1)
    return _mixed(_filled(u, garment.colours[0]), garment.colours[1], share)


def _noise(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Blotches of two colours: washed out, or hard as camouflage."""
    cells = rng.uniform(8, 40) / garment.scale
    hard = np.float32(rng.choice([0.8, 30.0]))  # washed out, or camouflage
    cloth = _filled(u, garment.colours[0])
    for colour in garment.colours[1:]:
        share = np.clip((blotches(u.shape, cells, rng) - np.float32(rng.uniform(-0.2, 0.7))) * hard, 0, 1)
        cloth = _mixed(cloth, colour, share * np.float32(0.9))
    return cloth


def _blossoms(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Flowers of four to six petals, scattered."""
    canvas = _bytes(garment.colours[0], u.shape)
    left, top, pixel = float(u.min()), float(v.min()), _pixel(u)
    for _ in range(int(rng.integers(18, 60) / garment.scale)):
        centre = np.array([rng.uniform(left, float(u.max())), rng.uniform(top, float(v.max()))])
        size, petals, first = rng.uniform(0.06, 0.16) * garment.scale, int(rng.integers(4, 7)), rng.random() * 6.28
        petal = ink(garment.colours[1 + int(rng.random() < 0.3)])
        for k in range(petals):
            angle = first + 2 * np.pi * k / petals
            at = centre + size * 0.6 * np.array([np.cos(angle), np.sin(angle)])
            _disc(canvas, at, size * 0.5, petal, left, top, pixel)
        _disc(canvas, centre, size * 0.3, ink(garment.colours[2]), left, top, pixel)
    return canvas.astype(np.float32) / np.float32(255)


def _blocks(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """Three broad bands of colour."""
    cloth = _filled(u, garment.colours[0])
    first, second = rng.uniform(0.5, 1.2), rng.uniform(1.3, 2.2)
    edge = np.float32(_pixel(u))
    cloth = _mixed(cloth, garment.colours[1], np.clip((along - np.float32(first)) / edge + np.float32(0.5), 0, 1))
    return _mixed(cloth, garment.colours[2], np.clip((along - np.float32(second)) / edge + np.float32(0.5), 0, 1))


def _logo(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """A star of three to eight points on the chest, large in the middle or small on the person's left."""
    canvas = _bytes(garment.colours[0], u.shape)
    left, top, pixel = float(u.min()), float(v.min()), _pixel(u)
    small = rng.random() < 0.4
    centre = np.array([0.38 if small else 0.0, rng.uniform(0.75, 0.95) if small else rng.uniform(0.95, 1.3)])
    size = rng.uniform(0.1, 0.16) if small else rng.uniform(0.25, 0.45)
    corners = int(rng.integers(3, 9))
    angles = rng.random() + 2 * np.pi * np.arange(2 * corners) / (2 * corners)
    radii = size * np.where(np.arange(2 * corners) % 2, rng.uniform(0.4, 0.95), 1.0)
    star = centre + radii[:, None] * np.stack([np.cos(angles), np.sin(angles)], 1)
    if rng.random() < 0.5:
        _disc(canvas, centre, size * 1.15, ink(garment.colours[2]), left, top, pixel)
    points = np.round((star - (left, top)) / pixel * 16).astype(np.int32)
    cv2.fillPoly(canvas, [points], ink(garment.colours[1]), cv2.LINE_AA, 4)
    return canvas.astype(np.float32) / np.float32(255)


def _lettering(garment: GarmentDesign, across: Plane, along: Plane, u: Plane, v: Plane, rng: Rng) -> Plane:
    """One to three words, centred on the chest."""
    canvas = _bytes(garment.colours[0], u.shape)
    left, top, pixel = float(u.min()), float(v.min()), _pixel(u)
    font, down = _FONTS[int(rng.integers(len(_FONTS)))], rng.uniform(0.85, 1.1)
    for line in range(int(rng.integers(1, 4))):
        word = _WORDS[int(rng.integers(len(_WORDS)))]
        wanted = rng.uniform(0.7, 1.1) / pixel
        (width, _), _ = cv2.getTextSize(word, font, 1.0, 1)
        size = min(wanted / width, 0.42 / pixel / 22)
        (width, height), _ = cv2.getTextSize(word, font, size, 1)
        at = (int(-left / pixel - width / 2), int((down - top) / pixel + height))
        thickness = max(1, round(size * rng.uniform(1.2, 3.5)))
        cv2.putText(canvas, word, at, font, size, ink(garment.colours[1 + line % 2]), thickness, cv2.LINE_AA)
        down += height * pixel * 1.5
    return canvas.astype(np.float32) / np.float32(255)


_KINDS: dict[Textile, Callable[[GarmentDesign, Plane, Plane, Plane, Plane, Rng], Plane]] = {
    Textile.PLAIN: _plain,
    Textile.STRIPES: _stripes,
    Textile.CHECKS: _checks,
    Textile.DOTS: _dots,
    Textile.GRADIENT: _gradient,
    Textile.NOISE: _noise,
    Textile.BLOSSOMS: _blossoms,
    Textile.BLOCKS: _blocks,
    Textile.LOGO: _logo,
    Textile.LETTERING: _lettering,
}


def _filled(like: Plane, colour: Colour) -> Plane:
    return np.full((*like.shape, 3), colour, np.float32)


def _mixed(cloth: Plane, colour: Colour, share: Plane) -> Plane:
    return cloth + share[..., None] * (np.array(colour, np.float32) - cloth)


def _band(position: Plane, period: float, width: float) -> Plane:
    """1 on a band of `width` (a share) of each period (heads), soft at its edges: a triangle wave, cut off."""
    phase = np.abs((position / np.float32(period)) % 1 - np.float32(0.5))
    return np.clip((np.float32(width / 2) - phase) * np.float32(period * 60) + np.float32(0.5), 0, 1)


def _pixel(u: Plane) -> float:
    """The width of a pixel in heads."""
    return float(u[0, 1] - u[0, 0])


def _bytes(colour: Colour, shape: tuple[int, int]) -> np.ndarray:
    return np.full((*shape, 3), ink(colour), np.uint8)


def _disc(
    canvas: np.ndarray,
    centre: np.ndarray,
    radius: float,
    ink: tuple[int, int, int],
    left: float,
    top: float,
    pixel: float,
) -> None:
    x, y = (centre - (left, top)) / pixel * 16
    cv2.circle(canvas, (round(x), round(y)), round(radius / pixel * 16), ink, -1, cv2.LINE_AA, 4)
