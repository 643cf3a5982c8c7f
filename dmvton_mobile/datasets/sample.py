"""One typed sample for every dataset: what a pair of person and garment is, with its shapes, ranges and label ids.

Every reader yields `TryOnSample`, whatever its files look like; `collate` makes a batch of the same type. H and W are
the network's size (256x192 by default); pixels are counted from 0 at the centre of the top left one.
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


class DataError(DmvtonError):
    """A dataset, or a file of one, that cannot be read."""


class Label(IntEnum):
    """The ids of a label map: VITON's parsing as rearranged by ACGPN, which every trainer of VITON reads. Left and
    right are the person's own. The neck counts as face."""

    BACKGROUND = 0
    HAIR = 1
    UPPER_CLOTHES = 4
    LEFT_SHOE = 5
    RIGHT_SHOE = 6
    NOISE = 7  # upper clothes, by every trainer's first step; a sample holds 4 in its place
    PANTS = 8
    LEFT_LEG = 9
    RIGHT_LEG = 10
    LEFT_ARM = 11
    FACE = 12
    RIGHT_ARM = 13


LABEL_IDS = 14  # ids 0 to 13; 2 and 3 are other garments (bag and the like), used by no network


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
    """How the garment lies on the person, where that is known exactly (rendered people).

    grid: float32 [2, H, W], a flow: where in the garment's picture each pixel of the person comes from, x then y, -1
    and 1 the centres of the first and last pixel. 0 where there is no garment.
    garment: float32 [1, H, W] in {0, 1}, where the garment is, be it hidden by an arm or hair.
    visible: float32 [1, H, W] in {0, 1}, where it is seen.
    """

    grid: Tensor
    garment: Tensor
    visible: Tensor


@dataclass(frozen=True)
class Unpaired:
    """Another garment for the same person.

    garment, garment_mask: as in `TryOnSample`. person: float32 [3, H, W], the same person, pose and light in this
    garment, and truth: how it lies on them; both None where nobody photographed that (every real dataset).
    """

    garment_name: str
    garment: Tensor
    garment_mask: Tensor
    person: Tensor | None = None
    truth: Truth | None = None


@dataclass(frozen=True)
class TryOnSample:
    """A person, the garment they wear, and another one. In a batch every tensor has B in front, every name is a tuple.

    person: float32 [3, H, W], RGB in [-1, 1].
    garment: float32 [3, H, W], RGB in [-1, 1], the whole flat picture, its background too.
    garment_mask: float32 [1, H, W], coverage in [0, 1]; garment above 0.5.
    label: uint8 [H, W], `Label` ids, or None where the dataset has no parsing (test sets).
    densepose: uint8 [H, W], 0 to 24, or None.
    pose: float32 [18, 3], x, y in pixels of [H, W] and confidence; (0, 0, 0) for a keypoint not found. Or None.
    truth: how the paired garment lies on the person, or None. unpaired: another garment, or None where there is none.
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
    """A batch of the samples' own type. A field that is None in one of them is None in the batch."""
    first = samples[0]
    return type(first)(
        **{field.name: _stacked([getattr(item, field.name) for item in samples]) for field in fields(first)}
    )


def _stacked(values: list[Any]) -> Any:
    if any(value is None for value in values):
        return None
    if isinstance(values[0], Tensor):
        return torch.stack(values)
    return collate(values) if is_dataclass(values[0]) else tuple(values)
