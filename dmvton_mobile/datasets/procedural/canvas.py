"""The canvas: a picture, and beside it the ground truth of every pixel."""

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.files.truth_files import HIDDEN, SEEN
from dmvton_mobile.datasets.procedural.body.ribbon import Box, Plane
from dmvton_mobile.datasets.sample import Label


@dataclass
class Canvas:
    """The picture under construction, all [H, W]. What is painted later lies in front.

    A pixel belongs to a layer that covers more than half of it.

    Attributes:
        rgb: float32 [H, W, 3] in [0, 1].
        label: uint8, `Label` ids.
        densepose: uint8, `DensePosePart` ids.
        state: uint8, of the garment: 0, HIDDEN or SEEN.
        grid_x: float32, the x in the garment's picture, in pixels, where state is not 0.
        grid_y: float32, the y.
        albedo: float32 [H, W, 3] in [0, 1], the garment's colour before light and shade, where state is SEEN.
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
        """A canvas with the backdrop, RGB [H, W, 3], and nobody on it."""
        size = backdrop.shape[:2]
        label, densepose, state = (np.zeros(size, np.uint8) for _ in range(3))
        grid_x, grid_y = (np.zeros(size, np.float32) for _ in range(2))
        return cls(backdrop.copy(), label, densepose, state, grid_x, grid_y, np.zeros_like(backdrop))

    def paint(self, box: Box, coverage: Plane, rgb: Plane, label: Label) -> None:
        """Paints a layer; it hides the garment where it covers it.

        Args:
            box: Where on the canvas.
            coverage: [h, w] in [0, 1].
            rgb: [h, w, 3] or one colour [3].
            label: What the layer is.
        """
        picture = self.rgb[box]
        picture += coverage[..., None] * (rgb - picture)
        covered = coverage > 0.5
        self.label[box][covered] = label
        state = self.state[box]
        state[covered & (state == SEEN)] = HIDDEN

    def wear(self, box: Box, coverage: Plane, albedo: Plane, shade: Plane, x: Plane, y: Plane) -> None:
        """Paints a layer of garment.

        Args:
            box: Where on the canvas.
            coverage: [h, w] in [0, 1].
            albedo: [h, w, 3], the garment's picture sampled at x, y.
            shade: [h, w], what the albedo is multiplied by.
            x: [h, w], pixels of the garment's picture.
            y: As x.
        """
        self.paint(box, coverage, np.minimum(albedo * shade[..., None], 1), Label.UPPER_CLOTHES)
        covered = coverage > 0.5
        self.state[box][covered] = SEEN
        self.grid_x[box][covered] = x[covered]
        self.grid_y[box][covered] = y[covered]
        self.albedo[box][covered] = albedo[covered]

    def cast(self, box: Box, coverage: Plane, reach: float, strength: float, offset: tuple[int, int] = (0, 0)) -> None:
        """Darkens what is there by the shadow of a layer that is about to be painted.

        Args:
            box: Where on the canvas.
            coverage: [h, w], of the layer.
            reach: How far the shadow reaches beyond the layer, in pixels.
            strength: 0 is no shadow, 1 is black.
            offset: How far the shadow is moved, x and y in pixels.
        """
        size = 2 * max(int(reach), 1) + 1
        shadow = cv2.blur(coverage, (size, size))
        if offset != (0, 0):
            shadow = cv2.warpAffine(
                shadow, np.array([[1, 0, offset[0]], [0, 1, offset[1]]], np.float32), shadow.shape[::-1]
            )
        self.rgb[box] *= (1 - np.float32(strength) * shadow)[..., None]
