"""From a picture to the network's input: the 3:4 window, the resize, the scaling. The apps follow the same rules.

Rules 3 to 6 of six; `decode.py` holds rules 1 and 2.

3. **Person's window.** The largest window with width : height = 3 : 4 that fits, whole pixels rounded down. It is
   centred horizontally (left = (W - w) div 2) and starts at the top (top = 0): a standing person may lose the feet,
   never the head.
4. **Garment's canvas.** A garment is never cropped. The canvas is the smallest 3 : 4 rectangle that holds it, whole
   pixels rounded up, with the garment in the middle (left = -((w - W) div 2), likewise top). Padding is white in the
   picture and 0 in the mask.
5. **Resize.** The window is cut first and resized then, so the filter sees nothing outside the window. The filter is
   Pillow's BILINEAR: a triangle over input pixels, centred on the output pixel's centre ((i + 0.5) * in / out),
   reaching max(1, in / out) to either side, its weights normalised to sum 1, cut off at the window's border. It runs
   horizontally, rounds to 8 bits, runs vertically, and rounds to 8 bits. Section 3 of docs/app-contract.md has its
   fixed-point arithmetic.
6. **Scale.** Values are divided by 255: float32 in [0, 1], NCHW, channels R, G, B. Mean, deviation and mask threshold
   are inside the graphs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmvton_mobile.contract import ASPECT, DEFAULT_SIZE
from dmvton_mobile.imaging.decode import Pixels

_PICTURE_PADDING, _MASK_PADDING = 255, 0  # white; no garment


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in the picture's pixels.

    It may reach outside the picture (left or top below 0, for instance): that part is padding.
    """

    left: int
    top: int
    width: int
    height: int

    def inside(self, height: int, width: int) -> bool:
        """Whether a picture of height x width pixels contains the whole window."""
        fits_vertically = 0 <= self.top and self.top + self.height <= height
        return fits_vertically and 0 <= self.left and self.left + self.width <= width

    def cut(self, pixels: Pixels) -> Pixels:
        """The window's pixels.

        Args:
            pixels: A picture, uint8 [H, W, 3], or a mask, uint8 [H, W].

        Returns:
            uint8 [height, width, 3] or [height, width]: a view where the window is inside the picture, else a copy,
            padded white (picture) or with 0 (mask).
        """
        height, width = pixels.shape[:2]
        if self.inside(height, width):
            return pixels[self.top : self.top + self.height, self.left : self.left + self.width]
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.left + self.width, width), min(self.top + self.height, height)
        padding = _PICTURE_PADDING if pixels.ndim == 3 else _MASK_PADDING
        cut = np.full((self.height, self.width, *pixels.shape[2:]), padding, np.uint8)
        if left < right and top < bottom:
            rows = slice(top - self.top, bottom - self.top)
            cut[rows, left - self.left : right - self.left] = pixels[top:bottom, left:right]
        return cut


def person_window(height: int, width: int) -> Window:
    """Rule 3: the window of a person's photo, height x width pixels, that the network sees."""
    across, down = ASPECT
    if width * down >= height * across:
        window_width = height * across // down
        return Window((width - window_width) // 2, 0, window_width, height)
    return Window(0, 0, width, width * down // across)


def garment_canvas(height: int, width: int) -> Window:
    """Rule 4: the canvas around a garment's picture, height x width pixels. Its left or top is 0 or below."""
    across, down = ASPECT
    if width * down >= height * across:
        canvas_height = -(-width * down // across)
        return Window(0, -((canvas_height - height) // 2), width, canvas_height)
    canvas_width = -(-height * across // down)
    return Window(-((canvas_width - width) // 2), 0, canvas_width, height)


def network_input(pixels: Pixels, window: Window, size: tuple[int, int] = DEFAULT_SIZE) -> NDArray[np.float32]:
    """Rules 5 and 6: what the network is fed.

    Args:
        pixels: A picture, uint8 [H, W, 3], or a mask, uint8 [H, W].
        window: The part of it that the network sees.
        size: (height, width) of the network's input.

    Returns:
        float32 in [0, 1]: [1, 3, height, width] of a picture, [1, 1, height, width] of a mask.
    """
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(window.cut(pixels)))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32) / np.float32(255)
    planes = resized[None] if resized.ndim == 2 else resized.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[None])
