"""Pictures in and out: the one written rule for decoding, cropping, resizing and scaling. The apps follow it too.

1. Decode to 8-bit sRGB, [H, W, 3], row 0 at the top. The EXIF orientation is applied. An embedded colour profile is
   converted to sRGB; a picture without one is sRGB. 16-bit samples keep their high byte (v >> 8: k * 257 gives k back,
   the rest is within one level of v / 257). Grey repeats into three channels. Of an animation, the first frame.
   Alpha is kept apart, 0 to 255; colours under it stay as stored, neither multiplied nor blended.
2. Sides are at least 32 pixels, the area at most 100 megapixels; the header decides, before any pixel is decoded.
3. Person: the largest window with width : height = 3 : 4 that fits, whole pixels rounded down; centred horizontally
   (left = (W - w) div 2), at the top vertically (top = 0): what a standing person may lose is the feet, never the head.
4. Garment: never cropped. The smallest 3 : 4 canvas that holds it, whole pixels rounded up, with the garment in the
   middle (left = -((w - W) div 2), likewise top). Padding is white in the picture and 0 in the mask.
5. Cut first, then resize: nothing outside the window is seen by the filter. The filter is Pillow's BILINEAR: a triangle
   over input pixels, centred on the output pixel's centre ((i + 0.5) * in / out), reaching max(1, in / out) to either
   side, weights normalised to sum 1, cut off at the window's border. Horizontal pass, round to 8 bits, vertical pass,
   round to 8 bits.
6. Divide by 255: float32 in [0, 1], NCHW, channels R, G, B. Mean, deviation and mask threshold are inside the graphs.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dmvton_mobile.contract import ASPECT, DEFAULT_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file

MIN_SIDE = 32
MAX_PIXELS = 100_000_000
WRITERS: dict[str, tuple[str, dict[str, int]]] = {
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
}
_PADDING = {2: 0, 3: 255}  # by number of dimensions: a mask's is empty, a picture's white

Pixels = NDArray[np.uint8]


class ImageError(DmvtonError):
    """A picture or mask that cannot be read, used or written."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    rgb: uint8 [H, W, 3], sRGB. alpha: uint8 [H, W], 255 opaque, or None where the file has none.
    """

    rgb: Pixels
    alpha: Pixels | None
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


@dataclass(frozen=True)
class Window:
    """A rectangle of a picture, in its pixels. It may reach outside (left or top below 0): that part is padding."""

    left: int
    top: int
    width: int
    height: int

    def inside(self, height: int, width: int) -> bool:
        """Whether a picture of height x width holds all of it."""
        fits_vertically = 0 <= self.top and self.top + self.height <= height
        return fits_vertically and 0 <= self.left and self.left + self.width <= width

    def cut(self, pixels: Pixels) -> Pixels:
        """The window of pixels [H, W, 3] or [H, W], padded white or 0 where it reaches outside."""
        height, width = pixels.shape[:2]
        if self.inside(height, width):
            return pixels[self.top : self.top + self.height, self.left : self.left + self.width]
        left, top = max(self.left, 0), max(self.top, 0)
        right, bottom = min(self.left + self.width, width), min(self.top + self.height, height)
        cut = np.full((self.height, self.width, *pixels.shape[2:]), _PADDING[pixels.ndim], np.uint8)
        if left < right and top < bottom:
            rows = slice(top - self.top, bottom - self.top)
            cut[rows, left - self.left : right - self.left] = pixels[top:bottom, left:right]
        return cut


def read_picture(path: Path) -> Picture:
    """The picture in the file, upright, 8-bit sRGB, alpha apart. Raises ImageError."""
    path = Path(path)
    image, alpha = _decode(path)
    return Picture(np.array(image), None if alpha is None else np.array(alpha), path)


def read_mask(path: Path, size: tuple[int, int]) -> Pixels:
    """The mask in the file: uint8 [H, W], 255 is garment. size is the garment picture's (height, width).

    Its alpha where that says anything, else its luminance (ITU-R 601: 0.299 R + 0.587 G + 0.114 B). Raises ImageError.
    """
    picture = read_picture(path)
    if picture.size != size:
        raise ImageError(
            f"The mask {path} is {_size(picture.size)}, its garment is {_size(size)} (width x height). "
            "Export the mask at the garment's own size."
        )
    if picture.alpha is not None and picture.alpha.min() < 255:  # editors add an opaque alpha to plain masks
        return picture.alpha
    return np.array(Image.fromarray(picture.rgb).convert("L"))


def person_window(height: int, width: int) -> Window:
    """The window of a person's photo that the network sees: rule 3."""
    across, down = ASPECT
    if width * down >= height * across:
        window_width = height * across // down
        return Window((width - window_width) // 2, 0, window_width, height)
    return Window(0, 0, width, width * down // across)


def garment_canvas(height: int, width: int) -> Window:
    """The canvas of a garment's picture that the network sees: rule 4. Its left or top is 0 or below."""
    across, down = ASPECT
    if width * down >= height * across:
        canvas_height = -(-width * down // across)
        return Window(0, -((canvas_height - height) // 2), width, canvas_height)
    canvas_width = -(-height * across // down)
    return Window(-((canvas_width - width) // 2), 0, canvas_width, height)


def network_input(pixels: Pixels, window: Window, size: tuple[int, int] = DEFAULT_SIZE) -> NDArray[np.float32]:
    """What the network is fed: rules 5 and 6.

    pixels: a picture uint8 [H, W, 3] -> [1, 3, h, w], or a mask uint8 [H, W] -> [1, 1, h, w]; size is (h, w).
    """
    height, width = size
    image = Image.fromarray(np.ascontiguousarray(window.cut(pixels)))
    resized = np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float32) / np.float32(255)
    planes = resized[None] if resized.ndim == 2 else resized.transpose(2, 0, 1)
    return np.ascontiguousarray(planes[None])


def write_picture(path: Path, rgb: Pixels) -> None:
    """Writes rgb uint8 [H, W, 3] as PNG or JPEG (quality 95), by suffix: the whole file or none. Raises DmvtonError."""
    path = Path(path)
    if path.suffix.lower() not in WRITERS:
        raise ImageError(f"Cannot write {path}: the suffix {path.suffix!r} is not one of {', '.join(WRITERS)}.")
    image_format, options = WRITERS[path.suffix.lower()]
    try:
        with atomic_file(path, overwrite=True) as partial:
            Image.fromarray(np.ascontiguousarray(rgb)).save(partial, image_format, **options)
    except OSError as error:
        raise ImageError(f"Cannot write {path}: {error.strerror or error}. Choose another name or folder.") from error


def _decode(path: Path) -> tuple[Image.Image, Image.Image | None]:
    """The first frame, upright: 8-bit sRGB (mode RGB), and its alpha (mode L) where it has one."""
    if path.is_dir():
        raise ImageError(f"{path} is a folder. Name one picture file in it.")
    if not path.exists():
        raise ImageError(f"There is no file {path}. Check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter, below
            image = Image.open(path)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(path)) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not a picture that can be read here. Save it as JPEG or PNG.") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read. Change its permissions.") from error
    except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
        raise ImageError(_unreadable(path, error)) from error
    with image:
        if min(image.size) < MIN_SIDE:
            raise ImageError(
                f"{path} is only {image.width}x{image.height}; each side needs {MIN_SIDE} pixels or more. "
                "Use a larger picture."
            )
        if image.width * image.height > MAX_PIXELS:
            raise ImageError(_too_large(path))
        try:
            profile = image.info.get("icc_profile")
            upright = _to_8_bits(ImageOps.exif_transpose(image), path)
            alpha = upright.convert("RGBA").getchannel("A") if upright.has_transparency_data else None
            return _to_srgb(upright, profile), alpha
        except ImageError:
            raise
        except Exception as error:  # as above
            raise ImageError(_unreadable(path, error)) from error


def _to_8_bits(image: Image.Image, path: Path) -> Image.Image:
    """Rule 1 for grey of more than 8 bits; Pillow keeps the high byte of 16-bit colour by itself."""
    if not image.mode.startswith(("I", "F")):
        return image
    values = np.array(image)
    if values.dtype.kind == "f" or values.min() < 0 or values.max() > 0xFFFF:
        raise ImageError(
            f"{path} holds {image.mode!r} samples, whose range is not known. Save it with 8 or 16 bits per sample."
        )
    return Image.fromarray((values.astype(np.uint16) >> 8).astype(np.uint8))


def _to_srgb(image: Image.Image, profile: bytes | None) -> Image.Image:
    """Mode RGB, through the profile, unless that is sRGB already, damaged, or of another kind than the picture."""
    colours = image if image.mode == "CMYK" else image.convert("RGB")
    try:
        source = ImageCms.getOpenProfile(io.BytesIO(profile)) if profile else None
        if (
            source
            and source.profile.xcolor_space.strip() == colours.mode
            and "sRGB" not in ImageCms.getProfileDescription(source)
        ):
            converted = ImageCms.profileToProfile(colours, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
            assert converted is not None  # None only where it converts in place
            return converted
    except ImageCms.PyCMSError:
        pass
    return colours.convert("RGB")


def _too_large(path: Path) -> str:
    return f"{path} is larger than {MAX_PIXELS // 1_000_000} megapixels. Scale it down first."


def _unreadable(path: Path, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{path} is damaged or cut short ({reason}). Export or download it again."


def _size(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width}x{height}"
