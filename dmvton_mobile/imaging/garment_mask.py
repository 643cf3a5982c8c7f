"""Where the garment is in its flat picture.

1. **Source.** A mask file if one is named; else the picture's alpha, unless it is opaque all over; else the picture's
   plain background (rule 3).
2. **Binary.** A value above 0.5 (of 1) is garment. Masks hold 255 for garment and 0 for background.
3. **From the background.** The picture is reduced to 512 pixels on its longer side. A pixel is perhaps garment where
   its CIELAB distance to the border's median colour exceeds 4 plus three times the border's own median distance.
   Small pieces are dropped and holes filled (a garment laid flat shows no background through itself). GrabCut (Rother
   et al., 2004) refines that guess in five rounds; its result is cleaned likewise and enlarged bilinearly to the
   picture's size.
4. **Problems.** A mask is unusable if less than 1 % or more than 95 % of the picture is garment, or if it seems
   inverted: most of the border is garment, and most of the centre is not. The border is a frame of 4 % of the shorter
   side.
"""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.imaging.decode import Picture, Pixels, read_mask

SEARCH_SIDE = 512  # pixels, the longer side of the picture that rule 3 works on
SEARCH_ROUNDS = 5  # of GrabCut
DIFFERS_ABOVE = 4.0  # CIELAB distance to the border's colour, for a border that is all of one colour
SMALLEST_PIECE = 0.1  # of the largest: smaller pieces are dust, labels, shadows

EMPTY_BELOW, FULL_ABOVE = 0.01, 0.95  # share of the picture
BORDER = 0.04  # thickness of the frame that should be background, as a share of the shorter side

Region = NDArray[np.bool_]  # [H, W], True is garment


class MaskSource(StrEnum):
    """What a garment's mask is read from."""

    FILE = "file"
    ALPHA = "alpha"
    BACKGROUND = "background"


@dataclass(frozen=True)
class GarmentMask:
    """A garment's mask.

    Attributes:
        mask: uint8 [H, W], 255 is garment, 0 is not.
        source: What it was read from.
    """

    mask: Pixels
    source: MaskSource


def find_garment_mask(picture: Picture, mask_path: Path | None = None) -> GarmentMask:
    """Rules 1 to 3: the garment's mask, at its picture's size.

    A mask that cannot be right is returned all the same; `mask_problem` names what is wrong with it.

    Args:
        picture: The garment's picture.
        mask_path: A mask file, which comes before everything else.

    Raises:
        ImageError: The file cannot be read, or has another size than the picture.
    """
    if mask_path is not None:
        return GarmentMask(_binary(read_mask(mask_path, picture.size)), MaskSource.FILE)
    if picture.alpha is not None and picture.alpha.min() < 255:
        return GarmentMask(_binary(picture.alpha), MaskSource.ALPHA)
    return GarmentMask(_from_background(picture.rgb), MaskSource.BACKGROUND)


def mask_problem(mask: Pixels) -> str | None:
    """Rule 4: what makes the mask unusable and what to do, as a sentence; None for a usable mask.

    Args:
        mask: uint8 [H, W], 255 is garment.
    """
    garment = mask > 255 * MASK_THRESHOLD
    share = float(garment.mean())
    height, width = garment.shape
    if share < EMPTY_BELOW:
        return f"The mask is empty: {share:.1%} of the picture is garment. Pass a mask that is white on the garment."
    if share > FULL_ABOVE:
        return f"The mask is full: {share:.1%} of the picture is garment. Pass a mask that is black on the background."
    centre = garment[height // 3 : height - height // 3, width // 3 : width - width // 3]
    if garment[_border(height, width)].mean() > 0.5 > centre.mean():
        return (
            "The mask seems inverted: the picture's border is garment, its centre is not. "
            "Pass it with black and white swapped."
        )
    return None


def _binary(mask: Pixels) -> Pixels:
    return np.where(mask > 255 * MASK_THRESHOLD, 255, 0).astype(np.uint8)


def _border(height: int, width: int) -> Region:
    thickness = max(2, round(BORDER * min(height, width)))
    border = np.ones((height, width), np.bool_)
    border[thickness:-thickness, thickness:-thickness] = False
    return border


def _from_background(rgb: Pixels) -> Pixels:
    """Rule 3."""
    height, width = rgb.shape[:2]
    scale = min(1.0, SEARCH_SIDE / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.uint8)
    border = _border(size[1], size[0])
    garment = _solid(_grab_cut(small, _solid(_unlike_border(small, border)), border))
    large = cv2.resize(garment.astype(np.float32), (width, height), interpolation=cv2.INTER_LINEAR)
    return np.where(large > 0.5, 255, 0).astype(np.uint8)


def _unlike_border(rgb: Pixels, border: Region) -> Region:
    """Where the picture's colour is not the border's."""
    lab = cv2.cvtColor(rgb.astype(np.float32) / 255, cv2.COLOR_RGB2LAB)
    distance = np.linalg.norm(lab - np.median(lab[border], axis=0), axis=2)
    return np.asarray(distance > DIFFERS_ABOVE + 3 * np.median(distance[border]))


def _solid(garment: Region) -> Region:
    """The large pieces of the garment, with their holes filled."""
    contours, _ = cv2.findContours(garment.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    areas = [cv2.contourArea(contour) for contour in contours]
    smallest = max(SMALLEST_PIECE * max(areas, default=0), 1)
    pieces = [contour for contour, area in zip(contours, areas, strict=True) if area >= smallest]
    solid = np.zeros(garment.shape, np.uint8)
    cv2.drawContours(solid, pieces, -1, 1, cv2.FILLED)
    return solid.astype(np.bool_)


def _grab_cut(rgb: Pixels, guess: Region, border: Region) -> Region:
    """GrabCut from the guess. Certain is what lies well inside it, and the part of the border that is well outside."""
    labels = np.where(guess, cv2.GC_PR_FGD, cv2.GC_PR_BGD).astype(np.uint8)
    seed = guess.astype(np.uint8)
    labels[cv2.erode(seed, np.ones((9, 9), np.uint8), borderValue=1) == 1] = cv2.GC_FGD
    labels[border & (cv2.dilate(seed, np.ones((5, 5), np.uint8)) == 0)] = cv2.GC_BGD
    foreground = np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
    if not foreground.any() or foreground.all():  # GrabCut needs some of both to model their colours
        return foreground
    cv2.setRNGSeed(0)  # its colour clusters start at random
    background_model, foreground_model = np.zeros((2, 1, 65))
    unused_rectangle = (0, 0, 1, 1)  # read only when it does not start from labels
    cv2.grabCut(rgb, labels, unused_rectangle, background_model, foreground_model, SEARCH_ROUNDS, cv2.GC_INIT_WITH_MASK)
    return np.isin(labels, (cv2.GC_FGD, cv2.GC_PR_FGD))
