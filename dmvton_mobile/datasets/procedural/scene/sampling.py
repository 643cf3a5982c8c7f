"""Scene sampling: a person and a garment, every number of them drawn from a random number generator.

The order of the draws is part of the renderer's version: another order makes other people.
"""

from collections.abc import Mapping
from typing import TypeVar

import numpy as np

from dmvton_mobile.datasets.procedural.garment.design import GarmentDesign, GarmentKind, Neckline, Textile
from dmvton_mobile.datasets.procedural.people import Rng
from dmvton_mobile.datasets.procedural.scene.palette import cloth_colours, hair_colour, skin_colour, wall_colour
from dmvton_mobile.datasets.procedural.scene.scene import (
    Arm,
    ArmPose,
    Backdrop,
    Body,
    Bottoms,
    CameraSettings,
    Face,
    Hair,
    HairStyle,
    Light,
    LowerBody,
    Person,
    Pose,
    Room,
)

Choice = TypeVar("Choice")

# Shares of everything that comes in kinds; their order is part of the renderer's version.
_KINDS = {
    GarmentKind.TANK: 0.14,
    GarmentKind.TEE: 0.3,
    GarmentKind.LONG_SLEEVE: 0.22,
    GarmentKind.HOODIE: 0.15,
    GarmentKind.SHIRT: 0.19,
}
_NECKLINES = {
    Neckline.CREW: 0.4,
    Neckline.V: 0.25,
    Neckline.SCOOP: 0.2,
    Neckline.BOAT: 0.08,
    Neckline.SQUARE: 0.07,
}
_TEXTILES = {
    Textile.PLAIN: 0.2,
    Textile.STRIPES: 0.16,
    Textile.CHECKS: 0.1,
    Textile.DOTS: 0.08,
    Textile.GRADIENT: 0.08,
    Textile.NOISE: 0.1,
    Textile.BLOSSOMS: 0.07,
    Textile.BLOCKS: 0.06,
    Textile.LOGO: 0.08,
    Textile.LETTERING: 0.07,
}
_HAIR_STYLES = {
    HairStyle.BALD: 0.06,
    HairStyle.CROPPED: 0.14,
    HairStyle.SHORT: 0.18,
    HairStyle.BOB: 0.15,
    HairStyle.LONG: 0.25,
    HairStyle.BUN: 0.07,
    HairStyle.AFRO: 0.08,
    HairStyle.PONYTAIL: 0.07,
}
_ARM_POSES = {
    ArmPose.DOWN: 0.4,
    ArmPose.AWAY: 0.16,
    ArmPose.HIP: 0.12,
    ArmPose.CROSSED: 0.12,
    ArmPose.FRONT: 0.07,
    ArmPose.RAISED: 0.07,
    ArmPose.BEHIND: 0.06,
}
_LOWER_BODIES = {
    LowerBody.JEANS: 0.4,
    LowerBody.TROUSERS: 0.3,
    LowerBody.SHORTS: 0.14,
    LowerBody.SKIRT: 0.16,
}
_BACKDROPS = {
    Backdrop.PLAIN: 0.3,
    Backdrop.GRADIENT: 0.2,
    Backdrop.TEXTURE: 0.18,
    Backdrop.CLUTTER: 0.18,
    Backdrop.STREET: 0.14,
}


def sample_person(rng: Rng, photos: bool = False) -> Person:
    """Samples a person in a pose, a room and a light.

    Args:
        rng: The person's random numbers.
        photos: Whether there are photos to stand before; 70 % of the people do then. Nothing else about them changes.
    """
    return Person(
        body=_body(rng),
        face=_face(rng),
        hair=_hair(rng),
        pose=_pose(rng),
        bottoms=_bottoms(rng),
        tucked=bool(rng.random() < 0.2),
        light=_light(rng),
        room=_room(rng, photos),
        camera=_camera(rng),
        wrinkles=_seed(rng),
    )


