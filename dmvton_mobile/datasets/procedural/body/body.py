"""Paints the person without head and garment: torso, neck, arms, legs, and what they wear below."""

from typing import assert_never

import numpy as np

from dmvton_mobile.datasets.procedural.body.posed_body import Limb, PosedBody, rounded
from dmvton_mobile.datasets.procedural.body.ribbon import Plane, Strip
from dmvton_mobile.datasets.procedural.body.shade import blotches, round_shade, skin
from dmvton_mobile.datasets.procedural.canvas import Canvas
from dmvton_mobile.datasets.procedural.people import seeded_rng
from dmvton_mobile.datasets.procedural.scene.scene import LowerBody
from dmvton_mobile.datasets.sample import DensePosePart, Label

_ARM_PARTS = {  # by side: upper arm, its inner half, forearm, its inner half, hand
    1: (
        DensePosePart.LEFT_UPPER_ARM,
        DensePosePart.LEFT_UPPER_ARM_INNER,
        DensePosePart.LEFT_FOREARM,
        DensePosePart.LEFT_FOREARM_INNER,
        DensePosePart.LEFT_HAND,
    ),
    -1: (
        DensePosePart.RIGHT_UPPER_ARM,
        DensePosePart.RIGHT_UPPER_ARM_INNER,
        DensePosePart.RIGHT_FOREARM,
        DensePosePart.RIGHT_FOREARM_INNER,
        DensePosePart.RIGHT_HAND,
    ),
}


def paint_torso(canvas: Canvas, posed: PosedBody) -> None:
    """Paints the bare torso; a neckline or a short hem leaves some of it to be seen."""
    strip, person = posed.torso, posed.person
    half = torso_sides(posed, strip.along / np.float32(posed.scale))
    coverage = strip.coverage(half, 0.0, (person.body.torso + 0.3) * posed.scale)
    shade = round_shade(person.light, strip.across / np.maximum(half, 1), strip.normal)
    # the neck counts as face, and so does what a neckline shows of the chest
    canvas.paint(strip.box, coverage, skin(person.body.skin, shade * np.float32(0.95)), Label.FACE)
    mark(canvas, strip, coverage, DensePosePart.TORSO_FRONT)


def torso_sides(posed: PosedBody, v: Plane) -> Plane:
    """Half the torso's width in pixels at v, on the side that each pixel of its strip is on, as the turn leaves it."""
    return posed.torso_half_width(v) * np.float32(posed.scale) * turned_share(posed)


def turned_share(posed: PosedBody) -> Plane:
    """Which share of its width a turn leaves to the side of each pixel: less to the side that turns away."""
    turn = posed.person.pose.turn
    across = posed.torso.across
    away = np.where(across > 0, np.float32(1 + 0.1 * np.sin(turn)), np.float32(1 - 0.1 * np.sin(turn)))
    return away * np.float32(0.3 + 0.7 * np.cos(turn))


def paint_neck(canvas: Canvas, posed: PosedBody) -> None:
    """Paints the neck, darker under the chin."""
    if posed.neck is None:
        return
    strip, person = posed.neck.strip, posed.person
    coverage = strip.coverage(posed.neck.half_width, end=strip.length * 0.92)
    shade = round_shade(person.light, strip.across / np.maximum(posed.neck.half_width, 1), strip.normal)
    under_chin = np.clip(1.25 - strip.along / np.float32(0.45 * posed.scale), 0, 1)
    canvas.paint(strip.box, coverage, skin(person.body.skin, shade * (1 - np.float32(0.28) * under_chin)), Label.FACE)
    above = coverage * (strip.along < 0.78 * strip.length)  # the torso begins at the neck's base
    mark(canvas, strip, above, DensePosePart.HEAD_RIGHT, DensePosePart.HEAD_LEFT)


