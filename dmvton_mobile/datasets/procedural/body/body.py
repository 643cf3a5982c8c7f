"""Paints the person without head and garment: arms, torso, legs, and what they wear below."""

import numpy as np

from dmvton_mobile.datasets.procedural.body.posed_body import Limb, PosedBody, rounded
from dmvton_mobile.datasets.procedural.body.ribbon import Plane, Strip
from dmvton_mobile.datasets.procedural.body.shade import blotches, round_shade, skin
from dmvton_mobile.datasets.procedural.canvas import Canvas
from dmvton_mobile.datasets.procedural.people import seeded_rng
from dmvton_mobile.datasets.procedural.scene.scene import LowerBody
from dmvton_mobile.datasets.sample import DensePosePart, Label

_ARM_PARTS = {
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
    """The bare torso, of which the neckline and a short hem show something."""
    strip, person = posed.torso, posed.person
    half = torso_sides(posed, strip.along / np.float32(posed.scale))
    coverage = strip.coverage(half, 0.0, (person.body.torso + 0.3) * posed.scale)
    shade = round_shade(person.light, strip.across / np.maximum(half, 1), strip.normal)
    # the neck counts as face, and so does what a neckline shows of the chest
    canvas.paint(strip.box, coverage, skin(person.body.skin, shade * np.float32(0.95)), Label.FACE)
    mark(canvas, strip, coverage, DensePosePart.TORSO_FRONT)


def torso_sides(posed: PosedBody, v: Plane) -> Plane:
    """Half the torso's width in pixels on the side that each pixel of its strip is on, as the turn leaves it."""
    return posed.torso_half_width(v) * np.float32(posed.scale) * turned_share(posed)


def turned_share(posed: PosedBody) -> Plane:
    """What a turn leaves of the width of either side: less of the one that turns away."""
    turn = posed.person.pose.turn
    across = posed.torso.across
    away = np.where(across > 0, np.float32(1 + 0.1 * np.sin(turn)), np.float32(1 - 0.1 * np.sin(turn)))
    return away * np.float32(0.3 + 0.7 * np.cos(turn))


def paint_neck(canvas: Canvas, posed: PosedBody) -> None:
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
    """A bare arm with its hand, its shadow on what lies behind it first."""
    upper, upper_inner, fore, fore_inner, hand = _ARM_PARTS[limb.side]
    label = Label.LEFT_ARM if limb.side == 1 else Label.RIGHT_ARM
    coverage = limb.coverage()
    _skin_limb(canvas, posed, limb, coverage, label)
    inner = limb.strip.across * limb.side < -0.45 * limb.half_width
    below = limb.strip.along > limb.elbow
    covered = coverage > 0.5
    part = np.where(below, np.where(inner, fore_inner, fore), np.where(inner, upper_inner, upper)).astype(np.uint8)
    canvas.densepose[limb.strip.box][covered] = part[covered]
    if limb.thumb is not None:
        coverage = limb.thumb.coverage()
        _skin_limb(canvas, posed, limb.thumb, coverage, label)
        mark(canvas, limb.thumb.strip, coverage, hand)
    if limb.hand is not None:
        coverage = limb.hand.coverage()
        _skin_limb(canvas, posed, limb.hand, coverage, label, fingers=True)
        mark(canvas, limb.hand.strip, coverage, hand)


def paint_legs(canvas: Canvas, posed: PosedBody) -> None:
    """Bare legs and shoes."""
    for limb in posed.legs:
        left = limb.side == 1
        strip = limb.strip
        coverage = limb.coverage()
        _skin_limb(canvas, posed, limb, coverage, Label.LEFT_LEG if left else Label.RIGHT_LEG)
        mark(
            canvas,
            strip,
            coverage * (strip.along <= strip.length / 2),
            DensePosePart.LEFT_THIGH if left else DensePosePart.RIGHT_THIGH,
        )
        mark(
            canvas,
            strip,
            coverage * (strip.along > strip.length / 2),
            DensePosePart.LEFT_SHIN if left else DensePosePart.RIGHT_SHIN,
        )
        shoe = strip.coverage(
            limb.half_width * np.float32(1.35), strip.length - 0.12 * posed.scale, strip.length + 0.22 * posed.scale
        )
        colour = np.array(posed.person.bottoms.colour, np.float32) * np.float32(0.35)
        canvas.paint(strip.box, shoe, colour, Label.LEFT_SHOE if left else Label.RIGHT_SHOE)
        mark(canvas, strip, shoe, DensePosePart.LEFT_FOOT if left else DensePosePart.RIGHT_FOOT)


def paint_bottoms(canvas: Canvas, posed: PosedBody) -> None:
    """Jeans, trousers, shorts or a skirt."""
    person, scale = posed.person, posed.scale
    bottoms, strip = person.bottoms, posed.torso
    rng = seeded_rng(bottoms.seed)
    grain = blotches(canvas.rgb.shape[:2], 90 if bottoms.kind is LowerBody.JEANS else 12, rng) * np.float32(0.035)
    colour = np.array(bottoms.colour, np.float32)
    if bottoms.kind is not LowerBody.SKIRT:
        end = {LowerBody.SHORTS: 0.4}.get(bottoms.kind, 0.96)
        for limb in posed.legs:
            loose = np.float32(bottoms.width) * np.clip(limb.strip.along, 0, scale)
            half = limb.half_width * np.float32(1.02) + loose
            coverage = limb.strip.coverage(rounded(half, limb.strip), end=end * limb.strip.length)
            share = limb.strip.across / np.maximum(half, 1)
            shade = round_shade(person.light, share, limb.strip.normal) + grain[limb.strip.box]
            seam = np.abs(share + np.float32(0.75 * limb.side)) * half < 0.7
            canvas.paint(limb.strip.box, coverage, colour * (shade - np.float32(0.12) * seam)[..., None], Label.PANTS)
    v = strip.along / np.float32(scale)
    waist = waistline(posed)
    crotch = person.body.torso + (1.35 if bottoms.kind is LowerBody.SKIRT else 0.22)
    flare = np.clip(v - np.float32(person.body.torso), 0, None) * np.float32(
        bottoms.width * 2.5 if bottoms.kind is LowerBody.SKIRT else 0
    )
    half = torso_sides(posed, v) * np.float32(1.02) + flare * np.float32(scale) + 1
    if bottoms.kind is not LowerBody.SKIRT:  # below the hips the legs make the outline
        half = half * (1 - np.float32(1.6) * np.clip(v - np.float32(person.body.torso - 0.06), 0, 1))
    coverage = strip.coverage(half, waist * scale, crotch * scale)
    shade = round_shade(person.light, strip.across / np.maximum(half, 1), strip.normal) + grain[strip.box]
    band = np.clip(1 - np.abs(v - np.float32(waist + 0.15)) * np.float32(scale), 0, 1) * np.float32(0.25)
    fly = (np.abs(strip.across) < 0.6) & (v > waist + 0.15) & (v < person.body.torso + 0.1)
    shade = shade - band - np.float32(0.15) * (fly & (bottoms.kind is not LowerBody.SKIRT))
    if bottoms.kind is LowerBody.SKIRT:
        pleats = np.sin(strip.across / np.maximum(half, 1) * np.float32(18)) * np.clip(v - np.float32(waist), 0, 1)
        shade = shade + np.float32(0.05) * pleats
    canvas.paint(strip.box, coverage, np.clip(colour * shade[..., None], 0, 1), Label.PANTS)


def waistline(posed: PosedBody) -> float:
    """Where trousers or skirt begin: heads below the neck's base."""
    return posed.person.body.torso - 0.45 - posed.person.bottoms.rise


def mark(
    canvas: Canvas, strip: Strip, coverage: Plane, part: DensePosePart, on_the_left: DensePosePart | None = None
) -> None:
    """DensePose ids where the coverage is more than half; on_the_left: of the pixels on the person's left."""
    covered = coverage > 0.5
    ids = part if on_the_left is None else np.where(strip.across > 0, on_the_left, part).astype(np.uint8)[covered]
    canvas.densepose[strip.box][covered] = ids


def _skin_limb(
    canvas: Canvas, posed: PosedBody, limb: Limb, coverage: Plane, label: Label, fingers: bool = False
) -> None:
    share = limb.strip.across / np.maximum(limb.half_width, 1)
    shade = round_shade(posed.person.light, share, limb.strip.normal)
    if fingers:  # four of them, told apart by the dark between
        between = np.abs(((share + 1) * 2) % 1 - np.float32(0.5)) > 0.4
        shade = shade - np.float32(0.2) * (between & (limb.strip.along > 0.55 * limb.strip.length))
    canvas.paint(limb.strip.box, coverage, skin(posed.person.body.skin, shade), label)


def cast_shadow(canvas: Canvas, posed: PosedBody, limb: Limb) -> None:
    """The shadow of an arm on what is behind it."""
    away = -np.sin(posed.person.light.direction)
    offset = (round(away * 0.06 * posed.scale), round(0.05 * posed.scale))
    canvas.cast(limb.strip.box, limb.coverage(), 0.07 * posed.scale, 0.3, offset)
