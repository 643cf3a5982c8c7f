"""One file into one array, at the file's own size: pictures, masks, label maps, DensePose maps.

Pictures follow the rules of `imaging.decode`; maps hold ids, which are taken as they are stored. A file that cannot be
used is a DataError that names it and says what to do.
"""

import io
import warnings
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from dmvton_mobile.datasets.sample import DENSEPOSE_IDS, DataError
from dmvton_mobile.imaging.decode import MAX_PIXELS, ImageError, Pixels, read_picture

JPEG_BLUR = 0.01  # largest share of a JPEG map's pixels that may be no id; at quality 75 it is about 0.002


class ColouredIds(DataError):
    """A map that shows its ids as colours."""


def read_rgb(path: Path) -> Pixels:
    """A picture: uint8 [H, W, 3].

    Raises:
        DataError: It cannot be decoded, or is partly transparent.
    """
    try:
        picture = read_picture(path)
    except ImageError as error:
        raise DataError(str(error)) from error
    if picture.alpha is not None and picture.alpha.min() < 255:
        raise DataError(f"{path} is partly transparent; the picture of a dataset is opaque. Save it without alpha.")
    return picture.rgb


def read_grey(path: Path) -> Pixels:
    """A mask: uint8 [H, W], the luminance of a picture. Raises DataError as `read_rgb`."""
    return np.array(Image.fromarray(read_rgb(path)).convert("L"))


def read_ids(path: Path, count: int) -> Pixels:
    """A map of ids, from 8-bit grey, a palette's indices, or colour that is all grey.

    JPEG blurs ids: a value above the last id becomes the last, as long as those are few.

    Args:
        path: The map.
        count: Ids are 0 to count - 1.

    Returns:
        uint8 [H, W].

    Raises:
        ColouredIds: The map shows its ids as colours.
        DataError: The file cannot be decoded, has other samples, or holds other ids.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise _missing(path) from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", Image.DecompressionBombWarning)  # our own limit is stricter
            Image.open(io.BytesIO(content)).verify()  # the sums of a PNG, which reading its pixels passes over
            image = Image.open(io.BytesIO(content))
        if image.width * image.height <= MAX_PIXELS:
            image.load()
    except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
        raise DataError(f"{path} is damaged, or no picture ({_reason(error)}). Make it again.") from error
    if image.width * image.height > MAX_PIXELS:
        raise DataError(f"{path} is larger than {MAX_PIXELS // 1_000_000} megapixels. Scale it down first.")
    if image.mode not in ("L", "P", "RGB"):
        raise DataError(
            f"{path} holds {image.mode!r} samples; a map of ids is 8-bit grey or has a palette. Save it so."
        )
    values = np.array(image)
    if values.ndim == 3:
        if (values != values[..., :1]).any():
            raise ColouredIds(
                f"{path} is coloured, and its ids cannot be told from colours. Save the ids themselves, as grey."
            )
        values = values[..., 0]
    if image.format == "JPEG" and np.mean(values >= count) <= JPEG_BLUR:
        values = np.minimum(values, count - 1)
    return _in_range(values, count, path)


def read_densepose(path: Path) -> Pixels:
    """A DensePose map: uint8 [H, W], 0 to 24, from a .npy file of any number type or from a grey picture.

    Raises:
        DataError: The file cannot be read, is no 2-D array of numbers, or holds other ids.
    """
    if path.suffix != ".npy":
        return read_ids(path, DENSEPOSE_IDS)
    try:
        values = np.load(path, mmap_mode="r", allow_pickle=False)  # mapped: a header that lies allocates nothing
    except FileNotFoundError as error:
        raise _missing(path) from error
    except Exception as error:  # as above
        raise DataError(f"{path} is damaged, or no .npy file ({_reason(error)}). Make it again.") from error
    if not isinstance(values, np.ndarray) or values.ndim != 2 or not values.size or values.dtype.kind not in "buif":
        content = f"{values.dtype} of shape {values.shape}" if isinstance(values, np.ndarray) else "several arrays"
        raise DataError(f"{path} holds {content}; a DensePose map is one 2-D array of numbers. Make it again.")
    if values.size > MAX_PIXELS:
        raise DataError(f"{path} is larger than {MAX_PIXELS // 1_000_000} megapixels. Scale it down first.")
    return _in_range(np.asarray(values), DENSEPOSE_IDS, path)


def _in_range(values: NDArray[np.generic], count: int, path: Path) -> Pixels:
    with np.errstate(invalid="ignore"):
        ids = values.astype(np.uint8)
    wrong = (ids != values) | (ids >= count)
    if wrong.any():
        raise DataError(f"{path} holds {values[wrong][0]}; its ids are 0 to {count - 1}. Make it again with those.")
    return ids


def _missing(path: Path) -> DataError:
    return DataError(f"There is no file {path}. Add it, or take its person out of the pair list.")


def _reason(error: Exception) -> str:
    return " ".join(str(error).split())[:200] or type(error).__name__
