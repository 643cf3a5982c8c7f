"""The sample sheet: a row per sample, a column per picture that the stage shows."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dmvton_mobile.utils.files import atomic_file

_MARGIN, _HEADING = 8, 26
_INK, _PAPER = (30, 30, 30), (255, 255, 255)


def write_preview(path: Path, pictures: Sequence[tuple[str, Tensor]]) -> None:
    """pictures: titled [B, 3, H, W] in [-1, 1], all of one size; replaces the file."""
    count, _, height, width = pictures[0][1].shape
    size = (_MARGIN + len(pictures) * (width + _MARGIN), _HEADING + count * (height + _MARGIN))
    sheet = Image.new("RGB", size, _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, (title, batch) in enumerate(pictures):
        left = _MARGIN + column * (width + _MARGIN)
        draw.text((left, 5), title, _INK, font)
        scaled = ((batch.float().clamp(-1, 1) + 1) * 127.5).round().permute(0, 2, 3, 1).cpu().numpy()
        for row, pixels in enumerate(scaled.astype(np.uint8)):
            sheet.paste(Image.fromarray(pixels), (left, _HEADING + row * (height + _MARGIN)))
    with atomic_file(path, overwrite=True) as partial:
        sheet.save(partial, "PNG")
