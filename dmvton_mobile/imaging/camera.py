"""A camera's frame as a picture, 8-bit sRGB, upright. The apps follow the same rules.

1. **Android** gives YUV 4:2:0 in three planes, each with a distance between rows and between samples, full range,
   ITU-R 601 (JFIF). Pixel (y, x) takes the chroma sample (y div 2, x div 2), not interpolated. With u and v less 128,
   and sums of integers shifted right by 16 bits, rounding down:

       R = Y + (91881 v + 32768 >> 16)
       G = Y + (-22554 u - 46802 v + 32768 >> 16)
       B = Y + (116130 u + 32768 >> 16)

   cut to 0 ... 255. U comes before V. A device's NV21 has V first in memory, which the planes' offsets account for.
2. **iOS** gives BGRA, four bytes a pixel, rows padded; alpha is dropped.
3. **Turning.** The frame is turned clockwise by the sensor's 0, 90, 180 or 270 degrees, then, for a camera that faces
   its user, mirrored left to right.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.imaging.decode import ImageError, Pixels

TURNS = (0, 90, 180, 270)  # degrees clockwise

Bytes = NDArray[np.uint8]


@dataclass(frozen=True)
class CameraPlane:
    """The samples of one channel: Y, U or V.

    Attributes:
        data: The plane's bytes, padding between rows and samples included.
        row_stride: Bytes from one row to the next.
        pixel_stride: Bytes from one sample to the next.
    """

    data: Bytes
    row_stride: int
    pixel_stride: int

    def samples(self, height: int, width: int) -> NDArray[np.int32]:
        """The plane's samples, int32 [height, width].

        Raises:
            ImageError: The plane is too short for that.
        """
        last = (height - 1) * self.row_stride + (width - 1) * self.pixel_stride
        if self.pixel_stride < 1 or self.row_stride < 1 + (width - 1) * self.pixel_stride or last >= self.data.size:
            raise ImageError(
                f"A plane of {self.data.size} bytes, {self.row_stride} from row to row and {self.pixel_stride} from "
                f"sample to sample, does not hold {width}x{height} samples."
            )
        places = np.arange(height)[:, None] * self.row_stride + np.arange(width)[None] * self.pixel_stride
        return self.data.reshape(-1)[places].astype(np.int32)


def yuv_to_rgb(y: CameraPlane, u: CameraPlane, v: CameraPlane, height: int, width: int) -> Pixels:
    """Rule 1: a YUV 4:2:0 frame of height x width pixels as uint8 [height, width, 3].

    Raises:
        ImageError: A plane is too short.
    """
    luma = y.samples(height, width)
    blue, red = (
        plane.samples((height + 1) // 2, (width + 1) // 2).repeat(2, 0).repeat(2, 1)[:height, :width] - 128
        for plane in (u, v)
    )
    channels = (
        luma + (91881 * red + 32768 >> 16),
        luma + (-22554 * blue - 46802 * red + 32768 >> 16),
        luma + (116130 * blue + 32768 >> 16),
    )
    return np.stack(channels, 2).clip(0, 255).astype(np.uint8)


def bgra_to_rgb(data: Bytes, row_bytes: int, height: int, width: int) -> Pixels:
    """Rule 2: a BGRA frame, row_bytes from row to row, as uint8 [height, width, 3].

    Raises:
        ImageError: There are too few bytes.
    """
    if row_bytes < 4 * width or data.size < (height - 1) * row_bytes + 4 * width:
        raise ImageError(
            f"{data.size} bytes, {row_bytes} from row to row, do not hold {width}x{height} pixels of BGRA."
        )
    places = np.arange(height)[:, None, None] * row_bytes + 4 * np.arange(width)[None, :, None] + [2, 1, 0]
    return data.reshape(-1)[places]


def upright(rgb: Pixels, degrees: int, *, mirrored: bool) -> Pixels:
    """Rule 3: the frame as its viewer sees it.

    Args:
        rgb: uint8 [H, W, 3], as the sensor sees it.
        degrees: Clockwise, one of TURNS.
        mirrored: Whether the camera faces its user.

    Returns:
        uint8 [H, W, 3], [W, H, 3] for a quarter turn.

    Raises:
        ImageError: The angle is another one.
    """
    if degrees not in TURNS:
        raise ImageError(f"A sensor is turned by one of {', '.join(map(str, TURNS))} degrees, not by {degrees}.")
    turned = np.rot90(rgb, -(degrees // 90))
    return np.ascontiguousarray(turned[:, ::-1] if mirrored else turned)
