"""Sizes on the command line: HEIGHTxWIDTH."""

import re

from dmvton_mobile.contract import SIZE_MULTIPLE, SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError

LARGEST_SIZE = 2048


def parse_size(text: str) -> tuple[int, int]:
    """(height, width). Raises DmvtonError for what no network takes."""
    found = re.fullmatch(r"(\d{1,5})x(\d{1,5})", text)
    size = (int(found[1]), int(found[2])) if found else (0, 0)
    if any(side % SIZE_MULTIPLE or not SMALLEST_SIZE <= side <= LARGEST_SIZE for side in size):
        raise DmvtonError(
            f"{text!r} is no size: write HEIGHTxWIDTH, like 256x192, both multiples of {SIZE_MULTIPLE} "
            f"from {SMALLEST_SIZE} to {LARGEST_SIZE}."
        )
    return size


def size_text(size: tuple[int, int]) -> str:
    return f"{size[0]}x{size[1]}"
