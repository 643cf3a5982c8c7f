"""Paints the head: face, features, and the hair behind, around and before it.

Shapes are in heads from the face's middle, x to image right, y down. They are drawn at four times the resolution and
averaged down.
"""

from dataclasses import dataclass
from typing import assert_never

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.posed_body import PosedBody, to_picture
from dmvton_mobile.datasets.procedural.body.ribbon import Box, Plane, bend, box_around, lay, pixel_centres, profile
from dmvton_mobile.datasets.procedural.body.shade import skin
from dmvton_mobile.datasets.procedural.canvas import Canvas
from dmvton_mobile.datasets.procedural.people import seeded_rng
from dmvton_mobile.datasets.procedural.scene.palette import Colour, ink
from dmvton_mobile.datasets.procedural.scene.scene import HairStyle
from dmvton_mobile.datasets.sample import DensePosePart, Label

_FINER = 4  # pixels of an easel per pixel of the canvas, along one axis
Points = NDArray[np.float64]


@dataclass(frozen=True)
class Easel:
    """A box of the canvas, _FINER times as fine, on which shapes in heads are drawn.

    Attributes:
        posed: Whose head it is; places the shapes.
        box: The part of the canvas.
        pixels: uint8 [4 h, 4 w], a coverage, or [4 h, 4 w, 3], a picture.
    """

    posed: PosedBody
    box: Box
    pixels: NDArray[np.uint8]

    @classmethod
    def over(cls, posed: PosedBody, box: Box, colour: Colour | None = None) -> "Easel":
        """An easel for a picture filled with the colour, or, without a colour, for an empty coverage."""
        shape = ((box[0].stop - box[0].start) * _FINER, (box[1].stop - box[1].start) * _FINER)
        if colour is None:
            return cls(posed, box, np.zeros(shape, np.uint8))
        return cls(posed, box, np.full((*shape, 3), ink(colour), np.uint8))

    def polygon(self, points: Points, colour: Colour | None = None) -> None:
        """Fills a polygon [N, 2], in the colour or, on a coverage, with 1."""
        cv2.fillPoly(self.pixels, [self._placed(points)], _ink_or_full(colour), cv2.LINE_8, 4)

    def line(self, points: Points, width: float, colour: Colour, closed: bool = False) -> None:
        """Draws a line through points [N, 2], `width` heads wide."""
        thickness = max(1, round(width * self.posed.scale * _FINER))
        cv2.polylines(self.pixels, [self._placed(points)], closed, ink(colour), thickness, cv2.LINE_8, 4)

    def ellipse(self, x: float, y: float, half_width: float, half_height: float, colour: Colour | None = None) -> None:
        """Fills an ellipse around (x, y), in the colour or, on a coverage, with 1."""
        self.polygon(_ellipse(x, y, half_width, half_height), colour)

    def averaged(self) -> Plane:
        """What is drawn, at the canvas' resolution: [h, w] or [h, w, 3] in [0, 1]."""
        height, width = self.pixels.shape[:2]
        small = cv2.resize(self.pixels, (width // _FINER, height // _FINER), interpolation=cv2.INTER_AREA)
        return small.astype(np.float32) / np.float32(255)

    def _placed(self, points: Points) -> NDArray[np.int32]:
        rows, columns = self.box
        on_canvas = to_picture(self.posed.person, self.posed.head_centre, self.posed.scale, points)
        on_easel = (on_canvas - [columns.start, rows.start] + 0.5) * _FINER - 0.5
        return np.round(on_easel * 16).astype(np.int32)


def paint_hair_behind(canvas: Canvas, posed: PosedBody) -> None:
    """Paints the hair behind neck and shoulders: long hair and bobs, an afro, a bun, a ponytail."""
    outline = _outline_behind(posed)
    if outline is not None:
        _paint_hair(canvas, posed, outline, behind=True)


def paint_head(canvas: Canvas, posed: PosedBody) -> None:
    """Paints ears, face and features, the hair on the skull, and the head's DensePose ids."""
    box = box_around(np.array([posed.head_centre], np.float32), 0.85 * posed.scale, posed.size)
    if box is None:
        return
    person = posed.person
    coverage, picture = Easel.over(posed, box), Easel.over(posed, box, person.body.skin)
    outline = _face_outline(posed)
    for side in (-1, 1):
        coverage.ellipse(side * person.body.head * 0.99, 0.05, 0.05, 0.1)
    coverage.polygon(outline)
    _draw_features(posed, picture)
    alpha = coverage.averaged()
    across, down = pixel_centres(box)
    scale = np.float32(posed.scale)
    x, y = (across - np.float32(posed.head_centre[0])) / scale, (down - np.float32(posed.head_centre[1])) / scale
    facing = np.sqrt(np.clip(1 - (x / 0.5) ** 2 - (y / 0.75) ** 2, 0.05, 1))
    light = person.light
    slanted = x * np.float32(1.1 * np.sin(light.direction)) - y * np.float32(0.5 * np.cos(light.direction))
    shade = np.float32(light.ambient) + np.float32(1.1 - light.ambient) * np.clip(facing * 0.85 + slanted, 0, 1.1)
    drawn = picture.averaged() / np.array(person.body.skin, np.float32)  # what the features change of the skin
    canvas.paint(box, alpha, np.clip(skin(person.body.skin, shade) * drawn, 0, 1), Label.FACE)
    cap = _cap(posed)
    if cap is not None:
        _paint_hair(canvas, posed, cap)
    skull = Easel.over(posed, box)
    skull.polygon(outline)
    skull.ellipse(0, -0.1, person.body.head * 1.02, 0.42)
    covered = (skull.averaged() > 0.5) & np.isin(canvas.label[box], (Label.FACE, Label.HAIR))
    canvas.densepose[box][covered] = np.where(x > 0, DensePosePart.HEAD_LEFT, DensePosePart.HEAD_RIGHT).repeat(
        alpha.shape[0], 0
    )[covered]


def paint_hair_in_front(canvas: Canvas, posed: PosedBody) -> None:
    """Paints long locks that fall before the shoulders, over the garment; now and then one side is swept back."""
    person, scale = posed.person, posed.scale
    hair = person.hair
    if hair.style is not HairStyle.LONG or not hair.in_front:
        return
    rng = seeded_rng(hair.seed + 1)
    for side in (-1, 1):
        if rng.random() < 0.2:
            continue  # swept back on this side
        width = person.body.head
        down = np.linspace(-0.15, 0.5 + hair.length * 0.75, 7)
        swing = 0.06 * hair.wave * np.sin(down * rng.uniform(4, 7) + rng.uniform(0, 6)) + 0.12 * np.clip(down, 0, 1)
        points = to_picture(person, posed.head_centre, scale, np.stack([side * (width + 0.02 + swing), down], 1))
        strip = lay(bend(points), 0.35 * scale, posed.size)
        if strip is None:
            continue
        body = 0.08 + 0.09 * hair.volume
        half = profile(
            strip.along / strip.length, [0, 0.3, 0.8, 1], [body * 0.6, body, body, body * 0.25]
        ) * np.float32(scale)
        coverage = strip.coverage(half, 0.0, strip.length)
        strands = np.sin(strip.across * np.float32(rng.uniform(1.5, 2.6)) + np.sin(strip.along * 0.1) * 1.5)
        shade = (
            np.float32(0.9)
            + np.float32(0.16) * strands * np.float32(0.6)
            - np.float32(0.25) * np.abs(strip.across / np.maximum(half, 1)) ** 2
        )
        canvas.cast(strip.box, coverage, 0.05 * scale, 0.25)
        canvas.paint(
            strip.box, coverage, np.clip(np.array(hair.colour, np.float32) * shade[..., None], 0, 1), Label.HAIR
        )


def _outline_behind(posed: PosedBody) -> Points | None:
    hair, width = posed.person.hair, posed.person.body.head
    match hair.style:
        case HairStyle.LONG | HairStyle.BOB:
            volume = 0.03 + 0.09 * hair.volume
            bottom = 0.42 + hair.length * (0.75 if hair.style is HairStyle.LONG else 0.55)
            wave = 0.05 * hair.wave * np.sin(np.linspace(0, 9, 9) + hair.seed % 7)
            down = np.linspace(-0.2, bottom, 9)
            half = (width + volume) * (1 - 0.45 * np.linspace(0, 1, 9) ** 4)
            return np.concatenate([np.stack([half + wave, down], 1), np.stack([-half + wave, down], 1)[::-1]])
        case HairStyle.AFRO:
            angles = np.linspace(0, 2 * np.pi, 40, endpoint=False)
            radius = (width + 0.16 + 0.2 * hair.volume) * (1 + 0.04 * seeded_rng(hair.seed).standard_normal(40))
            return np.stack([radius * np.cos(angles), -0.18 + radius * np.sin(angles)], 1)
        case HairStyle.BUN:
            half_width = 0.16 + 0.06 * hair.volume
            return _ellipse(hair.parting * 0.2, -0.62, half_width, half_width)
        case HairStyle.PONYTAIL:
            side = 1 if hair.parting > 0 else -1
            across, down = np.array([0, 0.5, 0.52, 0.4, 0.3, 0.3]), np.array([-0.45, -0.3, 0.35, 0.75, 0.3, -0.2])
            return np.stack([side * across, down], 1)
        case HairStyle.BALD | HairStyle.CROPPED | HairStyle.SHORT:
            return None
    assert_never(hair.style)


def _face_outline(posed: PosedBody) -> Points:
    """An ellipse one head high, narrower towards the chin unless the jaw is square."""
    body = posed.person.body
    angles = np.linspace(0, 2 * np.pi, 48, endpoint=False)
    x, y = np.cos(angles), np.sin(angles)
    narrowing = np.where(y > 0, 1 - (0.3 - 0.2 * body.jaw) * y**2, 1)
    return np.stack([body.head * x * narrowing, 0.5 * y], 1)


def _draw_features(posed: PosedBody, picture: Easel) -> None:
    """Beard, eyes, brows, nose, mouth and glasses, moved to the side that the head turns to."""
    person = posed.person
    face, tone = person.face, np.array(person.body.skin)
    moved = person.pose.head_turn * 0.16
    eye_distance = 0.42 * person.body.head
    if face.beard:
        beard = tone + 0.75 * face.beard * (np.array(person.hair.colour) - tone)
        jaw = _face_outline(posed)
        picture.polygon(jaw[jaw[:, 1] > 0.12], tuple(beard))
        picture.ellipse(moved, 0.1, 0.6 * person.body.head, 0.14, person.body.skin)
    for side in (-1, 1):
        x = side * eye_distance + moved
        picture.ellipse(x, 0.0, 0.075 * face.eye, 0.038 * face.eye, (0.93, 0.92, 0.9))
        picture.ellipse(x + moved * 0.1, 0.0, 0.036 * face.eye, 0.036 * face.eye, face.iris)
        picture.ellipse(x + moved * 0.1, 0.0, 0.016, 0.016, (0.03, 0.03, 0.03))
        lid = np.array([[x - 0.08, 0.0], [x - 0.04, -0.035 * face.eye], [x + 0.04, -0.035 * face.eye], [x + 0.08, 0.0]])
        picture.line(lid, 0.016, (0.12, 0.09, 0.08))
        brow = np.array([[x - 0.1, -0.09 + 0.02 * side], [x, -0.12], [x + 0.1, -0.09 - 0.02 * side]])
        colour = 0.55 * np.array(person.hair.colour) + 0.17 * tone
        picture.line(brow, 0.02 * face.brow + 0.008, tuple(colour))
    nose = np.array([[moved * 0.9, -0.02], [moved * 1.3 + 0.03, 0.13], [moved * 1.3 - 0.04, 0.15]])
    picture.line(nose, 0.016, tuple(tone * 0.82))
    mouth = 0.3
    lips = np.array(face.lips) * (0.35 + 0.65 * tone.mean() / 0.8)
    picture.ellipse(moved * 1.1, mouth, 0.1 + 0.03 * face.smile, 0.032, tuple(lips))
    corner = -0.03 * face.smile
    smile = np.array(
        [[moved * 1.1 - 0.11, mouth + corner], [moved * 1.1, mouth + 0.005], [moved * 1.1 + 0.11, mouth + corner]]
    )
    picture.line(smile, 0.012, tuple(lips * 0.55))
    if face.glasses:
        for side in (-1, 1):
            rim = _ellipse(side * eye_distance + moved, 0.01, 0.12, 0.1, corners=20)
            picture.line(rim, 0.018, (0.08, 0.07, 0.07), closed=True)
        picture.line(
            np.array([[moved - eye_distance + 0.12, 0.0], [moved + eye_distance - 0.12, 0.0]]),
            0.018,
            (0.08, 0.07, 0.07),
        )


def _cap(posed: PosedBody) -> Points | None:
    """The outline of the hair on the skull, around a parting and down to a fringe; none for the bald."""
    hair, width = posed.person.hair, posed.person.body.head
    if hair.style is HairStyle.BALD:
        return None
    thick = {HairStyle.CROPPED: 0.025, HairStyle.AFRO: 0.12}.get(hair.style, 0.04 + 0.05 * hair.volume)
    low = {HairStyle.CROPPED: -0.02, HairStyle.SHORT: 0.06, HairStyle.BUN: 0.0, HairStyle.PONYTAIL: 0.0}.get(
        hair.style, 0.15
    )
    angles = np.linspace(np.pi, 2 * np.pi, 25)
    outer = np.stack([(width + thick) * np.cos(angles), -0.06 + (0.45 + thick) * np.sin(angles)], 1)
    outer = np.concatenate([[[-width - thick, low]], outer, [[width + thick, low]]])
    parting = hair.parting * width + posed.person.pose.head_turn * 0.1
    brow = -0.3 + 0.17 * hair.fringe
    x = np.linspace(width * 0.94, -width * 0.94, 13)
    lift = 0.06 * (1 - hair.fringe) * np.exp(-(((x - parting) / 0.12) ** 2))
    edge = brow + 0.22 * (np.abs(x) / width) ** 3 - lift
    inner = np.concatenate([[[width * 0.96, low]], np.stack([x, edge], 1), [[-width * 0.96, low]]])
    return np.concatenate([outer, inner])


def _ellipse(x: float, y: float, half_width: float, half_height: float, corners: int = 24) -> Points:
    angles = np.linspace(0, 2 * np.pi, corners, endpoint=False)
    return np.stack([x + half_width * np.cos(angles), y + half_height * np.sin(angles)], 1)


def _paint_hair(canvas: Canvas, posed: PosedBody, outline: Points, behind: bool = False) -> None:
    """Paints hair inside the outline, streaked from the crown down, darker behind the head."""
    hair = posed.person.hair
    placed = to_picture(posed.person, posed.head_centre, posed.scale, outline)
    box = box_around(placed.astype(np.float32), 2, posed.size)
    if box is None:
        return
    easel = Easel.over(posed, box)
    easel.polygon(outline)
    coverage = easel.averaged()
    rng = seeded_rng(hair.seed + 2 + behind)
    coarse = rng.standard_normal((4, max(coverage.shape[1] // 2, 4)), np.float32)
    streaks = np.asarray(cv2.resize(coarse, coverage.shape[::-1], interpolation=cv2.INTER_CUBIC), np.float32)
    crown = np.linspace(1.12, 0.85, coverage.shape[0], dtype=np.float32)[:, None]
    shade = (crown + np.float32(0.11) * streaks) * np.float32(0.72 if behind else 1.0)
    canvas.paint(box, coverage, np.clip(np.array(hair.colour, np.float32) * shade[..., None], 0, 1), Label.HAIR)


def _ink_or_full(colour: Colour | None) -> int | tuple[int, int, int]:
    return 255 if colour is None else ink(colour)
