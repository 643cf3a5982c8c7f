"""The garment worn: a dense deformation from each pixel of the person to a place in the flat picture.

Torso: a pixel's height below the neck stays, and so does its share of the width, moved by the turn of the body; folds
pull the cloth towards their flanks. Sleeve: a pixel's share of the sleeve's length and of its width stay, along the
bent arm. u and v are heads from the neck's base, as in the pattern.
"""

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.body.body import torso_sides, turned_share, waistline
from dmvton_mobile.datasets.procedural.body.posed_body import Limb, PosedBody, rounded
from dmvton_mobile.datasets.procedural.body.ribbon import Plane, antialiased, profile
from dmvton_mobile.datasets.procedural.body.shade import blotches, fold_shade, round_shade
from dmvton_mobile.datasets.procedural.canvas import Canvas
from dmvton_mobile.datasets.procedural.garment.flat import FlatGarment
from dmvton_mobile.datasets.procedural.garment.pattern import CHEST, SLOPE, panel_half_width, panel_outline
from dmvton_mobile.datasets.procedural.people import Rng, seeded_rng


def wear_panel(canvas: Canvas, posed: PosedBody, flat: FlatGarment) -> None:
    """Paints the panel around the torso: its outline, folds, and the flat picture sampled through both."""
    strip, person, scale = posed.torso, posed.person, np.float32(posed.scale)
    v = strip.along / scale
    half = np.maximum(worn_half_width(posed, flat, v) * turned_share(posed) * scale, 0)
    if person.tucked:  # gathered above the waistband
        gathered = np.clip((v - np.float32(waistline(posed) - 0.35)) * 3, 0, 1)
        half = half + gathered * (np.minimum(half, torso_sides(posed, v)) - half)
    share = strip.across / np.maximum(half, 1)
    sides = antialiased(half - np.abs(strip.across))
    rng = seeded_rng(person.wrinkles)
    shade, across, down = fold_shade(person.light, _torso_folds(posed, flat, v, share, rng), 1.0)
    turn = np.float32(np.clip(0.45 * np.sin(person.pose.turn), -0.35, 0.35))
    turned = share - turn * (1 - share * share) + across * np.float32(0.03)
    flat_half = panel_half_width(flat.garment, v)
    edge = 1 - 1.5 / np.maximum(flat_half * np.float32(flat.scale), 2)  # inside the flat outline, not on it
    x, y = flat.pixel(np.clip(turned, -edge, edge) * flat_half, v + down * np.float32(0.02))
    front = np.clip(2 * _sampled(flat.front, x, y) - 1, 0, 1)
    if person.tucked:
        front = front * np.clip((np.float32(waistline(posed) + 0.1) - v) * scale, 0, 1)
    shade = shade * round_shade(person.light, share, strip.normal)
    canvas.wear(strip.box, sides * front, _sampled(flat.rgb, x, y), shade, x, y)


def worn_half_width(posed: PosedBody, flat: FlatGarment, v: Plane) -> Plane:
    """Half the worn panel's width at v, in heads: the body's with ease, hanging from the chest as the cut allows."""
    garment, body = flat.garment, posed.person.body
    shoulder = (body.shoulder + 0.25 * garment.fit) * profile(v, *SLOPE)
    clinging = posed.torso_half_width(v)
    heights = np.linspace(CHEST, 4.0, 32, dtype=np.float32)
    widest = np.maximum.accumulate(posed.torso_half_width(heights))
    hanging = profile(v, heights, widest)
    straight = clinging + np.float32(garment.drop) * (hanging - clinging) + np.float32(garment.fit * 0.8 + 0.02)
    return panel_outline(garment, v, shoulder, straight)


