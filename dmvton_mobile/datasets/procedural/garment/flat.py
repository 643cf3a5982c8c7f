"""The garment as it lies: its picture, photographed flat on paper.

The person wears this very picture, sampled; so neckline, hem and print are where the flat garment has them.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.ribbon import Plane, antialiased, lay
from dmvton_mobile.datasets.procedural.body.shade import blotches
from dmvton_mobile.datasets.procedural.garment.design import GarmentDesign, GarmentKind
from dmvton_mobile.datasets.procedural.garment.pattern import (
    HOOD,
    Sleeve,
    above_hem,
    back_neckline,
    cut_sleeves,
    front_neckline,
    panel_half_width,
)
from dmvton_mobile.datasets.procedural.garment.textile import weave
from dmvton_mobile.datasets.procedural.people import Rng, seeded_rng

Size = tuple[int, int]


@dataclass(frozen=True)
class FlatGarment:
    """The flat picture, [H, W] of the network's size.

    Attributes:
        garment: The design.
        rgb: float32 [H, W, 3] in [0, 1].
        mask: float32 [H, W], coverage of the whole garment.
        front: float32 [H, W], coverage of what a torso shows: the panel without its opening and the inside of the back.
        scale: Pixels per head.
        origin: Pixel (x, y) of the neck's base.
        left: The person's left sleeve, None for none.
        right: The person's right sleeve, None for none.
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
        """The pixels (x, y) of places in heads."""
        scale = np.float32(self.scale)
        return u * scale + np.float32(self.origin[0]), v * scale + np.float32(self.origin[1])


def lay_flat(garment: GarmentDesign, size: Size) -> FlatGarment:
    """Lays the garment on its paper, so that it fills its share of a picture of (height, width).

    In order: outlines, cloth, seams, light, the inside of the back, paper with a shadow.
    """
    rng = seeded_rng(garment.seed)
    left, right = cut_sleeves(garment)
    scale, origin = _placed(garment, left, size)
    u, v = _heads(scale, origin, size)
    panel = _panel_coverage(garment, u, v, scale)
    sleeves = _sleeves_coverage((left, right), scale, origin, size)
    opening = antialiased((front_neckline(garment, u) - v) * np.float32(scale))
    above_back = antialiased((back_neckline(garment, u) - v) * np.float32(scale))
    front = panel * (1 - opening)
    mask = panel if garment.kind is GarmentKind.HOODIE else panel * (1 - opening * above_back)
    mask = np.maximum(mask, sleeves * (1 - opening))

    cloth = weave(garment, u, v, rng)
    if garment.contrast_sleeves:
        cloth += (sleeves * (1 - panel))[..., None] * (np.array(garment.colours[1], np.float32) - cloth)
    _sew(cloth, garment, u, v, scale, panel, sleeves)
    cloth *= _flat_shade(mask, scale, rng)[..., None]
    inside = panel * opening * (1 - above_back)  # of the back, darker
    cloth += inside[..., None] * (cloth * np.float32(0.55) - cloth)
    paper = _paper(garment, mask, scale)
    rgb = paper + mask[..., None] * (cloth - paper)
    return FlatGarment(garment, np.clip(rgb, 0, 1), mask, front, scale, origin, left, right)


def _placed(garment: GarmentDesign, left: Sleeve | None, size: Size) -> tuple[float, tuple[float, float]]:
    """Pixels per head and the pixel of the neck's base, so that the garment fills its share of the picture."""
    v = np.linspace(0, garment.length, 40, dtype=np.float32)
    half = float(panel_half_width(garment, v).max())
    top = -HOOD if garment.kind is GarmentKind.HOODIE else 0.0
    bottom = garment.length + max(garment.hem_curve, 0) + 0.03
    if left is not None:
        end = left.start + left.direction * left.length
        half = max(half, float(end[0] + left.cuff * left.direction[1]))
        bottom = max(bottom, float(end[1] + left.cuff * left.direction[0]))
    height, width = size
    scale = garment.spread * min(width / (2 * half), height / (bottom - top))
    return scale, ((width - 1) / 2, (height - 1) / 2 - scale * (top + bottom) / 2)


def _heads(scale: float, origin: tuple[float, float], size: Size) -> tuple[Plane, Plane]:
    """(u, v) of every pixel, in heads from the neck's base."""
    x, y = np.arange(size[1], dtype=np.float32)[None], np.arange(size[0], dtype=np.float32)[:, None]
    u = np.broadcast_to((x - np.float32(origin[0])) / np.float32(scale), size)
    v = np.broadcast_to((y - np.float32(origin[1])) / np.float32(scale), size)
    return u, v


def _panel_coverage(garment: GarmentDesign, u: Plane, v: Plane, scale: float) -> Plane:
    """Of the panel, neck opening included."""
    sides = panel_half_width(garment, v[:, :1]) - np.abs(u)
    return antialiased(np.minimum(sides, above_hem(garment, u, v)) * np.float32(scale))


