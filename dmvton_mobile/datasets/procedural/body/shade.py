"""Light on round things and on folded cloth, and the smooth noise of folds, grain and walls."""

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.body.ribbon import Plane
from dmvton_mobile.datasets.procedural.people import Rng
from dmvton_mobile.datasets.procedural.scene.palette import Colour
from dmvton_mobile.datasets.procedural.scene.scene import Light


def round_shade(light: Light, share: Plane, normal: tuple[float, float]) -> Plane:
    """The shade of a cylinder: about 1 where the key light hits it, `ambient` and less where it does not.

    Args:
        light: Where the key light is.
        share: [h, w], the place across the cylinder, -1 to 1.
        normal: The unit vector (x, y) across it.
    """
    x = np.clip(share, -1, 1)
    facing = np.sqrt(1 - x * x * np.float32(0.92))
    side = np.float32(np.sin(light.direction) * normal[0] - np.cos(light.direction) * normal[1])
    lit = np.clip(x * side * np.float32(0.62) + facing * np.float32(0.78), 0, 1)
    return np.float32(light.ambient) + np.float32(1.12 - light.ambient) * lit


def fold_shade(light: Light, height: Plane, strength: float) -> tuple[Plane, Plane, Plane]:
    """The shade of folded cloth.

    Args:
        light: Where the key light is, and how strongly folds show.
        height: [h, w], the cloth's height in pixels.
        strength: Of the shade, 1 is usual.

    Returns:
        The shade, about 1, and the slopes of the cloth across and down, all [h, w].
    """
    across = np.asarray(cv2.Scharr(height, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)
    down = np.asarray(cv2.Scharr(height, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)
    lit = -(across * np.float32(np.sin(light.direction)) - down * np.float32(np.cos(light.direction)))
    shade = 1 + np.clip(lit * np.float32(strength * light.folds), -0.45, 0.25)
    return shade, across, down


def skin(colour: Colour, shade: Plane) -> Plane:
    """Skin under the shade [h, w], RGB [h, w, 3]: red remains longest in the shadow, as it does in flesh."""
    base = np.array(colour, np.float32)
    warm = np.array([0.1, 0.0, -0.03], np.float32) * base
    return np.clip(base * shade[..., None] + np.clip(1 - shade, 0, 1)[..., None] * warm, 0, 1)


def blotches(shape: tuple[int, int], cells: float, rng: Rng) -> Plane:
    """Smooth noise of mean 0 and deviation about 1, float32 of the shape, with `cells` blotches from top to bottom."""
    rows = max(int(cells), 2)
    columns = max(int(cells * shape[1] / shape[0]), 2)
    coarse = rng.standard_normal((rows, columns), np.float32)
    smooth = cv2.resize(coarse, (shape[1], shape[0]), interpolation=cv2.INTER_CUBIC)
    return np.asarray(smooth, np.float32) * np.float32(1.2)
