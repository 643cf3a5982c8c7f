"""The pattern of a garment, in heads: one cut for the flat picture and the worn garment.

A panel lies around a vertical middle, u = 0, and is so and so wide at each height v below the base of the neck; two
sleeves are straight ribbons from the armhole. u runs to image right, which is the person's left; v runs down.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.ribbon import Plane, profile
from dmvton_mobile.datasets.procedural.garment.design import GarmentDesign, GarmentKind, Neckline

SLOPE = ((0.0, 0.06, 0.14, 0.24, 0.34), (0.34, 0.6, 0.82, 0.95, 1.0))  # of the shoulder: v, share of its half-width
SHOULDER_TIP = 0.34  # v where the slope of the shoulder ends
CHEST = 0.9  # v of the armpits
ARM = 2.42  # length of an arm
HOOD = 0.3  # how far a hood stands above the neck's base
CHEST_HALF_WIDTH = 0.86  # of a size without ease, as the two below
_SHOULDER_HALF_WIDTH, _WAIST_HALF_WIDTH = 0.82, 0.8


@dataclass(frozen=True)
class Sleeve:
    """A sleeve of the flat garment, in heads.

    Attributes:
        start: (u, v), the middle of the armhole.
        direction: The unit vector along the sleeve.
        length: From the armhole to the cuff.
        armhole: Half-width at the armhole.
        cuff: Half-width at the cuff.
    """

    start: NDArray[np.float64]
    direction: NDArray[np.float64]
    length: float
    armhole: float
    cuff: float

    def half_width(self, along: Plane) -> Plane:
        """Half the sleeve's width at `along`, in shares of the length."""
        return profile(along, [0, 1], [self.armhole, self.cuff])

    def place(self, along: Plane, across: Plane) -> tuple[Plane, Plane]:
        """(u, v) of the points at `along` (shares of the length) and `across` (shares of the half-width)."""
        run = along * np.float32(self.length)
        off = across * self.half_width(along)
        dx, dy = np.float32(self.direction[0]), np.float32(self.direction[1])
        start_u, start_v = np.float32(self.start[0]), np.float32(self.start[1])
        return start_u + run * dx + off * dy, start_v + run * dy - off * dx


def cut_sleeves(garment: GarmentDesign) -> tuple[Sleeve | None, Sleeve | None]:
    """The person's left sleeve (image right) and right one; None for a garment without."""
    if not garment.sleeve:
        return None, None
    shoulder = _SHOULDER_HALF_WIDTH + 0.4 * garment.fit
    length = garment.sleeve * ARM
    cuff = 0.17 + garment.sleeve_ease + 0.08 * (1 - min(garment.sleeve, 1))
    armhole = 0.27 + 0.5 * garment.fit

    def sleeve(side: int) -> Sleeve:
        direction = np.array([side * np.sin(garment.sleeve_angle), np.cos(garment.sleeve_angle)])
        # its upper corner is the tip of the shoulder
        start = (
            side * (shoulder - armhole * np.cos(garment.sleeve_angle)),
            SHOULDER_TIP + armhole * np.sin(garment.sleeve_angle),
        )
        return Sleeve(np.array(start), direction, length, armhole, cuff)

    return sleeve(1), sleeve(-1)


def panel_half_width(garment: GarmentDesign, v: Plane) -> Plane:
    """Half the width of the flat panel at v; -1 above the neck's base, but for a hood."""
    hem = _WAIST_HALF_WIDTH + (CHEST_HALF_WIDTH - _WAIST_HALF_WIDTH) * garment.drop
    straight = profile(v, [CHEST, 1.65, 2.4, 3.3], [CHEST_HALF_WIDTH, hem, hem + 0.06, hem + 0.1])
    straight = straight + np.float32(garment.fit)
    shoulder = (_SHOULDER_HALF_WIDTH + 0.4 * garment.fit) * profile(v, *SLOPE)
    return panel_outline(garment, v, shoulder, straight)


def panel_outline(garment: GarmentDesign, v: Plane, shoulder: Plane, straight: Plane) -> Plane:
    """The outline that flat and worn panel share: shoulders, sides, a tank's armholes, a hood.

    Args:
        garment: Its design.
        v: Heights below the neck's base.
        shoulder: Half-widths at v, as the slope of the shoulders has them.
        straight: Half-widths at v, as the sides below the armpits have them.

    Returns:
        Half-widths at v; -1 where there is no panel.
    """
    armhole = np.clip((v - np.float32(SHOULDER_TIP)) / np.float32(CHEST - SHOULDER_TIP), 0, 1)
    width = np.where(v < CHEST, shoulder + (straight - shoulder) * armhole, straight)
    if garment.kind is GarmentKind.TANK:
        cut = 1 - (1 - np.float32(garment.strap)) * np.sqrt(np.clip(1 - (v / np.float32(CHEST)) ** 2, 0, 1))
        width = np.where(v < CHEST, width * cut, width)
    if garment.kind is GarmentKind.HOODIE:
        ring = np.float32(garment.neck_width + 0.16) * np.sqrt(np.clip(1 - (v / np.float32(HOOD)) ** 2, 0, 1))
        width = np.where(v < 0.2, np.maximum(np.where(v < 0, 0, width), ring), width)
        return np.where(v < -HOOD, np.float32(-1), width)
    return np.where(v < 0, np.float32(-1), width)


def front_neckline(garment: GarmentDesign, u: Plane) -> Plane:
    """The v of the front's edge at u; below 0 where the neck does not open."""
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


def back_neckline(garment: GarmentDesign, u: Plane) -> Plane:
    """The v of the back's edge at u, seen through the opening: a little below the neck's base, or the rim of a hood."""
    if garment.kind is GarmentKind.HOODIE:
        return np.float32(0.08 - HOOD) * np.sqrt(np.clip(1 - (u / np.float32(garment.neck_width)) ** 2, 0, 1))
    return front_neckline(garment, u) * np.float32(0.22)


def above_hem(garment: GarmentDesign, u: Plane, v: Plane) -> Plane:
    """How far (u, v) is above the hem; below 0 beneath it."""
    share = np.abs(u) / np.float32(CHEST_HALF_WIDTH)
    return np.float32(garment.length) + np.float32(garment.hem_curve) * (1 - share * share) - v
