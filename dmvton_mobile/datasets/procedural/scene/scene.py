"""A person in a pose, a room, a light and before a camera. Numbers only, no pixels.

Lengths are in heads (the height of the person's head, about 23 cm) and angles in radians unless a field says otherwise.
Everything here is a plain record, so a scene can be written down, compared and digested. Field names are part of the
benchmark's digest of scenes; renaming one makes another benchmark.
"""

from dataclasses import dataclass
from enum import StrEnum

from dmvton_mobile.datasets.procedural.scene.palette import Colour


class HairStyle(StrEnum):
    """How the hair is worn."""

    BALD = "bald"
    CROPPED = "cropped"
    SHORT = "short"
    BOB = "bob"
    LONG = "long"  # may fall over the garment
    BUN = "bun"
    AFRO = "afro"
    PONYTAIL = "ponytail"


class LowerBody(StrEnum):
    """What is worn below."""

    JEANS = "jeans"
    TROUSERS = "trousers"
    SHORTS = "shorts"
    SKIRT = "skirt"


class Backdrop(StrEnum):
    """What the person stands before."""

    PLAIN = "plain"
    GRADIENT = "gradient"
    TEXTURE = "texture"
    CLUTTER = "clutter"
    STREET = "street"
    PHOTO = "photo"  # only with a folder of photos


class ArmPose(StrEnum):
    """Where an arm is."""

    DOWN = "down"
    AWAY = "away"
    HIP = "hip"  # hand on the hip
    CROSSED = "crossed"  # in front of the torso
    FRONT = "front"  # forearm raised in front
    RAISED = "raised"
    BEHIND = "behind"  # forearm behind the back


@dataclass(frozen=True)
class Body:
    """The measures of a body: half-widths, and two lengths.

    Attributes:
        skin: Its colour.
        shoulder: Half-width at the shoulders.
        chest: Half-width at the armpits.
        waist: Half-width at the waist.
        hip: Half-width at the hips.
        neck: Half-width of the neck.
        arm: Half-width of the upper arm.
        leg: Half-width of the thigh.
        torso: Length from the neck's base to the hips.
        head: Half-width of the face.
        jaw: 0 is round, 1 is square.
        arm_length: 1 is usual.
    """

    skin: Colour
    shoulder: float
    chest: float
    waist: float
    hip: float
    neck: float
    arm: float
    leg: float
    torso: float
    head: float
    jaw: float
    arm_length: float


@dataclass(frozen=True)
class Face:
    """The features of a face.

    Attributes:
        iris: Colour of the eyes.
        lips: Colour of the lips.
        brow: Thickness of the brows, 1 is usual.
        beard: 0 is none, 1 is full.
        glasses: Whether glasses are worn.
        smile: 0 is a straight mouth, 1 a wide smile.
        eye: Size of the eyes, 1 is usual.
    """

    iris: Colour
    lips: Colour
    brow: float
    beard: float
    glasses: bool
    smile: float
    eye: float


@dataclass(frozen=True)
class Hair:
    """The hair.

    Attributes:
        style: How it is worn.
        colour: Its colour.
        volume: How far it stands off the head, 1 is usual.
        length: How far long hair or a bob falls below the face.
        parting: -1 is at the image's left side of the face, 1 at its right side.
        fringe: 0 is none, 1 reaches the brows.
        in_front: Whether long hair falls before the shoulders, over the garment.
        wave: 0 is straight, 1 is wavy.
        seed: Of its strands.
    """

    style: HairStyle
    colour: Colour
    volume: float
    length: float
    parting: float
    fringe: float
    in_front: bool
    wave: float
    seed: int


@dataclass(frozen=True)
class Arm:
    """One arm as the camera sees it: lengths are what foreshortening leaves.

    Attributes:
        pose: Where the arm is.
        upper: Angle of the upper arm from straight down, outwards.
        bend: Angle of the forearm against the upper arm, inwards positive.
        upper_length: Length of the upper arm.
        forearm_length: Length of the forearm.
        layer: -1 is behind the torso; the others are drawn in ascending order.
    """

    pose: ArmPose
    upper: float
    bend: float
    upper_length: float
    forearm_length: float
    layer: int


@dataclass(frozen=True)
class Pose:
    """How the person stands.

    Attributes:
        left: The person's left arm.
        right: The person's right arm.
        turn: Of the torso about its own axis; positive shows more of the person's right side (image left).
        lean: Of the torso; positive puts the hips to image right of the neck.
        roll: How much higher one shoulder is; positive raises the person's left one.
        head_tilt: Of the head, to image right positive.
        head_turn: Of the head, to image right positive, about -1 to 1.
        hip_shift: How far the hips are moved to image right.
        stance: How far the legs are apart.
    """

    left: Arm
    right: Arm
    turn: float
    lean: float
    roll: float
    head_tilt: float
    head_turn: float
    hip_shift: float
    stance: float


@dataclass(frozen=True)
class Bottoms:
    """What is worn below.

    Attributes:
        kind: Jeans, trousers, shorts or a skirt.
        colour: Of the cloth.
        rise: How far the waistband is above its usual place.
        width: Looseness of the legs, or flare of the skirt.
        seed: Of the cloth's grain.
    """

    kind: LowerBody
    colour: Colour
    rise: float
    width: float
    seed: int


@dataclass(frozen=True)
class Light:
    """The key light and the rest.

    Attributes:
        direction: Of the key light; 0 is from straight above, positive from image right.
        ambient: Brightness where the key light does not reach, 0 to 1.
        warmth: Gain of red, and loss of blue; 0 is neutral.
        folds: How strongly folds show, 1 is usual.
    """

    direction: float
    ambient: float
    warmth: float
    folds: float


@dataclass(frozen=True)
class Room:
    """What the person stands before.

    Attributes:
        backdrop: Its kind.
        colours: Of walls, floor and things.
        photo: Which of the user's photos, as a share of their number.
        seed: Of everything random about it.
    """

    backdrop: Backdrop
    colours: tuple[Colour, Colour, Colour]
    photo: float
    seed: int


@dataclass(frozen=True)
class CameraSettings:
    """The frame, the lens and the sensor.

    Attributes:
        head: Pixels per head, as a share of the picture's height.
        shift: How far the person is right of the middle, as a share of the picture's width.
        headroom: Space above the head, as a share of the picture's height.
        blur: Standard deviation of the lens' blur, in pixels.
        noise: Standard deviation of the sensor's noise, of 1.
        quality: Of the JPEG, 0 to 100.
        exposure: Gain of all colours, 1 is neutral.
        seed: Of the noise.
    """

    head: float
    shift: float
    headroom: float
    blur: float
    noise: float
    quality: int
    exposure: float
    seed: int


@dataclass(frozen=True)
class Person:
    """A person, their surroundings, and the camera.

    Attributes:
        body: Their measures.
        face: Their face.
        hair: Their hair.
        pose: How they stand.
        bottoms: What they wear below.
        tucked: Whether the garment is tucked into it.
        light: How they are lit.
        room: What they stand before.
        camera: How they are photographed.
        wrinkles: Seed of the garment's folds.
    """

    body: Body
    face: Face
    hair: Hair
    pose: Pose
    bottoms: Bottoms
    tucked: bool
    light: Light
    room: Room
    camera: CameraSettings
    wrinkles: int
