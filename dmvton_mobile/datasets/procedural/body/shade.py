"""Light on round things and on folded cloth."""

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.body.ribbon import Plane
from dmvton_mobile.datasets.procedural.scene.palette import Colour
from dmvton_mobile.datasets.procedural.scene.scene import Light


def round_shade(light: Light, share: Plane, normal: tuple[float, float]) -> Plane:
    """The shade of a cylinder at `share` of its half-width (-1 to 1), whose across direction is `normal`: about 1 where
    the key light hits it, `ambient` and less where it does not."""
    x = np.clip(share, -1, 1)
    facing = np.sqrt(1 - x * x * np.float32(0.92))
    side = np.float32(np.sin(light.direction) * normal[0] - np.cos(light.direction) * normal[1])
    lit = np.clip(x * side * np.float32(0.62) + facing * np.float32(0.78), 0, 1)
    return np.float32(light.ambient) + np.float32(1.12 - light.ambient) * lit


def fold_shade(light: Light, height: Plane, strength: float) -> tuple[Plane, Plane, Plane]:
    """(shade about 1, the slopes of the cloth across and down) of the folds whose height [h, w] is in pixels."""
    across = np.asarray(cv2.Scharr(height, cv2.CV_32F, 1, 0, scale=1 / 32), np.float32)
    down = np.asarray(cv2.Scharr(height, cv2.CV_32F, 0, 1, scale=1 / 32), np.float32)
    lit = -(across * np.float32(np.sin(light.direction)) - down * np.float32(np.cos(light.direction)))
    shade = 1 + np.clip(lit * np.float32(strength * light.folds), -0.45, 0.25)
    return shade, across, down


def skin(colour: Colour, shade: Plane) -> Plane:
    """Skin [h, w, 3] under the shade [h, w]: red remains longest in the shadow, as it does in flesh."""
    base = np.array(colour, np.float32)
    warm = np.array([0.1, 0.0, -0.03], np.float32) * base
    return np.clip(base * shade[..., None] + np.clip(1 - shade, 0, 1)[..., None] * warm, 0, 1)