def _sleeves_coverage(
    sleeves: tuple[Sleeve | None, Sleeve | None], scale: float, origin: tuple[float, float], size: Size
) -> Plane:
    coverage = np.zeros(size, np.float32)
    for sleeve in sleeves:
        if sleeve is None:
            continue
        start = sleeve.start * scale + origin
        axis = np.array([start, start + sleeve.direction * sleeve.length * scale], np.float32)
        strip = lay(axis, 0.6 * scale, size)
        if strip is None:
            continue
        half = sleeve.half_width(strip.along / np.float32(strip.length)) * np.float32(scale)
        coverage[strip.box] = np.maximum(coverage[strip.box], strip.coverage(half, 0.0, strip.length))
    return coverage


def _flat_shade(mask: Plane, scale: float, rng: Rng) -> Plane:
    """About 1: soft unevenness, darker along the garment's edge."""
    uneven = np.float32(0.03) * blotches(mask.shape, 6, rng) * np.float32(0.6)
    shade = 1 + uneven + np.float32(0.015) * blotches(mask.shape, 14, rng)
    near_edge = np.clip(1 - cv2.GaussianBlur(mask, (0, 0), scale * 0.035), 0, 1)
    return shade - np.float32(0.22) * near_edge * 2 * mask * np.float32(0.5)


def _paper(garment: GarmentDesign, mask: Plane, scale: float) -> Plane:
    """What the garment lies on, with its shadow."""
    paper = np.full((*mask.shape, 3), garment.paper, np.float32)
    shadow = cv2.GaussianBlur(mask, (0, 0), scale * 0.06)
    paper *= (1 - np.float32(0.14) * shadow)[..., None]
    return paper


def _sew(cloth: Plane, garment: GarmentDesign, u: Plane, v: Plane, scale: float, panel: Plane, sleeves: Plane) -> None:
    """Adds to the cloth [H, W, 3], in place: neck rib, armhole seams, hem, and what the kind of garment has."""
    edge = front_neckline(garment, u)
    hem = above_hem(garment, u, v)
    rib = np.abs(v - edge - np.float32(0.04)) < 0.04
    _darken(cloth, rib & (edge > 0), 0.88)
    _darken(cloth, (panel > 0.05) & (panel < 0.95) & (sleeves > 0.9), 0.8)  # the seam of the armhole
    if garment.kind is GarmentKind.HOODIE:
        _sew_hoodie(cloth, garment, u, v, panel, edge, hem)
    else:
        _darken(cloth, (np.abs(hem - 0.08) * scale < 0.5) & (panel > 0.5), 0.88)
    if garment.kind is GarmentKind.SHIRT:
        _sew_placket_and_collar(cloth, garment, u, v, scale, edge)
    if garment.pocket and garment.kind in (GarmentKind.SHIRT, GarmentKind.TEE):
        _darken(cloth, _outline((np.abs(u - 0.4) < 0.19) & (np.abs(v - 1.02) < 0.21)), 0.75)


def _sew_hoodie(
    cloth: Plane, garment: GarmentDesign, u: Plane, v: Plane, panel: Plane, edge: Plane, hem: Plane
) -> None:
    """Waistband, pouch, two cords and the shade of the hood."""
    _darken(cloth, (hem < 0.2) & (panel > 0.5), 0.9)
    pouch = (np.abs(u) < 0.5 - 0.16 * np.clip((2.0 - v) / 0.5, 0, 1)) & (v > 1.55) & (hem > 0.25)
    _darken(cloth, _outline(pouch), 0.78)
    for side in (-0.1, 0.1):
        cord = (np.abs(u - side) < 0.02) & (v > edge) & (v < edge + 0.55)
        cloth[cord] = np.float32(0.9)
    _darken(cloth, (v < 0.18) & (panel > 0.5) & (np.abs(u) > garment.neck_width), 0.9)


def _sew_placket_and_collar(
    cloth: Plane, garment: GarmentDesign, u: Plane, v: Plane, scale: float, edge: Plane
) -> None:
    """A shirt's placket, its buttons a third of a head apart, and the two leaves of its collar."""
    below = v > garment.neck_depth
    _darken(cloth, (np.abs(np.abs(u) - 0.07) * scale < 0.5) & below, 0.78)
    distance = np.float32(0.34)
    nearest = (v - np.float32(garment.neck_depth + 0.15)) % distance
    buttons = (u * u + (nearest - distance / 2) ** 2 < 0.032**2) & below
    cloth[buttons] = np.float32(0.95) if np.mean(garment.colours[0]) < 0.5 else np.float32(0.25)
    leaf = (v - edge < 0.3 * (1 - np.abs(u) / (garment.neck_width + 0.14)) + 0.08) & (v > edge)
    leaf &= np.abs(u) < garment.neck_width + 0.14
    _darken(cloth, _outline(leaf), 0.7)
    cloth[leaf] = np.minimum(cloth[leaf] * np.float32(1.05), 1)


def _outline(region: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """The pixels along the edge of a region."""
    return cv2.morphologyEx(region.astype(np.uint8), cv2.MORPH_GRADIENT, np.ones((2, 2), np.uint8)) > 0


def _darken(cloth: Plane, where: NDArray[np.bool_], by: float) -> None:
    cloth[where] *= np.float32(by)
