"""The garment as it lies: its pattern in heads, and its picture.

One pattern serves the flat picture and the worn garment: a panel around a vertical middle, half as wide as `half_width`
says at each height v below the base of the neck, and two sleeves, straight ribbons from the armhole. What the person
wears is this picture, sampled; so neckline, hem and print are where the flat garment has them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.ribbon import Plane, lay, profile
from dmvton_mobile.datasets.procedural.garment.design import GarmentDesign, GarmentKind, Neckline
from dmvton_mobile.datasets.procedural.garment.textile import blotches, weave
from dmvton_mobile.datasets.procedural.people import seeded_rng

SLOPE = ((0.0, 0.06, 0.14, 0.24, 0.34), (0.34, 0.6, 0.82, 0.95, 1.0))  # of the shoulder: v, share of its half-width
CHEST = 0.9  # v of the armpits
ARM = 2.42  # length of an arm
_SHOULDER, _CHEST, _WAIST = 0.82, 0.86, 0.8  # half-widths of a size without ease
_HOOD = 0.3  # how far a hood stands above the neck's base


@dataclass(frozen=True)
class Sleeve:
    """A sleeve of the flat garment: ribbon from start in direction (unit vector), half as wide as `half_width`."""

    start: NDArray[np.float64]
    direction: NDArray[np.float64]
    length: float
    armhole: float
    cuff: float

    def half_width(self, along: Plane) -> Plane:
        """along: from the start, in shares of the length."""
        return profile(along, [0, 1], [self.armhole, self.cuff])

    def place(self, along: Plane, across: Plane) -> tuple[Plane, Plane]:
        """(u, v) of the points at `along` (shares of the length) and `across` (shares of the half-width)."""
        run = along * np.float32(self.length)
        off = across * self.half_width(along)
        dx, dy = np.float32(self.direction[0]), np.float32(self.direction[1])
        start_u, start_v = np.float32(self.start[0]), np.float32(self.start[1])
        return start_u + run * dx + off * dy, start_v + run * dy - off * dx


@dataclass(frozen=True)
class FlatGarment:
    """The flat picture, [H, W] of the network's size.

    rgb: float32 [H, W, 3] in [0, 1]. mask: float32 [H, W], all of the garment. front: float32 [H, W], the panel
    without its opening and the inside of the back: what the torso shows. scale: pixels per head; origin: pixel (x, y)
    of the neck's base.
    left, right: the person's own sleeves, None for none.
    """

    garment: GarmentDesign
    rgb: Plane
    mask: Plane
    front: Plane
    scale: float
    origin: tuple[float, float]
    left: Sleeve | None
    right: Sleeve | None

    def pixel(self, u: Plane, v: Plane) -> tuple[Plane, Plane]:
        """The pixel of a place in heads."""
        scale = np.float32(self.scale)
        return u * scale + np.float32(self.origin[0]), v * scale + np.float32(self.origin[1])


def panel_half_width(garment: GarmentDesign, v: Plane) -> Plane:
    """Half the width of the flat panel at v; 0 outside it but for a hood."""
    hem = _WAIST + (_CHEST - _WAIST) * garment.drop
    straight = profile(v, [CHEST, 1.65, 2.4, 3.3], [_CHEST, hem, hem + 0.06, hem + 0.1]) + np.float32(garment.fit)
    shoulder = (_SHOULDER + 0.4 * garment.fit) * profile(v, *SLOPE)
    return panel_outline(garment, v, shoulder, straight)


def panel_outline(garment: GarmentDesign, v: Plane, shoulder: Plane, straight: Plane) -> Plane:
    """What flat and worn panel share: shoulder above the armhole, straight below, a tank's armhole, a hood.

    shoulder, straight: half-widths at v, as the slope of the shoulder and the sides below the armpits have them.
    """
    armhole = np.clip((v - np.float32(0.34)) / np.float32(CHEST - 0.34), 0, 1)
    width = np.where(v < CHEST, shoulder + (straight - shoulder) * armhole, straight)
    if garment.kind is GarmentKind.TANK:
        cut = 1 - (1 - np.float32(garment.strap)) * np.sqrt(np.clip(1 - (v / np.float32(CHEST)) ** 2, 0, 1))
        width = np.where(v < CHEST, width * cut, width)
    if garment.kind is GarmentKind.HOODIE:
        ring = np.float32(garment.neck_width + 0.16) * np.sqrt(np.clip(1 - (v / np.float32(_HOOD)) ** 2, 0, 1))
        width = np.where(v < 0.2, np.maximum(np.where(v < 0, 0, width), ring), width)
        return np.where(v < -_HOOD, np.float32(-1), width)
    return np.where(v < 0, np.float32(-1), width)


def neckline(garment: GarmentDesign, u: Plane) -> Plane:
    """v of the front neckline at u; below 0 where there is no opening."""
    share = np.abs(u) / np.float32(garment.neck_width)
    depth = np.float32(garment.neck_depth)
    curve = {
        Neckline.CREW: lambda x: np.sqrt(np.clip(1 - x * x, 0, 1)),
        Neckline.SCOOP: lambda x: np.clip(1 - x * x, 0, 1) ** np.float32(0.6),
        Neckline.BOAT: lambda x: np.clip(1 - x * x, 0, 1),
        Neckline.V: lambda x: np.clip(1 - x, 0, 1),
        Neckline.SQUARE: lambda x: np.clip((1 - x) * 6, 0, 1),
    }[garment.neckline](share)
    return np.where(share < 1, depth * curve, np.float32(-1))


def _back(garment: GarmentDesign, u: Plane) -> Plane:
    """v of the edge of the back, seen through the neck's opening: a little below the base, or the rim of a hood."""
    if garment.kind is GarmentKind.HOODIE:
        return np.float32(0.08 - _HOOD) * np.sqrt(np.clip(1 - (u / np.float32(garment.neck_width)) ** 2, 0, 1))
    return neckline(garment, u) * np.float32(0.22)