def sample_garment(rng: Rng) -> GarmentDesign:
    """Samples a garment's design: its kind and neckline first, then what they leave open."""
    kind = _choose(rng, _KINDS)
    neckline = _choose(rng, _NECKLINES)
    if kind in (GarmentKind.HOODIE, GarmentKind.SHIRT):
        neckline = Neckline.CREW if kind is GarmentKind.HOODIE else Neckline.V
    width, depth = {
        Neckline.CREW: ((0.3, 0.38), (0.14, 0.28)),
        Neckline.V: ((0.28, 0.36), (0.4, 0.85)),
        Neckline.SCOOP: ((0.36, 0.46), (0.4, 0.7)),
        Neckline.BOAT: ((0.46, 0.56), (0.1, 0.18)),
        Neckline.SQUARE: ((0.36, 0.44), (0.35, 0.55)),
    }[neckline]
    if kind is GarmentKind.SHIRT:
        depth = (0.25, 0.5)
    sleeve = {
        GarmentKind.TANK: 0.0,
        GarmentKind.TEE: rng.uniform(0.22, 0.5),
        GarmentKind.LONG_SLEEVE: rng.uniform(0.68, 1.0),
        GarmentKind.HOODIE: rng.uniform(0.95, 1.02),
        GarmentKind.SHIRT: _choose(rng, {0.97: 0.6, 0.42: 0.4}),
    }[kind]
    loose = kind is GarmentKind.HOODIE
    fit = rng.uniform(0.08, 0.22) if loose else rng.choice([rng.uniform(0.0, 0.05), rng.uniform(0.05, 0.2)])
    return GarmentDesign(
        kind=kind,
        neckline=neckline,
        neck_width=rng.uniform(*width),
        neck_depth=rng.uniform(*depth),
        length=float(
            rng.choice([rng.uniform(1.75, 2.1), rng.uniform(2.3, 2.8), rng.uniform(2.8, 3.2)], p=[0.17, 0.63, 0.2])
        ),
        hem_curve=rng.uniform(0.0, 0.18) if kind is GarmentKind.SHIRT else rng.uniform(-0.03, 0.06),
        fit=float(fit),
        drop=float(np.clip(fit * 5 + rng.uniform(-0.3, 0.4), 0, 1)),
        strap=rng.uniform(0.55, 0.82),
        sleeve=float(sleeve),
        sleeve_ease=float(fit * rng.uniform(0.3, 0.8) + rng.uniform(0.02, 0.06)),
        sleeve_angle=rng.uniform(0.42, 0.8) if sleeve > 0.55 else rng.uniform(0.7, 1.2),
        textile=_choose(rng, _TEXTILES),
        colours=cloth_colours(rng),
        scale=rng.uniform(0.5, 1.6),
        angle=float(rng.choice([0.0, np.pi / 2, rng.uniform(-0.9, 0.9)], p=[0.45, 0.3, 0.25])),
        pocket=bool(rng.random() < 0.25),
        contrast_sleeves=bool(rng.random() < 0.12),
        paper=(lambda v, t: (v + t, v, v - t))(rng.uniform(0.88, 1.0), rng.uniform(-0.015, 0.015)),
        spread=rng.uniform(0.84, 0.95),
        seed=_seed(rng),
    )


def _body(rng: Rng) -> Body:
    """Measures that follow from a frame (0 is narrow shoulders and wide hips, 1 the other way) and a weight."""
    frame, weight = rng.uniform(0, 1), rng.beta(2, 2.6)
    chest = 0.56 + 0.08 * frame + 0.26 * weight
    return Body(
        skin=skin_colour(rng),
        shoulder=0.68 + 0.2 * frame + 0.1 * weight + rng.uniform(-0.02, 0.04),
        chest=chest,
        waist=0.42 + 0.1 * frame + 0.42 * weight + rng.uniform(-0.03, 0.03),
        hip=0.55 + 0.28 * weight + 0.1 * (1 - frame) + rng.uniform(-0.02, 0.04),
        neck=0.19 + 0.05 * frame + 0.06 * weight,
        arm=0.135 + 0.03 * frame + 0.075 * weight,
        leg=0.3 + 0.03 * (1 - frame) + 0.16 * weight,
        torso=rng.uniform(2.3, 2.65),
        head=rng.uniform(0.345, 0.4) + 0.03 * weight,
        jaw=float(np.clip(frame + rng.uniform(-0.3, 0.3), 0, 1)),
        arm_length=rng.uniform(0.94, 1.06),
    )


def _face(rng: Rng) -> Face:
    """Features, each independent of the others; 25 % have a beard, 15 % glasses."""
    irises = ((0.25, 0.16, 0.1), (0.35, 0.25, 0.14), (0.28, 0.4, 0.5), (0.3, 0.42, 0.28), (0.12, 0.08, 0.06))
    return Face(
        iris=irises[int(rng.integers(len(irises)))],
        lips=(rng.uniform(0.55, 0.85), rng.uniform(0.25, 0.45), rng.uniform(0.28, 0.45)),
        brow=rng.uniform(0.4, 1.2),
        beard=float(rng.choice([0.0, rng.uniform(0.3, 1.0)], p=[0.75, 0.25])),
        glasses=bool(rng.random() < 0.15),
        smile=rng.uniform(-0.2, 1.0),
        eye=rng.uniform(0.85, 1.2),
    )


def _hair(rng: Rng) -> Hair:
    """A style and its numbers; 40 % have a fringe."""
    style = _choose(rng, _HAIR_STYLES)
    return Hair(
        style=style,
        colour=hair_colour(rng),
        volume=rng.uniform(0.5, 1.3),
        length=rng.uniform(0.9, 2.3) if style is HairStyle.LONG else rng.uniform(0.35, 0.7),
        parting=rng.uniform(-0.6, 0.6),
        fringe=float(rng.choice([0.0, rng.uniform(0.4, 1.0)], p=[0.6, 0.4])),
        in_front=bool(rng.random() < 0.65),
        wave=rng.uniform(0.0, 1.0),
        seed=_seed(rng),
    )


