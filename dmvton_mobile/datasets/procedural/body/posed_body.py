"""A posed body: a skeleton and the strips around it, in pixels. What the camera sees of a person without clothes.

Made once per person and shared by every garment they wear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.ribbon import Plane, Strip, bend, lay, profile
from dmvton_mobile.datasets.procedural.garment.pattern import CHEST, SHOULDER_TIP, SLOPE
from dmvton_mobile.datasets.procedural.scene.scene import Arm, ArmPose, Person

Point = NDArray[np.float64]  # [2], x and y in pixels; or points [N, 2]
Size = tuple[int, int]
_REACH = 4.0  # heads of the torso's strip below the neck's base: no hem is lower
_HEAD_HEIGHT = 0.8  # heads of the face's middle above the neck's base


@dataclass(frozen=True)
class Limb:
    """A strip of the body and how wide it is.

    Attributes:
        side: 1 is the person's left, -1 their right, 0 neither.
        strip: The pixels around the limb's axis.
        half_width: [h, w], half the limb's width in pixels.
        arm: How the scene describes it, for an arm.
        hand: The hand, for an arm whose hand is in the picture.
        thumb: Its thumb.
        elbow: How far along the axis the elbow is, in pixels, for an arm.
    """

    side: int
    strip: Strip
    half_width: Plane
    arm: Arm | None = None
    hand: "Limb | None" = None
    thumb: "Limb | None" = None
    elbow: float = 0.0

    def coverage(self) -> Plane:
        """How much of each pixel the limb covers, [h, w] in [0, 1]; round at its start."""
        return self.strip.coverage(rounded(self.half_width, self.strip), end=self.strip.length)


@dataclass(frozen=True)
class PosedBody:
    """A person's body before the camera.

    Attributes:
        person: Who it is.
        size: (height, width) of the picture.
        scale: Pixels per head.
        keypoints: float64 [18, 2], x and y in pixels, OpenPose's order, also outside the picture.
        torso: The strip from the neck's base down.
        neck: The neck; None outside the picture.
        arms: Those in the picture, in the order they are drawn; those of layer -1 first.
        legs: Those in the picture.
        head_centre: The face's middle, x and y in pixels.
    """

    person: Person
    size: Size
    scale: float
    keypoints: Point
    torso: Strip
    neck: Limb | None
    arms: tuple[Limb, ...]
    legs: tuple[Limb, ...]
    head_centre: Point

    def visible_keypoints(self) -> NDArray[np.float32]:
        """The keypoints as OpenPose would write them.

        Returns:
            float32 [18, 3]: x and y in pixels and a confidence of 0.9; zeros for a keypoint outside the picture.
        """
        height, width = self.size
        points = self.keypoints
        inside = (points >= 0).all(1) & (points[:, 0] <= width - 1) & (points[:, 1] <= height - 1)
        return (np.concatenate([points, np.full((18, 1), 0.9)], 1) * inside[:, None]).astype(np.float32)

    def torso_half_width(self, v: Plane) -> Plane:
        """Half the bare torso's width at v (heads below the neck's base), in heads, before a turn narrows it."""
        body = self.person.body
        shoulder = body.shoulder * profile(v, *SLOPE)
        hips = body.torso
        knots = [SHOULDER_TIP, CHEST, 0.62 * hips, hips - 0.1, hips + 0.4, hips + 1.2]
        sides = profile(v, knots, [body.shoulder, body.chest, body.waist, body.hip, body.hip * 0.97, body.hip * 0.9])
        return np.where(v < SHOULDER_TIP, shoulder, sides)


def rounded(half_width: Plane, strip: Strip) -> Plane:
    """The half-width with a round cap before the strip's start."""
    before = np.minimum(strip.along, 0)
    cap = np.sqrt(np.maximum(half_width * half_width - before * before, 0))
    return np.where(before < -half_width, np.float32(-1), np.where(before < 0, cap, half_width))


def pose_body(person: Person, size: Size) -> PosedBody:
    """Poses the person before the camera, in a picture of (height, width).

    The skeleton grows from the neck's base: down to the hips, out to shoulders, elbows and wrists, down to the ankles,
    and up to the head.
    """
    body, pose, camera = person.body, person.pose, person.camera
    height, width = size
    scale = camera.head * height
    neck = np.array([width * (0.5 + camera.shift), height * camera.headroom + 1.32 * scale])
    lean = np.array([np.sin(pose.lean), np.cos(pose.lean)])
    hips = neck + scale * (body.torso * lean + [pose.hip_shift, 0])
    axis = (hips - neck) / np.linalg.norm(hips - neck)
    across = np.array([axis[1], -axis[0]])  # to the person's left
    tilt = np.array([np.sin(pose.head_tilt), -np.cos(pose.head_tilt)])
    head = neck + scale * _HEAD_HEIGHT * tilt
    torso = lay(np.array([neck, neck + axis * scale * _REACH], np.float32), 1.35 * scale, size)
    assert torso is not None  # the neck is in the picture

    joints = np.zeros((18, 2))
    joints[0] = head + scale * _nose(person)
    joints[1] = neck
    arms = []
    for side, arm, first in ((-1, pose.right, 2), (1, pose.left, 5)):
        out = across * side * (body.shoulder - body.arm * 1.05) * np.cos(pose.turn)
        shoulder = neck + scale * (out + axis * (0.4 - side * pose.roll))
        limb, elbow, wrist = _arm(person, arm, side, shoulder, scale, size)
        joints[first : first + 3] = shoulder, elbow, wrist
        if limb is not None:
            arms.append(limb)
    legs = []
    for side, first in ((-1, 8), (1, 11)):
        hip = hips + scale * across * side * body.hip * 0.52
        leg, knee, ankle = _leg(person, side, hip, scale, size)
        joints[first : first + 3] = hip, knee, ankle
        if leg is not None:
            legs.append(leg)
    joints[14:18] = _eyes_and_ears(person, head, scale)
    throat = np.array([head + 0.2 * (neck - head), neck + axis * scale * 0.3], np.float32)
    arms.sort(key=lambda limb: limb.arm.layer if limb.arm else 0)
    return PosedBody(
        person, size, scale, joints, torso, _neck(person, throat, scale, size), tuple(arms), tuple(legs), head
    )


