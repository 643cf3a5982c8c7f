"""Who is who: every rendered person has a number in a split, and everything about them follows from it.

Splits are told apart inside the seed itself, so no person of one split can appear in another.
"""

from enum import StrEnum

import numpy as np

VERSION = 1  # of the renderer: another number draws other people


class Split(StrEnum):
    """What the people are for. `benchmark` is one fixed set: 512 people under seed 0."""

    TRAIN = "train"
    TEST = "test"
    BENCHMARK = "benchmark"


_ENTROPY = {Split.TRAIN: 0x7A11, Split.TEST: 0x7E57, Split.BENCHMARK: 0xBE7C}


def generator(split: Split, seed: int, index: int, subject: str) -> np.random.Generator:
    """The random numbers of one subject (`person`, `garment`) of pair `index`: the same whatever else is drawn."""
    words = [VERSION, _ENTROPY[split], seed, index, *subject.encode()]
    return np.random.Generator(np.random.PCG64(np.random.SeedSequence(words)))