def paint_arm(canvas: Canvas, posed: PosedBody, limb: Limb) -> None:
    """Paints a bare arm, then its thumb and its hand."""
    upper, upper_inner, fore, fore_inner, hand = _ARM_PARTS[limb.side]
    label = Label.LEFT_ARM if limb.side == 1 else Label.RIGHT_ARM
    coverage = limb.coverage()
    _paint_skin(canvas, posed, limb, coverage, label)
    inner = limb.strip.across * limb.side < -0.45 * limb.half_width
    below = limb.strip.along > limb.elbow
    covered = coverage > 0.5
    part = np.where(below, np.where(inner, fore_inner, fore), np.where(inner, upper_inner, upper)).astype(np.uint8)
    canvas.densepose[limb.strip.box][covered] = part[covered]
    if limb.thumb is not None:
        coverage = limb.thumb.coverage()
        _paint_skin(canvas, posed, limb.thumb, coverage, label)
        mark(canvas, limb.thumb.strip, coverage, hand)
    if limb.hand is not None:
        coverage = limb.hand.coverage()
        _paint_skin(canvas, posed, limb.hand, coverage, label, fingers=True)
        mark(canvas, limb.hand.strip, coverage, hand)


def paint_legs(canvas: Canvas, posed: PosedBody) -> None:
    """Paints bare legs, thighs and shins, and shoes in a dark shade of the bottoms' colour."""
    for limb in posed.legs:
        left = limb.side == 1
        strip = limb.strip
        coverage = limb.coverage()
        _paint_skin(canvas, posed, limb, coverage, Label.LEFT_LEG if left else Label.RIGHT_LEG)
        thigh = DensePosePart.LEFT_THIGH if left else DensePosePart.RIGHT_THIGH
        shin = DensePosePart.LEFT_SHIN if left else DensePosePart.RIGHT_SHIN
        mark(canvas, strip, coverage * (strip.along <= strip.length / 2), thigh)
        mark(canvas, strip, coverage * (strip.along > strip.length / 2), shin)
        ankle, toes = strip.length - 0.12 * posed.scale, strip.length + 0.22 * posed.scale
        shoe = strip.coverage(limb.half_width * np.float32(1.35), ankle, toes)
        colour = np.array(posed.person.bottoms.colour, np.float32) * np.float32(0.35)
        canvas.paint(strip.box, shoe, colour, Label.LEFT_SHOE if left else Label.RIGHT_SHOE)
        mark(canvas, strip, shoe, DensePosePart.LEFT_FOOT if left else DensePosePart.RIGHT_FOOT)


def paint_bottoms(canvas: Canvas, posed: PosedBody) -> None:
    """Paints jeans, trousers, shorts or a skirt: the legs first, then what goes around the hips."""
    bottoms = posed.person.bottoms
    cells = 90 if bottoms.kind is LowerBody.JEANS else 12
    grain = blotches(canvas.rgb.shape[:2], cells, seeded_rng(bottoms.seed)) * np.float32(0.035)
    match bottoms.kind:
        case LowerBody.SKIRT:
            _paint_skirt(canvas, posed, grain)
        case LowerBody.SHORTS:
            _paint_trouser_legs(canvas, posed, grain, end=0.4)
            _paint_trouser_top(canvas, posed, grain)
        case LowerBody.JEANS | LowerBody.TROUSERS:
            _paint_trouser_legs(canvas, posed, grain, end=0.96)
            _paint_trouser_top(canvas, posed, grain)
        case _:
            assert_never(bottoms.kind)


def _paint_trouser_legs(canvas: Canvas, posed: PosedBody, grain: Plane, end: float) -> None:
    """Both trouser legs with their outer seams. end: share of the leg that is covered."""
    bottoms = posed.person.bottoms
    for limb in posed.legs:
        strip = limb.strip
        loose = np.float32(bottoms.width) * np.clip(strip.along, 0, posed.scale)
        half = limb.half_width * np.float32(1.02) + loose
        coverage = strip.coverage(rounded(half, strip), end=end * strip.length)
        share = strip.across / np.maximum(half, 1)
        shade = round_shade(posed.person.light, share, strip.normal) + grain[strip.box]
        seam = np.abs(share + np.float32(0.75 * limb.side)) * half < 0.7
        colour = np.array(bottoms.colour, np.float32)
        canvas.paint(strip.box, coverage, colour * (shade - np.float32(0.12) * seam)[..., None], Label.PANTS)


