"""8-bit pixels as the tensors of a sample, and back, exactly."""

import numpy as np
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.imaging.decode import Pixels


def picture_tensor(pixels: Pixels) -> Tensor:
    """uint8 [H, W, 3] -> float32 [3, H, W] in [-1, 1]."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1))).float() / 255 * 2 - 1


def mask_tensor(pixels: Pixels) -> Tensor:
    """uint8 [H, W] -> float32 [1, H, W] in [0, 1]."""
    return torch.from_numpy(pixels[None]).float() / 255


def picture_pixels(picture: Tensor) -> Pixels:
    """`picture_tensor` the other way. Raises DataError where the picture was not made of 8-bit pixels."""
    pixels = _levels((picture + 1) / 2).permute(1, 2, 0).numpy()
    return _exact(pixels, torch.equal(picture_tensor(pixels), picture))


def mask_pixels(mask: Tensor) -> Pixels:
    """`mask_tensor` the other way. Raises DataError where the mask was not made of 8-bit pixels."""
    pixels = _levels(mask[0]).numpy()
    return _exact(pixels, torch.equal(mask_tensor(pixels), mask))


def _levels(values: Tensor) -> Tensor:
    return (values * 255).round().clamp(0, 255).to(torch.uint8)


def _exact(pixels: Pixels, same: bool) -> Pixels:
    if not same:
        raise DataError("A picture or mask of the sample is not on 8-bit levels. Take samples as a reader gives them.")
    return pixels