def lay_flat(garment: GarmentDesign, size: tuple[int, int]) -> FlatGarment:
    """The garment on its paper, filling the picture of (height, width) to `garment.spread`."""
    rng = seeded_rng(garment.seed)
    left, right = _sleeves(garment)
    scale, origin = _placed(garment, left, size)
    x, y = np.arange(size[1], dtype=np.float32)[None], np.arange(size[0], dtype=np.float32)[:, None]
    u = np.broadcast_to((x - np.float32(origin[0])) / np.float32(scale), size)
    v = np.broadcast_to((y - np.float32(origin[1])) / np.float32(scale), size)
    panel = _panel(garment, u, v, scale)
    opening = np.clip((neckline(garment, u) - v) * np.float32(scale) + np.float32(0.5), 0, 1)
    above = np.clip((_back(garment, u) - v) * np.float32(scale) + np.float32(0.5), 0, 1)  # the back ends below it
    sleeves = np.zeros(size, np.float32)
    for sleeve in (left, right):
        if sleeve is not None:
            _add_sleeve(sleeves, sleeve, scale, origin, size)
    free = sleeves * (1 - opening)
    front = panel * (1 - opening)
    mask = panel if garment.kind is GarmentKind.HOODIE else panel * (1 - opening * above)
    mask = np.maximum(mask, free)
    cloth = weave(garment, u, v, rng)
    if garment.contrast_sleeves:
        cloth += (sleeves * (1 - panel))[..., None] * (np.array(garment.colours[1], np.float32) - cloth)
    _sew(cloth, garment, u, v, scale, panel, sleeves)
    shade = (
        1 + np.float32(0.03) * blotches(size, 6, rng) * np.float32(0.6) + np.float32(0.015) * blotches(size, 14, rng)
    )
    shade -= (
        np.float32(0.22) * np.clip(1 - cv2.GaussianBlur(mask, (0, 0), scale * 0.035), 0, 1) * 2 * mask * np.float32(0.5)
    )
    cloth *= shade[..., None]
    inside = panel * opening * (1 - above)
    cloth += inside[..., None] * (cloth * np.float32(0.55) - cloth)
    paper = np.full((*size, 3), garment.paper, np.float32)
    shadow = cv2.GaussianBlur(mask, (0, 0), scale * 0.06)
    paper *= (1 - np.float32(0.14) * shadow)[..., None]
    rgb = paper + mask[..., None] * (cloth - paper)
    return FlatGarment(garment, np.clip(rgb, 0, 1), mask, front, scale, origin, left, right)


def _sleeves(garment: GarmentDesign) -> tuple[Sleeve | None, Sleeve | None]:
    """The person's left (image right) and right."""
    if not garment.sleeve:
        return None, None
    shoulder = _SHOULDER + 0.4 * garment.fit
    length = garment.sleeve * ARM
    cuff = 0.17 + garment.sleeve_ease + 0.08 * (1 - min(garment.sleeve, 1))
    armhole = 0.27 + 0.5 * garment.fit

    def sleeve(side: int) -> Sleeve:
        direction = np.array([side * np.sin(garment.sleeve_angle), np.cos(garment.sleeve_angle)])
        # its upper corner is the tip of the shoulder
        start = (
            side * (shoulder - armhole * np.cos(garment.sleeve_angle)),
            0.34 + armhole * np.sin(garment.sleeve_angle),
        )
        return Sleeve(np.array(start), direction, length, armhole, cuff)

    return sleeve(1), sleeve(-1)


