"""Random numbers as a pure function of what they are for, so that a resumed run draws what it would have drawn.

No random state is carried from one step to the next, and none needs to be saved.
"""

import hashlib
import random

import numpy as np
import torch


def derived_seed(*words: int | str) -> int:
    """63 bits that follow from the words alone."""
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_everything(*words: int | str) -> None:
    """Sets the random states of Python, NumPy and torch, on every device."""
    seed = derived_seed(*words)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
