"""Text drawn on pictures for a person to read: a line on a try-on, a sheet about a doubtful mask."""

import textwrap

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.imaging.decode import Picture, Pixels
from dmvton_mobile.imaging.garment_mask import GarmentMask
from dmvton_mobile.imaging.window import Window

PANEL_HEIGHT = 480  # pixels, as the two below
SHEET_MARGIN = 16
TEXT_SIZE = 18


def stamp(picture: Pixels, window: Window, text: str) -> Pixels:
    """Draws a line of white text on a dark bar at the foot of the window.

    Args:
        picture: uint8 [H, W, 3]; it is not changed.
        window: A window inside the picture.
        text: One line.

    Returns:
        uint8 [H, W, 3], outside the window equal to the picture.
    """
    height = max(12, window.height // 24)
    canvas = Image.fromarray(window.cut(picture))
    draw = ImageDraw.Draw(canvas)
    draw.rectangle((0, window.height - 2 * height, window.width, window.height), fill=(40, 40, 40))
    draw.text((height, window.height - height), text, (255, 255, 255), ImageFont.load_default(height), anchor="lm")
    stamped = picture.copy()
    window.cut(stamped)[:] = np.asarray(canvas)  # a view: the window is inside
    return stamped


def warning_sheet(picture: Picture, garment_mask: GarmentMask, problem: str) -> Pixels:
    """Draws garment, mask and overlay side by side under a sentence that says what is wrong with the mask.

    Args:
        picture: The garment's picture.
        garment_mask: Its mask, of the same size.
        problem: The sentence, of `mask_problem`.

    Returns:
        uint8 [h, w, 3], at least 640 pixels wide.
    """
    mask = garment_mask.mask
    tinted = picture.rgb.copy()
    outside = mask <= 255 * MASK_THRESHOLD
    tinted[outside] = tinted[outside] // 3 + np.array([150, 0, 90], np.uint8)
    height, width = picture.size
    panel_size = (max(1, round(width * PANEL_HEIGHT / height)), PANEL_HEIGHT)
    panels = [Image.fromarray(pixels).convert("RGB").resize(panel_size) for pixels in (picture.rgb, mask, tinted)]

    font = ImageFont.load_default(TEXT_SIZE)
    sheet_width = max(3 * panel_size[0] + 4 * SHEET_MARGIN, 640)
    lines = _wrapped(problem, font, sheet_width - 2 * SHEET_MARGIN)
    lines += _wrapped(f"{picture.path.name}, mask from: {garment_mask.source}", font, sheet_width - 2 * SHEET_MARGIN)
    line_height = round(TEXT_SIZE * 1.4)
    top = SHEET_MARGIN + line_height * len(lines) + SHEET_MARGIN
    sheet = Image.new("RGB", (sheet_width, top + PANEL_HEIGHT + SHEET_MARGIN), (236, 236, 236))
    draw = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        draw.text((SHEET_MARGIN, SHEET_MARGIN + index * line_height), line, fill=(20, 20, 20), font=font)
    for index, panel in enumerate(panels):
        sheet.paste(panel, (SHEET_MARGIN + index * (panel_size[0] + SHEET_MARGIN), top))
    return np.array(sheet)


def _wrapped(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The text in lines of about width pixels."""
    return textwrap.wrap(text, max(1, int(width * len(text) / font.getlength(text))))
