"""What is drawn: the person, the pose, the garment, the room, the light, the camera. Numbers only, no pixels.

Lengths are in heads (the height of the person's head, about 23 cm) unless a name says otherwise; angles in radians.
Everything here is a plain record, so a scene can be written down, compared and digested.
"""

from dataclasses import dataclass
from enum import StrEnum

import numpy as np

from dmvton_mobile.datasets.procedural.scene.palette import Colour

Rng = np.random.Generator


class GarmentKind(StrEnum):
    TANK = "tank"
    TEE = "tee"
    LONG_SLEEVE = "long sleeve"
    HOODIE = "hoodie"
    SHIRT = "shirt"


class Neckline(StrEnum):
    CREW = "crew"
    V = "v"
    SCOOP = "scoop"
    BOAT = "boat"
    SQUARE = "square"


class Textile(StrEnum):
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


class HairStyle(StrEnum):
    BALD = "bald"
    CROPPED = "cropped"
    SHORT = "short"
    BOB = "bob"
    LONG = "long"  # may fall over the garment
    BUN = "bun"
    AFRO = "afro"
    PONYTAIL = "ponytail"


class LowerBody(StrEnum):
    JEANS = "jeans"
    TROUSERS = "trousers"
    SHORTS = "shorts"
    SKIRT = "skirt"


class Backdrop(StrEnum):
    PLAIN = "plain"
    GRADIENT = "gradient"
    TEXTURE = "texture"
    CLUTTER = "clutter"
    STREET = "street"
    PHOTO = "photo"  # only with a folder of photos


class ArmPose(StrEnum):
    DOWN = "down"
    AWAY = "away"
    HIP = "hip"  # hand on the hip
    CROSSED = "crossed"  # in front of the torso
    FRONT = "front"  # forearm raised in front
    RAISED = "raised"
    BEHIND = "behind"  # forearm behind the back


@dataclass(frozen=True)
class Body:
    """Half-widths, and the length of the torso from the neck's base to the hips."""

    skin: Colour
    shoulder: float
    chest: float
    waist: float
    hip: float
    neck: float
    arm: float
    leg: float
    torso: float
    head: float  # half-width of the face
    jaw: float  # 0 round, 1 square
    arm_length: float


@dataclass(frozen=True)
class Face:
    iris: Colour
    lips: Colour
    brow: float
    beard: float  # 0 none, 1 full
    glasses: bool
    smile: float
    eye: float


@dataclass(frozen=True)
class Hair:
    style: HairStyle
    colour: Colour
    volume: float
    length: float
    parting: float
    fringe: float
    in_front: bool  # long hair before the shoulders, over the garment
    wave: float
    seed: int


@dataclass(frozen=True)
class Arm:
    """upper: angle of the upper arm from straight down, outwards. bend: of the forearm against it, inwards positive.
    Both lengths are what foreshortening leaves. layer: -1 behind the torso, else drawn in ascending order."""

    pose: ArmPose
    upper: float
    bend: float
    upper_length: float
    forearm_length: float
    layer: int


@dataclass(frozen=True)
class Pose:
    """turn: of the torso about its own axis, positive shows more of the person's right side (image left)."""

    left: Arm
    right: Arm
    turn: float
    lean: float
    roll: float  # of the shoulders
    head_tilt: float
    head_turn: float
    hip_shift: float
    stance: float


@dataclass(frozen=True)
class Bottoms:
    kind: LowerBody
    colour: Colour
    rise: float
    width: float
    seed: int


@dataclass(frozen=True)
class Garment:
    """length: from the neck's base to the hem. sleeve: share of the arm that is covered, 0 for none. fit: ease on
    either side of the body. drop: 0 clings to the waist, 1 hangs straight."""

    kind: GarmentKind
    neckline: Neckline
    neck_width: float
    neck_depth: float
    length: float
    hem_curve: float
    fit: float
    drop: float
    strap: float  # how much of the shoulder a tank covers
    sleeve: float
    sleeve_ease: float
    sleeve_angle: float  # in the flat picture, from straight down
    textile: Textile
    colours: tuple[Colour, Colour, Colour]
    scale: float
    angle: float
    pocket: bool
    contrast_sleeves: bool
    paper: Colour  # what the flat garment was photographed on
    spread: float  # share of the picture that the flat garment fills
    seed: int


@dataclass(frozen=True)
class Light:
    direction: float  # of the key light, 0 from straight above, positive from image right
    ambient: float
    warmth: float
    folds: float


@dataclass(frozen=True)
class Room:
    backdrop: Backdrop
    colours: tuple[Colour, Colour, Colour]
    photo: float  # which of the user's photos, as a share of their number
    seed: int


@dataclass(frozen=True)
class Camera:
    """head: pixels per head as a share of the picture's height. left, top: of the frame."""

    head: float
    shift: float
    headroom: float
    blur: float  # pixels, standard deviation
    noise: float  # of 1
    quality: int  # of the JPEG
    exposure: float
    seed: int


@dataclass(frozen=True)
class Person:
    body: Body
    face: Face
    hair: Hair
    pose: Pose
    bottoms: Bottoms
    tucked: bool
    light: Light
    room: Room
    camera: Camera
    wrinkles: int  # seed of the folds
