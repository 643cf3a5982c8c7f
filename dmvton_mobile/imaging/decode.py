"""Picture files: decoding, refusals, writing. The apps follow the same rules.

Rules 1 and 2 of six; `window.py` holds rules 3 to 6.

1. **Decoding.** A picture decodes to 8-bit sRGB, [H, W, 3], row 0 at the top.

   - The EXIF orientation is applied.
   - An embedded colour profile is converted to sRGB; a picture without one is sRGB.
   - 16-bit samples keep their high byte (v >> 8: k * 257 gives k back, the rest is within one level of v / 257).
   - Grey repeats into three channels.
   - An animation gives its first frame.
   - Alpha is kept apart, 0 to 255; colours under it stay as stored, neither multiplied nor blended.

2. **Limits.** Each side has at least 32 pixels, the area at most 100 megapixels. The header decides, before any
   pixel is decoded.
"""

import io
import warnings
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms, ImageOps, UnidentifiedImageError

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file

MIN_SIDE = 32
MAX_PIXELS = 100_000_000
WRITERS: dict[str, tuple[str, dict[str, int]]] = {  # by suffix: Pillow's format and its options
    ".png": ("PNG", {}),
    ".jpg": ("JPEG", {"quality": 95}),
    ".jpeg": ("JPEG", {"quality": 95}),
}

Pixels = NDArray[np.uint8]


class ImageError(DmvtonError):
    """A picture or mask that cannot be read, used or written."""


@dataclass(frozen=True)
class Picture:
    """A decoded picture, upright.

    Attributes:
        rgb: uint8 [H, W, 3], sRGB.
        alpha: uint8 [H, W], 255 is opaque; None where the file has no alpha.
        path: The file that it was read from.
    """

    rgb: Pixels
    alpha: Pixels | None
    path: Path

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) in pixels."""
        return self.rgb.shape[0], self.rgb.shape[1]


def read_picture(path: Path) -> Picture:
    """Decodes a picture file by rules 1 and 2.

    Raises:
        ImageError: The file is missing, unreadable, damaged, no picture, or outside the limits.
    """
    path = Path(path)
    image, alpha = _decode(path)
    return Picture(np.array(image), None if alpha is None else np.array(alpha), path)


def read_mask(path: Path, size: tuple[int, int]) -> Pixels:
    """Decodes a garment's mask: its alpha where that is not opaque all over, else its luminance.

    Luminance is ITU-R 601: 0.299 R + 0.587 G + 0.114 B.

    Args:
        path: The mask file.
        size: (height, width) of the garment's picture, which the mask must have, too.

    Returns:
        uint8 [H, W], 255 is garment.

    Raises:
        ImageError: The file cannot be read or has another size.
    """
    picture = read_picture(path)
    if picture.size != size:
        raise ImageError(
            f"The mask {path} is {_size_text(picture.size)}, its garment is {_size_text(size)} (width x height). "
            "Export the mask at the garment's own size."
        )
    if picture.alpha is not None and picture.alpha.min() < 255:  # editors add an opaque alpha to plain masks
        return picture.alpha
    return np.array(Image.fromarray(picture.rgb).convert("L"))


def write_picture(path: Path, rgb: Pixels) -> None:
    """Writes a picture as PNG or JPEG (quality 95), by its suffix. The whole file is written, or none of it.

    Args:
        path: The file; an earlier one is replaced.
        rgb: uint8 [H, W, 3].

    Raises:
        ImageError: The suffix is unknown, or the file cannot be written.
        DmvtonError: The disk is full.
    """
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
    with _open(path) as image:
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
        except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
            raise ImageError(_damaged(path, error)) from error


def _open(path: Path) -> Image.Image:
    """The file with its header read and no pixel decoded."""
    if path.is_dir():
        raise ImageError(f"{path} is a folder. Name one picture file in it.")
    if not path.exists():
        raise ImageError(f"There is no file {path}. Check the path.")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # rule 2 is stricter
            return Image.open(path)
    except Image.DecompressionBombError as error:
        raise ImageError(_too_large(path)) from error
    except UnidentifiedImageError as error:
        raise ImageError(f"{path} is not a picture that can be read here. Save it as JPEG or PNG.") from error
    except PermissionError as error:
        raise ImageError(f"{path} may not be read. Change its permissions.") from error
    except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
        raise ImageError(_damaged(path, error)) from error


def _to_8_bits(image: Image.Image, path: Path) -> Image.Image:
    """Rule 1 for grey of more than 8 bits; Pillow itself keeps the high byte of 16-bit colour."""
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


def _damaged(path: Path, error: Exception) -> str:
    reason = " ".join(str(error).split()) or type(error).__name__
    return f"{path} is damaged or cut short ({reason}). Export or download it again."


def _size_text(size: tuple[int, int]) -> str:
    height, width = size
    return f"{width}x{height}"
