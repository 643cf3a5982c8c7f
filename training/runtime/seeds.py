"""Random numbers as a pure function of their purpose, so that a resumed run draws what it would have drawn.

No random state passes from one step to the next, so none is saved.
"""

import hashlib
import random

import numpy as np
import torch


def derived_seed(*words: int | str) -> int:
    """Derives a seed of 63 bits from words that name a purpose, like (recipe.seed, "sample", epoch, index)."""
    digest = hashlib.sha256(" ".join(map(str, words)).encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def seed_everything(*words: int | str) -> None:
    """Seeds Python, NumPy and torch, on every device, with `derived_seed` of the words."""
    seed = derived_seed(*words)
    random.seed(seed)
    np.random.seed(seed % 2**32)
    torch.manual_seed(seed)