def wear_sleeve(canvas: Canvas, posed: PosedBody, flat: FlatGarment, limb: Limb) -> None:
    """Paints the sleeve on one arm; nothing for a garment without sleeves."""
    sleeve = flat.left if limb.side == 1 else flat.right
    if sleeve is None:
        return
    garment, person, scale, strip = flat.garment, posed.person, np.float32(posed.scale), limb.strip
    length = min(garment.sleeve, 1.0) * strip.length
    share_along = strip.along / np.float32(length)
    ease = np.float32(garment.sleeve_ease) * scale
    half = limb.half_width * np.float32(1.06) + ease
    share = strip.across / np.maximum(half, 1)
    cuff = length - 0.05 * half * share * share
    coverage = np.minimum(strip.coverage(rounded(half, strip)), antialiased(cuff - strip.along))
    rng = seeded_rng([person.wrinkles, 2 + limb.side])
    shade, _, down = fold_shade(person.light, _sleeve_folds(posed, limb, half, rng), 0.9)
    shoulder = np.clip(1 - strip.along / (np.float32(1.3) * half), 0, 1)  # where the arm is still torso
    shade = shade * (round_shade(person.light, share, strip.normal) * (1 - shoulder) + shoulder)
    shade = shade * (1 - np.float32(0.25) * np.clip(1 - (cuff - strip.along) / (0.05 * scale), 0, 1))
    edge = np.float32(1 - 1.6 / max(sleeve.cuff * flat.scale, 2.5))
    last = np.float32(1 - 1.2 / max(sleeve.length * flat.scale, 2))
    first = np.float32(0.3 / sleeve.length)  # before its start the sleeve's place is under the panel's edge
    along = np.clip(share_along + down * np.float32(0.01), -first, last)
    inwards = 1 - np.float32(0.8) * np.clip(-along / first, 0, 1)
    x, y = flat.pixel(*sleeve.place(along, np.clip(share, -edge, edge) * inwards))
    canvas.wear(strip.box, coverage, _sampled(flat.rgb, x, y), shade, x, y)


def _torso_folds(posed: PosedBody, flat: FlatGarment, v: Plane, share: Plane, rng: Rng) -> Plane:
    """Heights in pixels: soft waves, and four to eight creases from the sides towards the middle."""
    size, scale = v.shape, np.float32(posed.scale)
    waves = blotches(size, 9, rng) * np.float32(0.3) + blotches(size, 20, rng) * np.float32(0.12)
    loose = 0.4 + 4 * flat.garment.fit
    height = waves * np.float32(0.06 * min(loose, 1.3)) * scale
    hips = posed.person.body.torso
    for _ in range(int(rng.integers(4, 9))):
        side = 1 if rng.random() < 0.5 else -1
        start = np.array([side * rng.uniform(0.7, 1.0), rng.uniform(0.75, hips + 0.2)])
        slope, reach = rng.uniform(-0.2, 0.9), rng.uniform(0.4, 1.1)
        run = (np.float32(start[0]) - share) * np.float32(side)  # 0 at the side seam, growing inwards
        ridge = v - np.float32(start[1]) - run * np.float32(slope)
        width = np.float32(rng.uniform(0.05, 0.11))
        fade = np.clip(1 - run / np.float32(reach), 0, 1) * (run > -0.3)
        height += np.float32(rng.uniform(0.03, 0.08)) * scale * fade / (1 + (ridge / width) ** 2)
    return height


def _sleeve_folds(posed: PosedBody, limb: Limb, half: Plane, rng: Rng) -> Plane:
    """Heights in pixels: soft waves, and three creases on the inside of the elbow, deeper the more it is bent."""
    strip, scale = limb.strip, np.float32(posed.scale)
    height = blotches(half.shape, 7, rng) * np.float32(0.02) * scale
    bent = abs(limb.arm.bend) if limb.arm else 0.0
    share = strip.across / np.maximum(half, 1)
    for _ in range(3):
        at = (
            np.float32(limb.elbow + rng.normal(0, 0.12) * float(scale))
            + share * np.float32(rng.uniform(-0.15, 0.15)) * scale
        )
        inside = np.clip(0.6 - share * limb.side, 0, 1)
        ridge = (strip.along - at) / (np.float32(rng.uniform(0.05, 0.09)) * scale)
        height += np.float32(0.02 + 0.03 * min(bent, 1.5)) * scale * inside / (1 + ridge * ridge)
    return height


def _sampled(picture: Plane, x: Plane, y: Plane) -> Plane:
    """Bilinear samples of a picture [H, W] or [H, W, 3] at pixels x, y; 0 outside."""
    return np.asarray(cv2.remap(picture, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT), np.float32)
