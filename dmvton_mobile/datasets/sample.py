"""One sample type for every dataset: a person and a garment, with shapes, ranges and label ids.

Every reader yields `TryOnSample`, whatever its files look like; `collate` makes a batch of the same type. H and W are
the network's size (256x192 by default). Pixels are counted from 0 at the centre of the top left one.
"""

from collections.abc import Sequence
from dataclasses import dataclass, fields, is_dataclass
from enum import IntEnum
from typing import Any, TypeVar

import torch
from torch import Tensor

from dmvton_mobile.errors import DmvtonError

KEYPOINTS = 18  # OpenPose's COCO body: nose, neck, right arm, left arm, right leg, left leg, eyes, ears
DENSEPOSE_IDS = 25  # 0 background, then the 24 parts of the body's surface
LABEL_IDS = 14  # ids 0 to 13
OTHER_GARMENT = 2  # a label id, as 3: bags and the like, which no network uses


class DataError(DmvtonError):
    """A dataset, or a file of one, that cannot be read."""


class Label(IntEnum):
    """The ids of a label map that are used by name: VITON's parsing in ACGPN's order, which VITON's trainers read.

    Left and right are the person's own. The neck counts as face.
    """

    BACKGROUND = 0
    HAIR = 1
    UPPER_CLOTHES = 4
    LEFT_SHOE = 5
    RIGHT_SHOE = 6
    NOISE = 7  # upper clothes, by every trainer's first step; a sample has 4 in its place
    PANTS = 8
    LEFT_LEG = 9
    RIGHT_LEG = 10
    LEFT_ARM = 11
    FACE = 12
    RIGHT_ARM = 13


class DensePosePart(IntEnum):
    """The ids of a DensePose map that are used by name. Left and right are the person's own."""

    TORSO_BACK = 1
    TORSO_FRONT = 2
    RIGHT_HAND = 3
    LEFT_HAND = 4
    LEFT_FOOT = 5
    RIGHT_FOOT = 6
    RIGHT_THIGH = 9
    LEFT_THIGH = 10
    RIGHT_SHIN = 13
    LEFT_SHIN = 14
    LEFT_UPPER_ARM = 15
    RIGHT_UPPER_ARM = 16
    LEFT_UPPER_ARM_INNER = 17
    RIGHT_UPPER_ARM_INNER = 18
    LEFT_FOREARM = 19
    RIGHT_FOREARM = 20
    LEFT_FOREARM_INNER = 21
    RIGHT_FOREARM_INNER = 22
    HEAD_RIGHT = 23
    HEAD_LEFT = 24


@dataclass(frozen=True)
class Truth:
    """The ground truth of how a garment lies on a person, which is known of rendered people.

    Attributes:
        grid: float32 [2, H, W], a flow: the place in the garment's picture that each pixel of the person shows, x then
            y, where -1 and 1 are the centres of the first and last pixel; 0 where there is no garment.
        garment: float32 [1, H, W] in {0, 1}, where the garment is, even if an arm or hair hides it.
        visible: float32 [1, H, W] in {0, 1}, where the garment is seen.
    """

    grid: Tensor
    garment: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Unpaired:
    """Another garment for the same person.

    Attributes:
        garment_name: The garment's file name.
        garment: As in `TryOnSample`.
        garment_mask: As in `TryOnSample`.
        person: float32 [3, H, W], the same person, pose and light in this garment; None where nobody photographed that
            (every real dataset).
        truth: How this garment lies on them; None where `person` is.
    """

    garment_name: str
    garment: Tensor
    garment_mask: Tensor
    person: Tensor | None = None
    truth: Truth | None = None


@dataclass(frozen=True)
class TryOnSample:
    """A person, the garment they wear, and another one.

    In a batch every tensor has B in front, and every name is a tuple of B names.

    Attributes:
        person_name: The file name of the person's picture.
        garment_name: The file name of the garment's picture.
        person: float32 [3, H, W], RGB in [-1, 1].
        garment: float32 [3, H, W], RGB in [-1, 1], the whole flat picture with its background.
        garment_mask: float32 [1, H, W], coverage in [0, 1]; garment above 0.5.
        label: uint8 [H, W], `Label` ids; None where the dataset has no parsing (test sets).
        densepose: uint8 [H, W], 0 to 24; None as `label`.
        pose: float32 [18, 3], x and y in pixels of [H, W], and confidence; (0, 0, 0) for a keypoint not found; None as
            `label`.
        truth: How the garment lies on the person, or None.
        unpaired: Another garment, or None where there is no other.
    """

    person_name: str
    garment_name: str
    person: Tensor
    garment: Tensor
    garment_mask: Tensor
    label: Tensor | None = None
    densepose: Tensor | None = None
    pose: Tensor | None = None
    truth: Truth | None = None
    unpaired: Unpaired | None = None


AnySample = TypeVar("AnySample", TryOnSample, Unpaired, Truth)


def collate(samples: Sequence[AnySample]) -> AnySample:
    """Makes a batch of the samples' own type. A field that is None in one sample is None in the batch."""
    first = samples[0]
    return type(first)(
        **{field.name: _stack([getattr(sample, field.name) for sample in samples]) for field in fields(first)}
    )


def _stack(values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    if isinstance(values[0], Tensor):
        return torch.stack(values)
    return collate(values) if is_dataclass(values[0]) else tuple(values)
