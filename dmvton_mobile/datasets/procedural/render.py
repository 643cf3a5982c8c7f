"""A person in a garment: layers painted from back to front, then the camera.

The body is painted the same in any garment: what the garment does not touch is equal, bit by bit, in all pictures of a
person.
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
    """One picture and its ground truth, all [H, W].

    Attributes:
        picture: uint8 [H, W, 3], RGB, as the camera sees it.
        label: uint8, `Label` ids.
        densepose: uint8, `DensePosePart` ids.
        state: uint8, of the garment: 0, HIDDEN or SEEN.
        grid_x: float32, the x in the garment's picture, in pixels, where state is not 0.
        grid_y: float32, the y.
        albedo: float32 [H, W, 3] in [0, 1], the garment's colour before light and shade, where state is SEEN.
    """

    picture: NDArray[np.uint8]
    label: NDArray[np.uint8]
    densepose: NDArray[np.uint8]
    state: NDArray[np.uint8]
    grid_x: Plane
    grid_y: Plane
    albedo: Plane


def render(posed: PosedBody, garment: FlatGarment, backdrop: Plane) -> Rendering:
    """Renders a body in a garment before the backdrop, RGB [H, W, 3] in [0, 1].

    Layers from the back: hair behind, arms behind the back, legs, torso, neck, bottoms and the garment's panel (the
    panel first where it is tucked in), head, hair in front, the other arms. Each sleeve follows its arm.
    """
    canvas = Canvas.over(backdrop)
    arms_behind = [limb for limb in posed.arms if limb.arm and limb.arm.layer < 0]
    arms_before = posed.arms[len(arms_behind) :]  # arms come in the order they are drawn
    paint_hair_behind(canvas, posed)
    for limb in arms_behind:
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
    for limb in arms_before:
        cast_shadow(canvas, posed, limb)
        paint_arm(canvas, posed, limb)
        wear_sleeve(canvas, posed, garment, limb)
    picture = photograph(posed.person, canvas.rgb)
    return Rendering(picture, canvas.label, canvas.densepose, canvas.state, canvas.grid_x, canvas.grid_y, canvas.albedo)


def photograph(person: Person, rgb: Plane) -> NDArray[np.uint8]:
    """The scene as the camera records it: exposure, the light's warmth, the lens' blur, the sensor's noise, 8 bits.

    Args:
        person: Whose light and camera are used.
        rgb: float32 [H, W, 3] in [0, 1].

    Returns:
        uint8 [H, W, 3].
    """
    camera, warmth = person.camera, np.float32(person.light.warmth)
    seen = rgb * (np.float32(camera.exposure) * np.array([1 + warmth, 1, 1 - warmth], np.float32))
    if camera.blur > 0.05:
        seen = cv2.GaussianBlur(seen, (0, 0), camera.blur)
    noise = np.float32(camera.noise) * seeded_rng(camera.seed).standard_normal(rgb.shape, np.float32)
    return np.clip((seen + noise) * np.float32(255) + np.float32(0.5), 0, 255).astype(np.uint8)
