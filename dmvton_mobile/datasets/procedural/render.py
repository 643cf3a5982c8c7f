"""A person in a garment: the layers, back to front, then the camera.

The body never changes the garment's way of being drawn and the garment never the body's, so the same person can be
rendered in any garment: what the garment does not touch is equal bit by bit.
"""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.body import (
    cast_shadow,
    paint_arm,
    paint_bottoms,
    paint_legs,
    paint_neck,
    paint_torso,
)
from dmvton_mobile.datasets.procedural.body.head import paint_hair_behind, paint_hair_in_front, paint_head
from dmvton_mobile.datasets.procedural.body.posed_body import PosedBody
from dmvton_mobile.datasets.procedural.body.ribbon import Plane
from dmvton_mobile.datasets.procedural.canvas import Canvas
from dmvton_mobile.datasets.procedural.garment.drape import wear_panel, wear_sleeve
from dmvton_mobile.datasets.procedural.garment.flat import FlatGarment
from dmvton_mobile.datasets.procedural.people import seeded_rng
from dmvton_mobile.datasets.procedural.scene.scene import Person


@dataclass(frozen=True)
class Rendering:
    """One picture and what is true of it, all [H, W].

    picture: uint8 [H, W, 3], RGB, as the camera saw it. label, densepose: `Label` and `DensePosePart` ids. state: of the
    garment, 0, HIDDEN or SEEN; grid_x, grid_y: pixels of the garment's picture, where state is not 0. albedo: float32
    [H, W, 3] in [0, 1], the garment where it is seen, before light and shade.
    """

    picture: NDArray[np.uint8]
    label: NDArray[np.uint8]
    densepose: NDArray[np.uint8]
    state: NDArray[np.uint8]
    grid_x: Plane
    grid_y: Plane
    albedo: Plane


def render(posed: PosedBody, garment: FlatGarment, backdrop: Plane) -> Rendering:
    """The posed in the garment, before the backdrop [H, W, 3]."""
    canvas = Canvas.over(backdrop)
    behind = [limb for limb in posed.arms if limb.arm and limb.arm.layer < 0]
    before = posed.arms[len(behind) :]  # arms come in the order they are drawn
    paint_hair_behind(canvas, posed)
    for limb in behind:
        paint_arm(canvas, posed, limb)
        wear_sleeve(canvas, posed, garment, limb)
    paint_legs(canvas, posed)
    paint_torso(canvas, posed)
    paint_neck(canvas, posed)
    if not posed.person.tucked:
        paint_bottoms(canvas, posed)
    wear_panel(canvas, posed, garment)
    if posed.person.tucked:
        paint_bottoms(canvas, posed)
    paint_head(canvas, posed)
    paint_hair_in_front(canvas, posed)
    for limb in before:
        cast_shadow(canvas, posed, limb)
        paint_arm(canvas, posed, limb)
        wear_sleeve(canvas, posed, garment, limb)
    picture = photograph(posed.person, canvas.rgb)
    return Rendering(picture, canvas.label, canvas.densepose, canvas.state, canvas.grid_x, canvas.grid_y, canvas.albedo)


def photograph(person: Person, rgb: Plane) -> NDArray[np.uint8]:
    """Exposure, the warmth of the light, the lens and the sensor: [H, W, 3] in [0, 1] -> uint8."""
    camera, warmth = person.camera, np.float32(person.light.warmth)
    gain = np.float32(camera.exposure) * np.array([1 + warmth, 1, 1 - warmth], np.float32)
    seen = rgb * gain
    if camera.blur > 0.05:
        seen = cv2.GaussianBlur(seen, (0, 0), camera.blur)
    rng = seeded_rng(camera.seed)
    noise = rng.standard_normal(rgb.shape, np.float32)
    return np.clip((seen + np.float32(camera.noise) * noise) * np.float32(255) + np.float32(0.5), 0, 255).astype(
        np.uint8
    )
