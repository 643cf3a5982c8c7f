"""The canvas: the picture, and beside it everything that is true of each pixel."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.files.truth_files import HIDDEN, SEEN
from dmvton_mobile.datasets.procedural.body.ribbon import Box, Plane
from dmvton_mobile.datasets.sample import Label


@dataclass
class Canvas:
    """All [H, W]: rgb float32 with 3 channels in [0, 1]; label, densepose and state (of the garment: 0, HIDDEN or
    SEEN) uint8; grid_x, grid_y float32, pixels of the garment's picture; albedo float32 with 3 channels, the garment's
    picture where it is seen, before light and shade.

    What is painted later lies in front. A pixel belongs to a layer that covers more than half of it.
    """

    rgb: Plane
    label: NDArray[np.uint8]
    densepose: NDArray[np.uint8]
    state: NDArray[np.uint8]
    grid_x: Plane
    grid_y: Plane
    albedo: Plane

    @classmethod
    def over(cls, backdrop: Plane) -> "Canvas":
        """With nobody on it."""
        size = backdrop.shape[:2]
        label, densepose, state = (np.zeros(size, np.uint8) for _ in range(3))
        grid_x, grid_y = (np.zeros(size, np.float32) for _ in range(2))
        return cls(backdrop.copy(), label, densepose, state, grid_x, grid_y, np.zeros_like(backdrop))

    def paint(self, box: Box, coverage: Plane, rgb: Plane, label: Label) -> None:
        """A layer of rgb [h, w, 3] or [3] over the box; it hides the garment where it covers it."""
        picture = self.rgb[box]
        picture += coverage[..., None] * (rgb - picture)
        covered = coverage > 0.5
        self.label[box][covered] = label
        state = self.state[box]
        state[covered & (state == SEEN)] = HIDDEN

    def wear(self, box: Box, coverage: Plane, albedo: Plane, shade: Plane, x: Plane, y: Plane) -> None:
        """A layer of garment: albedo [h, w, 3] sampled at x, y [h, w] of its picture, under shade [h, w]."""
        self.paint(box, coverage, np.minimum(albedo * shade[..., None], 1), Label.UPPER_CLOTHES)
        covered = coverage > 0.5
        self.state[box][covered] = SEEN
        self.grid_x[box][covered] = x[covered]
        self.grid_y[box][covered] = y[covered]
        self.albedo[box][covered] = albedo[covered]

    def cast(self, box: Box, coverage: Plane, reach: float, strength: float, offset: tuple[int, int] = (0, 0)) -> None:
        """The shadow that a layer about to be painted throws on what is there, reach pixels wide."""
        size = 2 * max(int(reach), 1) + 1
        shadow = cv2.blur(coverage, (size, size))
        if offset != (0, 0):
            shadow = cv2.warpAffine(
                shadow, np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32), shadow.shape[::-1]
            )
        self.rgb[box] *= (1 - np.float32(strength) * shadow)[..., None]
