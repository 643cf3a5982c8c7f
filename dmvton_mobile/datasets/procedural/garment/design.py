"""A garment's design: its kind, cut and textile. Numbers only, no pixels; lengths in heads, angles in radians.

Field names are part of the benchmark's digest of scenes; renaming one makes another benchmark.
"""

from dataclasses import dataclass
from enum import StrEnum

from dmvton_mobile.datasets.procedural.scene.palette import Colour


class GarmentKind(StrEnum):
    """The cut of a garment."""

    TANK = "tank"
    TEE = "tee"
    LONG_SLEEVE = "long sleeve"
    HOODIE = "hoodie"
    SHIRT = "shirt"


class Neckline(StrEnum):
    """The outline of the neck's opening."""

    CREW = "crew"
    V = "v"
    SCOOP = "scoop"
    BOAT = "boat"
    SQUARE = "square"


class Textile(StrEnum):
    """What the cloth looks like."""

    PLAIN = "plain"
    STRIPES = "stripes"
    CHECKS = "checks"
    DOTS = "dots"
    GRADIENT = "gradient"
    NOISE = "noise"  # camouflage, heather, tie-dye
    BLOSSOMS = "blossoms"
    BLOCKS = "blocks"
    LOGO = "logo"
    LETTERING = "lettering"


@dataclass(frozen=True)
class GarmentDesign:
    """One garment, as it lies flat and as it is worn.

    Attributes:
        kind: Tank, tee, long sleeve, hoodie or shirt.
        neckline: The outline of the neck's opening.
        neck_width: Half the opening's width.
        neck_depth: The opening's depth below the neck's base.
        length: From the neck's base to the hem.
        hem_curve: How much lower the hem is in the middle than at the sides.
        fit: Ease on either side of the body.
        drop: 0 clings to the waist, 1 hangs straight.
        strap: Share of the shoulder that a tank covers.
        sleeve: Share of the arm that is covered; 0 for no sleeves.
        sleeve_ease: Ease on either side of the arm.
        sleeve_angle: Of the sleeve in the flat picture, from straight down.
        textile: What the cloth looks like.
        colours: The ground, and two that go with it.
        scale: Of the textile's pattern, 1 is usual.
        angle: Of the textile's pattern.
        pocket: Whether a tee or shirt has a chest pocket.
        contrast_sleeves: Whether the sleeves have the second colour.
        paper: What the flat garment is photographed on.
        spread: Share of the picture that the flat garment fills.
        seed: Of everything random about the textile.
    """

    kind: GarmentKind
    neckline: Neckline
    neck_width: float
    neck_depth: float
    length: float
    hem_curve: float
    fit: float
    drop: float
    strap: float
    sleeve: float
    sleeve_ease: float
    sleeve_angle: float
    textile: Textile
    colours: tuple[Colour, Colour, Colour]
    scale: float
    angle: float
    pocket: bool
    contrast_sleeves: bool
    paper: Colour
    spread: float
    seed: int
