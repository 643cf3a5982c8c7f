"""The posed: a posed skeleton and the strips of its body, in pixels. What the camera sees of a person without clothes.

Made once per person and shared by every garment they wear.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.ribbon import Plane, Strip, bend, lay, profile
from dmvton_mobile.datasets.procedural.garment.pattern import SLOPE
from dmvton_mobile.datasets.procedural.scene.scene import Arm, ArmPose, Person

Point = NDArray[np.float64]
_REACH = 4.0  # heads of the torso's strip below the neck's base: no hem is lower
_HEAD_HEIGHT = 0.8  # of the face's middle above the neck's base


@dataclass(frozen=True)
class Limb:
    """A strip with its body's half-width [h, w] in pixels; side: 1 the person's left, -1 right."""

    side: int
    strip: Strip
    half_width: Plane
    arm: Arm | None = None
    hand: "Limb | None" = None
    thumb: "Limb | None" = None
    elbow: float = 0.0  # along, pixels

    def coverage(self) -> Plane:
        """Round at its start."""
        return self.strip.coverage(rounded(self.half_width, self.strip), end=self.strip.length)


@dataclass(frozen=True)
class PosedBody:
    """scale: pixels per head. keypoints: float64 [18, 2], pixels, OpenPose's order. torso: the strip from the neck's
    base down. arms: in the order they are drawn; those of layer -1 first. head_centre: pixels (x, y).
    """

    person: Person
    size: tuple[int, int]
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
        """Of the bare torso at v (heads below the neck's base), in heads, before the turn narrows it."""
        return torso_half_width(self.person, v)


def rounded(half_width: Plane, strip: Strip) -> Plane:
    """The half-width with a round cap before the strip's start."""
    before = np.minimum(strip.along, 0)
    cap = np.sqrt(np.maximum(half_width * half_width - before * before, 0))
    return np.where(before < -half_width, np.float32(-1), np.where(before < 0, cap, half_width))


def torso_half_width(person: Person, v: Plane) -> Plane:
    body = person.body
    shoulder = body.shoulder * profile(v, *SLOPE)
    hips = body.torso
    knots = [0.34, 0.9, 0.62 * hips, hips - 0.1, hips + 0.4, hips + 1.2]
    sides = profile(v, knots, [body.shoulder, body.chest, body.waist, body.hip, body.hip * 0.97, body.hip * 0.9])
    return np.where(v < 0.34, shoulder, sides)


def pose_body(person: Person, size: tuple[int, int]) -> PosedBody:
    """The person before the camera, in a picture of (height, width)."""
    body, pose, camera = person.body, person.pose, person.camera
    height, width = size
    scale = camera.head * height
    neck = np.array([width * (0.5 + camera.shift), height * camera.headroom + 1.32 * scale])
    lean = np.array([np.sin(pose.lean), np.cos(pose.lean)])
    hips = neck + scale * (body.torso * lean + [pose.hip_shift, 0])
    axis = (hips - neck) / np.linalg.norm(hips - neck)
    across = np.array([axis[1], -axis[0]])  # to the person's left
    narrowed = np.cos(pose.turn)
    torso = lay(np.array([neck, neck + axis * scale * _REACH], np.float32), 1.35 * scale, size)
    assert torso is not None  # the neck is in the picture
    tilt = np.array([np.sin(pose.head_tilt), -np.cos(pose.head_tilt)])
    head = neck + scale * _HEAD_HEIGHT * tilt
    joints = np.zeros((18, 2))
    joints[1] = neck
    limbs = []
    for side, arm, first in ((-1, pose.right, 2), (1, pose.left, 5)):
        joint = neck + scale * (
            across * side * (body.shoulder - body.arm * 1.05) * narrowed + axis * (0.4 - side * pose.roll)
        )
        limb, elbow, wrist = _arm(person, arm, side, joint, scale, size)
        joints[first : first + 3] = joint, elbow, wrist
        if limb is not None:
            limbs.append(limb)
    legs = []
    for side, first in ((-1, 8), (1, 11)):
        hip = hips + scale * across * side * body.hip * 0.52
        knee = hip + scale * np.array([side * pose.stance * 0.5, 1.75])
        ankle = knee + scale * np.array([side * pose.stance * 0.2, 1.65])
        joints[first : first + 3] = hip, knee, ankle
        strip = lay(bend(np.array([hip, knee, ankle])), body.leg * 1.6 * scale, size)
        if strip is not None:
            half = profile(strip.along / strip.length, [0, 0.5, 0.65, 1], [0.88, 0.66, 0.64, 0.42]) * np.float32(
                body.leg * scale
            )
            legs.append(Limb(side, strip, half))
    joints[14:18] = _face_points(person, head, scale)
    joints[0] = head + scale * _turned(person, np.array([[0.0, 0.13]]))[0]
    throat = lay(
        np.array([head + 0.2 * (neck - head), neck + axis * scale * 0.3], np.float32), body.neck * 1.5 * scale, size
    )
    neck_limb = None
    if throat is not None:
        flare = profile(throat.along / throat.length, [0, 0.6, 1], [0.92, 1.0, 1.35])
        neck_limb = Limb(0, throat, flare * np.float32(body.neck * scale))
    limbs.sort(key=lambda limb: limb.arm.layer if limb.arm else 0)
    return PosedBody(person, size, scale, joints, torso, neck_limb, tuple(limbs), tuple(legs), head)


def to_picture(person: Person, centre: Point, scale: float, points: Point) -> Point:
    """Points [N, 2] of the head, in heads from the face's middle, tilted with it, in pixels."""
    sine, cosine = np.sin(person.pose.head_tilt), np.cos(person.pose.head_tilt)
    x, y = points[:, 0], points[:, 1]
    return centre + scale * np.stack([x * cosine - y * sine, x * sine + y * cosine], 1)


def _face_points(person: Person, centre: Point, scale: float) -> Point:
    """Right eye, left eye, right ear, left ear."""
    head = person.body.head
    points = np.array([[-0.42 * head, 0.0], [0.42 * head, 0.0], [-head, 0.04], [head, 0.04]])
    points[:2, 0] += person.pose.head_turn * 0.16  # the ears stay at the outline
    return to_picture(person, centre, scale, points)


def _turned(person: Person, points: Point) -> Point:
    """Points of the face [N, 2], in heads, moved as the head turns and tilted: an offset from the middle."""
    moved = points + np.array([person.pose.head_turn * 0.2, 0])
    return to_picture(person, np.zeros(2), 1.0, moved)


def _arm(
    person: Person, arm: Arm, side: int, shoulder: Point, scale: float, size: tuple[int, int]
) -> tuple[Limb | None, Point, Point]:
    """(the arm, its elbow, its wrist); no arm where it is outside the picture."""
    length = person.body.arm_length * scale
    fore = arm.upper - arm.bend  # a bend leads inwards, and of a raised arm upwards
    elbow = shoulder + length * arm.upper_length * _direction(side, arm.upper)
    wrist = elbow + length * arm.forearm_length * _direction(side, fore)
    width = np.float32(person.body.arm * scale)
    axis = bend(np.array([shoulder, elbow, wrist]))
    strip = lay(axis, float(width) * 1.5 + 0.3 * scale, size)
    fingers = _direction(side, fore + 0.15)
    hand_length = scale * (0.5 if arm.pose is not ArmPose.FRONT else 0.42)
    hand = lay(np.array([wrist - fingers * 0.08 * scale, wrist + fingers * hand_length], np.float32), 0.3 * scale, size)
    if strip is None:
        return None, elbow, wrist
    bent = float(np.hypot(*np.diff(axis[:4], axis=0).T).sum()) if len(axis) > 4 else strip.length / 2
    half = profile(strip.along / strip.length, [0, 0.25, 0.5, 0.62, 1], [1.12, 1.06, 0.88, 0.86, 0.58]) * width
    hand_limb = thumb_limb = None
    if hand is not None:
        shape = profile(hand.along / hand.length, [0, 0.35, 0.6, 1], [0.085, 0.15, 0.145, 0.075]) * np.float32(scale)
        hand_limb = Limb(side, hand, shape)
        inward = _direction(side, fore - 0.75)
        base = wrist + fingers * 0.08 * scale
        thumb = lay(np.array([base, base + inward * 0.27 * scale], np.float32), 0.1 * scale, size)
        if thumb is not None:
            thumb_limb = Limb(side, thumb, np.full(thumb.along.shape, 0.045 * scale, np.float32))
    return Limb(side, strip, half, arm, hand_limb, thumb_limb, bent), elbow, wrist


def _direction(side: int, angle: float) -> Point:
    return np.array([side * np.sin(angle), np.cos(angle)])