def _arm(rng: Rng, pose: ArmPose, layer: int) -> Arm:
    """The angles (radians) and lengths (heads) that the pose leaves open."""
    ranges = {  # upper, bend, shares that foreshortening leaves of the lengths
        ArmPose.DOWN: ((0.05, 0.22), (-0.05, 0.25), (0.96, 1.0), (0.9, 1.0)),
        ArmPose.AWAY: ((0.3, 0.95), (-0.25, 0.5), (0.9, 1.0), (0.85, 1.0)),
        ArmPose.HIP: ((0.55, 0.85), (1.35, 1.75), (0.85, 0.98), (0.72, 0.88)),
        ArmPose.CROSSED: ((0.1, 0.3), (1.55, 2.1), (0.8, 0.92), (0.8, 0.95)),
        ArmPose.FRONT: ((0.12, 0.4), (1.9, 2.75), (0.75, 0.95), (0.55, 0.95)),
        ArmPose.RAISED: ((1.5, 2.7), (-1.3, 0.2), (0.85, 1.0), (0.8, 1.0)),
        ArmPose.BEHIND: ((0.2, 0.45), (0.6, 1.2), (0.9, 1.0), (0.75, 0.95)),
    }
    upper, bend, upper_length, forearm_length = (rng.uniform(*span) for span in ranges[pose])
    return Arm(pose, upper, bend, 1.3 * upper_length, 1.12 * forearm_length, -1 if pose is ArmPose.BEHIND else layer)


def _pose(rng: Rng) -> Pose:
    """Two arms, of one pose every other time, and the turn, lean and tilt of torso and head."""
    left = _choose(rng, _ARM_POSES)
    right = left if rng.random() < 0.5 else _choose(rng, _ARM_POSES)
    if right is ArmPose.CROSSED and rng.random() < 0.8:
        left = right
    left_layer = int(rng.random() < 0.5)
    turn = rng.normal(0, 0.28)
    return Pose(
        left=_arm(rng, left, left_layer),
        right=_arm(rng, right, 1 - left_layer),
        turn=float(np.clip(turn, -0.7, 0.7)),
        lean=rng.normal(0, 0.035),
        roll=rng.normal(0, 0.05),
        head_tilt=rng.normal(0, 0.09),
        head_turn=float(np.clip(turn * 0.6 + rng.normal(0, 0.2), -0.8, 0.8)),
        hip_shift=rng.normal(0, 0.07),
        stance=rng.uniform(0.0, 0.25),
    )


def _bottoms(rng: Rng) -> Bottoms:
    """Kind, colour and cut; jeans are blue."""
    kind = _choose(rng, _LOWER_BODIES)
    denim = (rng.uniform(0.12, 0.4), rng.uniform(0.2, 0.5), rng.uniform(0.35, 0.65))
    colour = denim if kind is LowerBody.JEANS else cloth_colours(rng)[int(rng.integers(2))]
    return Bottoms(kind, colour, rise=rng.uniform(-0.12, 0.3), width=rng.uniform(0.02, 0.16), seed=_seed(rng))


def _light(rng: Rng) -> Light:
    """A key light from above, to either side."""
    return Light(rng.uniform(-1.1, 1.1), rng.uniform(0.5, 0.82), rng.normal(0, 0.035), rng.uniform(0.5, 1.3))


def _room(rng: Rng, photos: bool) -> Room:
    """A kind of backdrop and its colours."""
    backdrop = _choose(rng, _BACKDROPS)
    at_photo, photo = rng.random() < 0.7, rng.random()  # drawn without photos, too: the person stays the same
    colours = (wall_colour(rng), wall_colour(rng), cloth_colours(rng)[0])
    return Room(Backdrop.PHOTO if photos and at_photo else backdrop, colours, photo, _seed(rng))


def _camera(rng: Rng) -> CameraSettings:
    """A frame 4.6 to 7.7 heads high, a lens (25 % are soft) and a sensor (25 % are noisy)."""
    return CameraSettings(
        head=float(rng.choice([rng.uniform(0.165, 0.215), rng.uniform(0.13, 0.165)], p=[0.8, 0.2])),
        shift=rng.normal(0, 0.03),
        headroom=rng.uniform(0.01, 0.09),
        blur=float(rng.choice([rng.uniform(0.0, 0.35), rng.uniform(0.35, 0.8)], p=[0.75, 0.25])),
        noise=float(rng.choice([rng.uniform(0.0, 0.008), rng.uniform(0.008, 0.025)], p=[0.75, 0.25])),
        quality=int(rng.integers(78, 97)),
        exposure=rng.uniform(0.85, 1.12),
        seed=_seed(rng),
    )


def _choose(rng: Rng, weights: Mapping[Choice, float]) -> Choice:
    """One of the choices, by weight."""
    shares = np.array(list(weights.values()))
    return list(weights)[int(rng.choice(len(shares), p=shares / shares.sum()))]


def _seed(rng: Rng) -> int:
    return int(rng.integers(2**31))
