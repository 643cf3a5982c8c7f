"""Contact sheets: images in a grid under column titles, for people to look at."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

_MARGIN, _HEADING_HEIGHT, _CAPTION_HEIGHT = 8, 26, 18  # pixels
_FONT_SIZE = 13
_INK, _PAPER, _UNKNOWN = (30, 30, 30), (255, 255, 255), (236, 236, 236)


@dataclass(frozen=True)
class SheetRow:
    """One row of a contact sheet.

    Attributes:
        images: One per column: [1, 3, H, W], RGB in [0, 1] (values outside are clamped); None is drawn as "not known".
        caption: A line of text below the images; None for no line.
    """

    images: Sequence[Tensor | None]
    caption: str | None = None


def contact_sheet(
    columns: Sequence[str], rows: Sequence[SheetRow], size: tuple[int, int], heading: str | None = None
) -> Image.Image:
    """Draws a contact sheet.

    Args:
        columns: Titles.
        rows: From top to bottom.
        size: Height and width of every image in pixels.
        heading: A line of text above the titles; None for no line.
    """
    height, width = size
    top = _HEADING_HEIGHT * (1 if heading is None else 2)
    row_heights = [height + _MARGIN + (0 if row.caption is None else _CAPTION_HEIGHT) for row in rows]
    sheet = Image.new("RGB", (_MARGIN + len(columns) * (width + _MARGIN), top + sum(row_heights)), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(_FONT_SIZE)
    lefts = [_MARGIN + column * (width + _MARGIN) for column in range(len(columns))]
    if heading is not None:
        draw.text((_MARGIN, 6), heading, _INK, font)
    for left, title in zip(lefts, columns, strict=True):
        draw.text((left, top - _HEADING_HEIGHT + 4), title, _INK, font)
    for row, row_height in zip(rows, row_heights, strict=True):
        for left, image in zip(lefts, row.images, strict=True):
            if image is None:
                draw.rectangle((left, top, left + width - 1, top + height - 1), _UNKNOWN)
                draw.text((left + 8, top + 8), "not known", _INK, font)
            else:
                sheet.paste(Image.fromarray(_pixels(image)), (left, top))
        if row.caption is not None:
            draw.text((_MARGIN, top + height + 1), row.caption, _INK, font)
        top += row_height
    return sheet


def _pixels(image: Tensor) -> NDArray[np.uint8]:
    levels = (image[0].float().clamp(0, 1) * 255).round().permute(1, 2, 0)
    return levels.cpu().numpy().astype(np.uint8)