def to_picture(person: Person, centre: Point, scale: float, points: Point) -> Point:
    """Places points of the head in the picture, tilted with it.

    Args:
        person: Whose head.
        centre: The face's middle, x and y in pixels.
        scale: Pixels per head.
        points: [N, 2], in heads from the face's middle.

    Returns:
        [N, 2], in pixels.
    """
    sine, cosine = np.sin(person.pose.head_tilt), np.cos(person.pose.head_tilt)
    x, y = points[:, 0], points[:, 1]
    return centre + scale * np.stack([x * cosine - y * sine, x * sine + y * cosine], 1)


def _nose(person: Person) -> Point:
    """The tip of the nose, in heads from the face's middle: moved as the head turns, tilted with it."""
    tip = np.array([[0.0, 0.13]]) + np.array([person.pose.head_turn * 0.2, 0])
    return to_picture(person, np.zeros(2), 1.0, tip)[0]


def _eyes_and_ears(person: Person, centre: Point, scale: float) -> Point:
    """Right eye, left eye, right ear, left ear: [4, 2] in pixels."""
    head = person.body.head
    points = np.array([[-0.42 * head, 0.0], [0.42 * head, 0.0], [-head, 0.04], [head, 0.04]])
    points[:2, 0] += person.pose.head_turn * 0.16  # the ears stay at the outline
    return to_picture(person, centre, scale, points)


def _neck(person: Person, axis: Plane, scale: float, size: Size) -> Limb | None:
    """The neck around its axis [2, 2], which widens towards the shoulders."""
    strip = lay(axis, person.body.neck * 1.5 * scale, size)
    if strip is None:
        return None
    flare = profile(strip.along / strip.length, [0, 0.6, 1], [0.92, 1.0, 1.35])
    return Limb(0, strip, flare * np.float32(person.body.neck * scale))


def _leg(person: Person, side: int, hip: Point, scale: float, size: Size) -> tuple[Limb | None, Point, Point]:
    """(the leg, its knee, its ankle); no leg where it is outside the picture."""
    body, pose = person.body, person.pose
    knee = hip + scale * np.array([side * pose.stance * 0.5, 1.75])
    ankle = knee + scale * np.array([side * pose.stance * 0.2, 1.65])
    strip = lay(bend(np.array([hip, knee, ankle])), body.leg * 1.6 * scale, size)
    if strip is None:
        return None, knee, ankle
    half = profile(strip.along / strip.length, [0, 0.5, 0.65, 1], [0.88, 0.66, 0.64, 0.42])
    return Limb(side, strip, half * np.float32(body.leg * scale)), knee, ankle


def _arm(
    person: Person, arm: Arm, side: int, shoulder: Point, scale: float, size: Size
) -> tuple[Limb | None, Point, Point]:
    """(the arm, its elbow, its wrist); no arm where it is outside the picture."""
    length = person.body.arm_length * scale
    fore = arm.upper - arm.bend  # a bend leads inwards, and of a raised arm upwards
    elbow = shoulder + length * arm.upper_length * _direction(side, arm.upper)
    wrist = elbow + length * arm.forearm_length * _direction(side, fore)
    width = np.float32(person.body.arm * scale)
    axis = bend(np.array([shoulder, elbow, wrist]))
    strip = lay(axis, float(width) * 1.5 + 0.3 * scale, size)
    if strip is None:
        return None, elbow, wrist
    bent = float(np.hypot(*np.diff(axis[:4], axis=0).T).sum()) if len(axis) > 4 else strip.length / 2
    half = profile(strip.along / strip.length, [0, 0.25, 0.5, 0.62, 1], [1.12, 1.06, 0.88, 0.86, 0.58]) * width
    hand, thumb = _hand(arm, side, wrist, fore, scale, size)
    return Limb(side, strip, half, arm, hand, thumb, bent), elbow, wrist


def _hand(arm: Arm, side: int, wrist: Point, fore: float, scale: float, size: Size) -> tuple[Limb | None, Limb | None]:
    """(the hand, its thumb) at the end of a forearm of angle `fore`; None for one outside the picture."""
    fingers = _direction(side, fore + 0.15)
    length = scale * (0.5 if arm.pose is not ArmPose.FRONT else 0.42)
    strip = lay(np.array([wrist - fingers * 0.08 * scale, wrist + fingers * length], np.float32), 0.3 * scale, size)
    if strip is None:
        return None, None
    half = profile(strip.along / strip.length, [0, 0.35, 0.6, 1], [0.085, 0.15, 0.145, 0.075]) * np.float32(scale)
    hand = Limb(side, strip, half)
    inward = _direction(side, fore - 0.75)
    base = wrist + fingers * 0.08 * scale
    thumb = lay(np.array([base, base + inward * 0.27 * scale], np.float32), 0.1 * scale, size)
    if thumb is None:
        return hand, None
    return hand, Limb(side, thumb, np.full(thumb.along.shape, 0.045 * scale, np.float32))


def _direction(side: int, angle: float) -> Point:
    """The unit vector at an angle from straight down, outwards on the person's side."""
    return np.array([side * np.sin(angle), np.cos(angle)])
