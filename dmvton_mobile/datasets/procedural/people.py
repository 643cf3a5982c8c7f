"""Who is rendered: every person has a number within a split, and everything about them follows from it.

The split is part of the seed, so no person of one split can appear in another.
"""

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from dmvton_mobile.errors import DmvtonError

Rng = np.random.Generator

VERSION = 1  # of the renderer: another version samples other people


class Split(StrEnum):
    """What the people are for. `benchmark` is one fixed set: 512 people under seed 0."""

    TRAIN = "train"
    TEST = "test"
    BENCHMARK = "benchmark"

    @property
    def phase(self) -> str:
        """The phase under which a reader finds the split's files."""
        return "train" if self is Split.TRAIN else "test"


_ENTROPY = {Split.TRAIN: 0x7A11, Split.TEST: 0x7E57, Split.BENCHMARK: 0xBE7C}


@dataclass(frozen=True)
class People:
    """A set of rendered people: everything that their pixels depend on.

    Attributes:
        split: The split that they belong to.
        seed: Another seed samples other people.
        count: How many people, two or more.
        size: (height, width) of the pictures, in pixels.
        photos: Photos to stand before, besides the renderer's own backdrops.
        chosen: The people's indices, ascending; None for 0 to count - 1.

    Raises:
        DmvtonError: There are fewer than two people.
    """

    split: Split
    seed: int
    count: int
    size: tuple[int, int]
    photos: tuple[Path, ...] = ()
    chosen: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.count < 2:
            raise DmvtonError("Render two people or more: each is also shown in another one's garment.")
        assert self.chosen is None or len(self.chosen) == len(set(self.chosen)) == self.count
        assert self.chosen is None or list(self.chosen) == sorted(self.chosen)

    @property
    def indices(self) -> Sequence[int]:
        """The indices of all people, ascending."""
        return range(self.count) if self.chosen is None else self.chosen

    def garment_donor(self, index: int) -> int:
        """The person whose garment person `index` also wears: the next of the set, after the last the first."""
        return self.indices[(bisect_left(self.indices, index) + 1) % self.count]


def scene_rng(split: Split, seed: int, index: int, subject: str) -> Rng:
    """The random numbers of one subject of one person, the same whatever else is sampled.

    Args:
        split: The person's split.
        seed: The set's seed.
        index: The person's number.
        subject: "person" or "garment".
    """
    words = [VERSION, _ENTROPY[split], seed, index, *subject.encode()]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))


def seeded_rng(seed: int | list[int]) -> Rng:
    """The random numbers of one detail of a scene, from the seed that the scene has for it."""
    return np.random.Generator(np.random.PCG64(seed))
