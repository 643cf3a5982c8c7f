"""Inputs to compare an artifact with its network on: a real picture pair, and random pictures."""

from importlib import resources

import numpy as np
import torch
import torch.nn.functional as F

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.imaging.decode import read_mask, read_picture
from dmvton_mobile.imaging.window import Window, garment_canvas, network_input
from dmvton_mobile.runtimes.session import Tensors

OCTAVES = (64, 32, 16, 8, 4, 2, 1)  # pixels; each half as strong as the one before, as in photographs


def example_pair(size: tuple[int, int] = DEFAULT_SIZE) -> Tensors:
    """The example portrait and garment as inputs of a network, at a size (height, width).

    Returns:
        person and garment [1, 3, H, W], garment_mask [1, 1, H, W], all in [0, 1].
    """
    with resources.as_file(resources.files(__package__)) as folder:
        person, garment = read_picture(folder / "person.jpg"), read_picture(folder / "garment.jpg")
        mask = read_mask(folder / "garment_mask.png", garment.size)
    canvas = garment_canvas(*garment.size)
    return {
        "person": network_input(person.rgb, Window(0, 0, person.size[1], person.size[0]), size),
        "garment": network_input(garment.rgb, canvas, size),
        "garment_mask": network_input(mask, canvas, size),
    }


def random_pictures(seed: int, size: tuple[int, int] = DEFAULT_SIZE) -> Tensors:
    """Random inputs of the same names and shapes as `example_pair`.

    They have a photograph's spectrum, in steps of 1/255 as a camera gives them.
    """
    random = torch.Generator().manual_seed(seed)
    height, width = size

    def picture(channels: int) -> np.ndarray:
        total = torch.zeros(1, channels, *size)
        for octave, pixels in enumerate(OCTAVES):
            noise = torch.randn(1, channels, -(-height // pixels), -(-width // pixels), generator=random)
            total += 0.25 * 0.5**octave * F.interpolate(noise, size=size, mode="bicubic")
        return ((total + 0.5).clamp(0, 1) * 255).round().div(255).numpy()

    return {"person": picture(3), "garment": picture(3), "garment_mask": picture(1)}
