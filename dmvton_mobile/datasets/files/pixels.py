"""8-bit pixels as the tensors of a sample, and back, without loss."""

import numpy as np
import torch
from torch import Tensor

from dmvton_mobile.contract import to_signed, to_unit
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.imaging.decode import Pixels


def picture_tensor(pixels: Pixels) -> Tensor:
    """uint8 [H, W, 3] -> float32 [3, H, W] in [-1, 1]."""
    return to_signed(torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255)


def mask_tensor(pixels: Pixels) -> Tensor:
    """uint8 [H, W] -> float32 [1, H, W] in [0, 1]."""
    return torch.from_numpy(pixels[None]).float() / 255


def picture_pixels(picture: Tensor) -> Pixels:
    """The inverse of `picture_tensor`.

    Raises:
        DataError: The picture was not made of 8-bit pixels.
    """
    pixels = _to_bytes(to_unit(picture)).permute(1, 2, 0).numpy()
    return _checked(pixels, lossless=torch.equal(picture_tensor(pixels), picture))


def mask_pixels(mask: Tensor) -> Pixels:
    """The inverse of `mask_tensor`.

    Raises:
        DataError: The mask was not made of 8-bit pixels.
    """
    pixels = _to_bytes(mask[0]).numpy()
    return _checked(pixels, lossless=torch.equal(mask_tensor(pixels), mask))


def _to_bytes(values: Tensor) -> Tensor:
    return (values * 255).round().clamp(0, 255).to(torch.uint8)


def _checked(pixels: Pixels, *, lossless: bool) -> Pixels:
    if not lossless:
        raise DataError("A picture or mask of the sample is not on 8-bit levels. Take samples as a reader gives them.")
    return pixels