def _placed(garment: GarmentDesign, left: Sleeve | None, size: tuple[int, int]) -> tuple[float, tuple[float, float]]:
    """Pixels per head and the pixel of the neck's base, so that the garment fills its share of the picture."""
    v = np.linspace(0, garment.length, 40, dtype=np.float32)
    half = float(panel_half_width(garment, v).max())
    top = -_HOOD if garment.kind is GarmentKind.HOODIE else 0.0
    bottom = garment.length + max(garment.hem_curve, 0) + 0.03
    if left is not None:
        end = left.start + left.direction * left.length
        half = max(half, float(end[0] + left.cuff * left.direction[1]))
        bottom = max(bottom, float(end[1] + left.cuff * left.direction[0]))
    height, width = size
    scale = garment.spread * min(width / (2 * half), height / (bottom - top))
    return scale, ((width - 1) / 2, (height - 1) / 2 - scale * (top + bottom) / 2)


def _panel(garment: GarmentDesign, u: Plane, v: Plane, scale: float) -> Plane:
    """Coverage of the panel, neck opening included."""
    sides = panel_half_width(garment, v[:, :1]) - np.abs(u)
    share = np.abs(u) / np.float32(_CHEST)
    hem = np.float32(garment.length) + np.float32(garment.hem_curve) * (1 - share * share) - v
    inside = np.minimum(sides, hem)
    return np.clip(inside * np.float32(scale) + np.float32(0.5), 0, 1)


def _add_sleeve(
    coverage: Plane, sleeve: Sleeve, scale: float, origin: tuple[float, float], size: tuple[int, int]
) -> None:
    start = sleeve.start * scale + origin
    axis = np.array([start, start + sleeve.direction * sleeve.length * scale], np.float32)
    strip = lay(axis, 0.6 * scale, size)
    if strip is None:
        return
    half = sleeve.half_width(strip.along / np.float32(strip.length)) * np.float32(scale)
    coverage[strip.box] = np.maximum(coverage[strip.box], strip.coverage(half, 0.0, strip.length))


def _sew(cloth: Plane, garment: GarmentDesign, u: Plane, v: Plane, scale: float, panel: Plane, sleeves: Plane) -> None:
    """What the tailor adds, in place: seams, rib, placket, collar, pocket, cord."""
    edge = neckline(garment, u)
    rib = np.abs(v - edge - np.float32(0.04)) < 0.04
    _darken(cloth, rib & (edge > 0), 0.88)
    _darken(cloth, (panel > 0.05) & (panel < 0.95) & (sleeves > 0.9), 0.8)
    hem = np.float32(garment.length) + np.float32(garment.hem_curve) * (1 - (u / np.float32(_CHEST)) ** 2) - v
    if garment.kind is GarmentKind.HOODIE:
        _darken(cloth, (hem < 0.2) & (panel > 0.5), 0.9)
        pouch = (np.abs(u) < 0.5 - 0.16 * np.clip((2.0 - v) / 0.5, 0, 1)) & (v > 1.55) & (hem > 0.25)
        outline = pouch.astype(np.uint8)
        _darken(cloth, cv2.morphologyEx(outline, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0, 0.78)
        for side in (-0.1, 0.1):
            cord = (np.abs(u - side) < 0.02) & (v > edge) & (v < edge + 0.55)
            cloth[cord] = np.float32(0.9)
        _darken(cloth, (v < 0.18) & (panel > 0.5) & (np.abs(u) > garment.neck_width), 0.9)
    else:
        _darken(cloth, (np.abs(hem - 0.08) * scale < 0.5) & (panel > 0.5), 0.88)
    if garment.kind is GarmentKind.SHIRT:
        _placket_and_collar(cloth, garment, u, v, scale, edge)
    if garment.pocket and garment.kind in (GarmentKind.SHIRT, GarmentKind.TEE):
        pocket = ((np.abs(u - 0.4) < 0.19) & (np.abs(v - 1.02) < 0.21)).astype(np.uint8)
        _darken(cloth, cv2.morphologyEx(pocket, cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0, 0.75)


def _placket_and_collar(cloth: Plane, garment: GarmentDesign, u: Plane, v: Plane, scale: float, edge: Plane) -> None:
    below = v > garment.neck_depth
    _darken(cloth, (np.abs(np.abs(u) - 0.07) * scale < 0.5) & below, 0.78)
    button = np.float32(0.34)
    nearest = (v - np.float32(garment.neck_depth + 0.15)) % button
    discs = (u * u + (nearest - button / 2) ** 2 < 0.032**2) & below
    cloth[discs] = np.float32(0.95) if np.mean(garment.colours[0]) < 0.5 else np.float32(0.25)
    leaf = (v - edge < 0.3 * (1 - np.abs(u) / (garment.neck_width + 0.14)) + 0.08) & (v > edge)
    leaf &= np.abs(u) < garment.neck_width + 0.14
    outline = cv2.morphologyEx(leaf.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0
    _darken(cloth, outline, 0.7)
    cloth[leaf] = np.minimum(cloth[leaf] * np.float32(1.05), 1)


def _darken(cloth: Plane, where: NDArray[np.bool_], by: float) -> None:
    cloth[where] *= np.float32(by)