def _paint_trouser_top(canvas: Canvas, posed: PosedBody, grain: Plane) -> None:
    """Waistband, hips and fly. Below the hips the legs make the outline."""
    strip, hips, waist = posed.torso, posed.person.body.torso, waistline(posed)
    v = strip.along / np.float32(posed.scale)
    half = torso_sides(posed, v) * np.float32(1.02) + 1
    half = half * (1 - np.float32(1.6) * np.clip(v - np.float32(hips - 0.06), 0, 1))
    fly = (np.abs(strip.across) < 0.6) & (v > waist + 0.15) & (v < hips + 0.1)
    shade = _hips_shade(posed, grain, v, half) - np.float32(0.15) * fly
    _paint_hips(canvas, posed, half, shade, end=hips + 0.22)


def _paint_skirt(canvas: Canvas, posed: PosedBody, grain: Plane) -> None:
    """Waistband and a pleated skirt that flares from the hips down, to 1.35 heads below them."""
    strip, hips, waist = posed.torso, posed.person.body.torso, waistline(posed)
    v = strip.along / np.float32(posed.scale)
    flare = np.clip(v - np.float32(hips), 0, None) * np.float32(posed.person.bottoms.width * 2.5)
    half = torso_sides(posed, v) * np.float32(1.02) + flare * np.float32(posed.scale) + 1
    pleats = np.sin(strip.across / np.maximum(half, 1) * np.float32(18)) * np.clip(v - np.float32(waist), 0, 1)
    shade = _hips_shade(posed, grain, v, half) + np.float32(0.05) * pleats
    _paint_hips(canvas, posed, half, shade, end=hips + 1.35)


def _hips_shade(posed: PosedBody, grain: Plane, v: Plane, half: Plane) -> Plane:
    """The shade of cloth around the hips, `half` pixels wide, and of its waistband."""
    strip = posed.torso
    shade = round_shade(posed.person.light, strip.across / np.maximum(half, 1), strip.normal) + grain[strip.box]
    band = np.clip(1 - np.abs(v - np.float32(waistline(posed) + 0.15)) * np.float32(posed.scale), 0, 1)
    return shade - band * np.float32(0.25)


def _paint_hips(canvas: Canvas, posed: PosedBody, half: Plane, shade: Plane, end: float) -> None:
    """The bottoms around the torso, from the waistline to `end` heads below the neck's base."""
    strip = posed.torso
    coverage = strip.coverage(half, waistline(posed) * posed.scale, end * posed.scale)
    colour = np.array(posed.person.bottoms.colour, np.float32)
    canvas.paint(strip.box, coverage, np.clip(colour * shade[..., None], 0, 1), Label.PANTS)


def waistline(posed: PosedBody) -> float:
    """Where trousers or skirt begin, in heads below the neck's base."""
    return posed.person.body.torso - 0.45 - posed.person.bottoms.rise


def mark(
    canvas: Canvas, strip: Strip, coverage: Plane, part: DensePosePart, on_the_left: DensePosePart | None = None
) -> None:
    """Writes DensePose ids where the coverage is more than half.

    Args:
        canvas: Where to.
        strip: The strip that the coverage is of.
        coverage: [h, w].
        part: The id.
        on_the_left: The id of pixels on the person's left, where that is another one.
    """
    covered = coverage > 0.5
    ids = part if on_the_left is None else np.where(strip.across > 0, on_the_left, part).astype(np.uint8)[covered]
    canvas.densepose[strip.box][covered] = ids


def _paint_skin(
    canvas: Canvas, posed: PosedBody, limb: Limb, coverage: Plane, label: Label, fingers: bool = False
) -> None:
    share = limb.strip.across / np.maximum(limb.half_width, 1)
    shade = round_shade(posed.person.light, share, limb.strip.normal)
    if fingers:  # four of them, told apart by the dark between
        between = np.abs(((share + 1) * 2) % 1 - np.float32(0.5)) > 0.4
        shade = shade - np.float32(0.2) * (between & (limb.strip.along > 0.55 * limb.strip.length))
    canvas.paint(limb.strip.box, coverage, skin(posed.person.body.skin, shade), label)


def cast_shadow(canvas: Canvas, posed: PosedBody, limb: Limb) -> None:
    """Casts the shadow of an arm, which is painted next, on what is behind it."""
    away = -np.sin(posed.person.light.direction)
    offset = (round(away * 0.06 * posed.scale), round(0.05 * posed.scale))
    canvas.cast(limb.strip.box, limb.coverage(), 0.07 * posed.scale, 0.3, offset)
