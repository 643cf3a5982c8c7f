"""Where the garment is in its flat picture: from a mask file, else its alpha, else told from its plain background."""

import textwrap
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.imaging.decode import Picture, Pixels, read_mask

EMPTY_BELOW, FULL_ABOVE = 0.01, 0.95  # share of the picture
BORDER = 0.04  # the frame that is expected to be background, as a share of the shorter side

SEARCH_SIDE = 512  # longer side of the picture that the background is told from
SEARCH_ROUNDS = 5
DIFFERS_ABOVE = 4.0  # CIELAB distance to the background, whose own spread is added
SMALLEST_PIECE = 0.1  # of the largest: smaller pieces are dust, labels, shadows

PANEL_HEIGHT = 480
SHEET_MARGIN = 16
TEXT_SIZE = 18


class MaskSource(StrEnum):
    FILE = "file"
    ALPHA = "alpha"
    BACKGROUND = "background"


@dataclass(frozen=True)
class GarmentMask:
    """mask: uint8 [H, W], 255 garment, 0 not; source: where it comes from."""

    mask: Pixels
    source: MaskSource


def find_garment_mask(picture: Picture, mask_path: Path | None = None) -> GarmentMask:
    """The garment's mask: the file's if one is named, else the alpha unless opaque all over, else from the background.

    Raises ImageError where the file cannot be read or has another size than the picture. A mask that cannot be right is
    returned all the same: ask `mask_problem`.
    """
    if mask_path is not None:
        return GarmentMask(_binary(read_mask(mask_path, picture.size)), MaskSource.FILE)
    if picture.alpha is not None and picture.alpha.min() < 255:
        return GarmentMask(_binary(picture.alpha), MaskSource.ALPHA)
    return GarmentMask(_from_background(picture.rgb), MaskSource.BACKGROUND)


def mask_problem(mask: Pixels) -> str | None:
    """What makes the mask (uint8 [H, W], 255 garment) unusable and what to do, as a sentence; None if nothing does."""
    garment = mask > 255 * MASK_THRESHOLD
    share = float(garment.mean())
    height, width = garment.shape
    if share < EMPTY_BELOW:
        return f"The mask is empty: {share:.1%} of the picture is garment. Pass a mask that is white on the garment."
    if share > FULL_ABOVE:
        return f"The mask is full: {share:.1%} of the picture is garment. Pass a mask that is black on the background."
    border = _border(height, width)
    centre = garment[height // 3 : height - height // 3, width // 3 : width - width // 3]
    if garment[border].mean() > 0.5 > centre.mean():
        return (
            "The mask seems inverted: the picture's border is garment, its centre is not. "
            "Pass it with black and white swapped."
        )
    return None


def warning_sheet(picture: Picture, garment_mask: GarmentMask, problem: str) -> Pixels:
    """Garment, mask and overlay side by side under the problem's sentence, for a person to look at: uint8 [h, w, 3]."""
    mask = garment_mask.mask
    tinted = picture.rgb.copy()
    outside = mask <= 255 * MASK_THRESHOLD
    tinted[outside] = tinted[outside] // 3 + np.array([150, 0, 90], np.uint8)
    height, width = picture.size
    panel_size = (max(1, round(width * PANEL_HEIGHT / height)), PANEL_HEIGHT)
    panels = [Image.fromarray(pixels).convert("RGB").resize(panel_size) for pixels in (picture.rgb, mask, tinted)]

    font = ImageFont.load_default(TEXT_SIZE)
    sheet_width = max(3 * panel_size[0] + 4 * SHEET_MARGIN, 640)
    lines = _wrap(problem, font, sheet_width - 2 * SHEET_MARGIN)
    lines += _wrap(f"{picture.path.name}, mask from: {garment_mask.source}", font, sheet_width - 2 * SHEET_MARGIN)
    line_height = round(TEXT_SIZE * 1.4)
    top = SHEET_MARGIN + line_height * len(lines) + SHEET_MARGIN
    sheet = Image.new("RGB", (sheet_width, top + PANEL_HEIGHT + SHEET_MARGIN), (236, 236, 236))
    draw = ImageDraw.Draw(sheet)
    for index, line in enumerate(lines):
        draw.text((SHEET_MARGIN, SHEET_MARGIN + index * line_height), line, fill=(20, 20, 20), font=font)
    for index, panel in enumerate(panels):
        sheet.paste(panel, (SHEET_MARGIN + index * (panel_size[0] + SHEET_MARGIN), top))
    return np.array(sheet)


def _binary(mask: Pixels) -> Pixels:
    return np.where(mask > 255 * MASK_THRESHOLD, 255, 0).astype(np.uint8)


def _border(height: int, width: int) -> NDArray[np.bool_]:
    """The picture's frame: bool [height, width]."""
    thickness = max(2, round(BORDER * min(height, width)))
    border = np.ones((height, width), np.bool_)
    border[thickness:-thickness, thickness:-thickness] = False
    return border


def _from_background(rgb: Pixels) -> Pixels:
    """The garment on a plain background: GrabCut (Rother 2004), started from what differs from the border's colour."""
    height, width = rgb.shape[:2]
    scale = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = cv2.resize(rgb, size, interpolation=cv2.INTER_AREA)
    lab = cv2.cvtColor(small.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    border = _border(size[1], size[0])
    distance = np.linalg.norm(lab - np.median(lab[border], axis=0), axis=2)
    differs = distance > DIFFERS_ABOVE + 3 * np.median(distance[border])
    guess = _solid(differs)

    labels = np.where(guess, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    # Certain is what lies well inside the guess, and the part of the border that the guess leaves out.
    seed = guess.astype(np.uint8)
    labels[cv2.erode(seed, np.ones((9, 9), np.uint8), borderValue=1) == 1] = cv2.GC_FGD
    labels[border & (cv2.dilate(seed, np.ones((5, 5), np.uint8)) == 0)] = cv2.GC_BGD
    foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if foreground.any() and not foreground.all():  # GrabCut needs some of both to model
        cv2.setRNGSeed(0)  # its colour clusters start at random
        models = np.zeros((2, 1, 65))  # GrabCut's own, of background and garment
        nowhere = (0, 0, 1, 1)  # not read when it starts from labels
        cv2.grabCut(small, labels, nowhere, models[0], models[1], SEARCH_ROUNDS, cv2.GC_INIT_WITH_MASK)
        foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    large = cv2.resize(_solid(foreground).astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(large > 0.5, 255, 0).astype(np.uint8)


def _solid(garment: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Its large pieces with their holes filled: a garment laid flat shows no background through itself."""
    contours, _ = cv2.findContours(garment.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    smallest = max(SMALLEST_PIECE * max(areas, default=0), 1)
    pieces = [contour for contour, area in zip(contours, areas, strict=True) if area >= smallest]
    solid = np.zeros(garment.shape, np.uint8)
    cv2.drawContours(solid, pieces, -1, 1, cv2.FILLED)
    return solid.astype(np.bool_)


def _wrap(text: str, font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int) -> list[str]:
    """The text in lines of about width pixels."""
    return textwrap.wrap(text, max(1, int(width * len(text) / font.getlength(text))))
