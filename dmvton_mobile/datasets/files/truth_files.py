"""A truth grid as a file: PNG with 16 bits per channel, as optical-flow benchmarks store theirs.

Channels R and G hold x and y in pixels of the garment's picture, times 128 (so exact to 1/256 of a pixel, up to 511);
B holds 0 for no garment, 1 for garment hidden by something, 2 for garment seen. Person and garment have one size.
"""

import io
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from dmvton_mobile.datasets.sample import DataError, Truth
from dmvton_mobile.networks.flow import flow_to_pixels, pixels_to_flow

STEPS_PER_PIXEL = 128
HIDDEN, SEEN = 1, 2  # states of the garment at a pixel; 0 is no garment


def write_truth(path: Path, x: NDArray[np.float32], y: NDArray[np.float32], state: NDArray[np.uint8]) -> None:
    """Writes a truth grid.

    Args:
        path: The file.
        x: [H, W], pixels of the garment's picture.
        y: As x.
        state: [H, W]: 0 for no garment, HIDDEN, or SEEN.
    """
    path.write_bytes(_png(x, y, state))


def read_truth(path: Path, size: tuple[int, int]) -> Truth:
    """The truth in a file, whose size must be (height, width).

    Raises:
        DataError: The file cannot be read, is damaged, of another size, or no truth grid.
    """
    try:
        content = path.read_bytes()
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror}. Check the path.") from error
    return decode_truth(content, str(path), size)


def encode_truth(truth: Truth) -> bytes:
    """The content of a file for a truth that was read from one; decoding gives the same truth, bit by bit."""
    height, width = truth.grid.shape[1:]
    x, y = flow_to_pixels(truth.grid.double(), (height, width)).numpy()
    state = truth.garment[0].numpy() * HIDDEN + truth.visible[0].numpy() * (SEEN - HIDDEN)
    return _png(x, y, state.astype(np.uint8))


def decode_truth(content: bytes, name: str, size: tuple[int, int]) -> Truth:
    """The truth in a file's content.

    Args:
        content: The bytes of the file.
        name: The file's name, for errors.
        size: (height, width) that the file must have.

    Raises:
        DataError: The content is damaged, of another size, or no truth grid.
    """
    pixels = _pixels(content, name)
    height, width = size
    if pixels.shape != (height, width, 3) or pixels.dtype != np.uint16:
        shape = f"{pixels.shape[1]}x{pixels.shape[0]}, {pixels.dtype}"
        raise DataError(
            f"{name} is {shape}; its pictures ask for a {width}x{height} PNG of 3 x 16 bits. Render it again."
        )
    state, y, x = (pixels[..., channel].astype(np.float32) for channel in range(3))  # OpenCV's order is B, G, R
    garment = state > 0
    grid = pixels_to_flow(torch.from_numpy(np.stack([x, y]) / STEPS_PER_PIXEL), size).numpy()
    outside = garment & ((x > (width - 0.5) * STEPS_PER_PIXEL) | (y > (height - 0.5) * STEPS_PER_PIXEL))
    if state.max() > SEEN or outside.any():
        fault = "a third channel above 2" if state.max() > SEEN else "points outside the garment's picture"
        raise DataError(f"{name} has {fault}, so it is no truth grid of this picture. Render it again.")
    seen = state == SEEN
    grid = np.where(garment, grid, np.float32(0))
    return Truth(*(torch.from_numpy(plane.astype(np.float32)) for plane in (grid, garment[None], seen[None])))


def _png(x: NDArray[np.floating], y: NDArray[np.floating], state: NDArray[np.uint8]) -> bytes:
    channels = (state, y * STEPS_PER_PIXEL + 0.5, x * STEPS_PER_PIXEL + 0.5)  # OpenCV's order is B, G, R
    pixels = np.stack([np.where(state, channel, 0).astype(np.uint16) for channel in channels], 2)
    return cv2.imencode(".png", pixels, [cv2.IMWRITE_PNG_COMPRESSION, 1])[1].tobytes()


def _pixels(content: bytes, name: str) -> NDArray[np.generic]:
    """Through OpenCV, as Pillow has no 16-bit colour; Pillow checks the PNG's sums first, so damage has a name."""
    try:
        with Image.open(io.BytesIO(content), formats=["PNG"]) as image:
            image.verify()
        pixels = cv2.imdecode(np.frombuffer(content, np.uint8), cv2.IMREAD_UNCHANGED)
    except Exception as error:  # on damaged bytes a decoder raises whatever it ran into
        raise DataError(f"{name} is damaged, or no PNG ({error}). Render it again.") from error
    if pixels is None:
        raise DataError(f"{name} is damaged. Render it again.")
    return pixels
