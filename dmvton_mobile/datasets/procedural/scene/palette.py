"""Colours of skin, hair, cloth and walls: RGB in [0, 1], sRGB."""

import colorsys

import numpy as np

from dmvton_mobile.datasets.procedural.people import Rng

Colour = tuple[float, float, float]  # red, green, blue

# The ten tones of the Monk Skin Tone scale (https://skintone.google), light to dark
_SKIN = np.array(
    [
        (246, 237, 228), (243, 231, 219), (247, 234, 208), (234, 218, 186), (215, 189, 150),
        (160, 126, 86), (130, 92, 67), (96, 65, 52), (58, 49, 42), (41, 36, 32),
    ]
) / 255  # fmt: skip
_HAIR = ((0.07, 0.06, 0.06), (0.16, 0.1, 0.07), (0.28, 0.18, 0.11), (0.45, 0.3, 0.17), (0.68, 0.52, 0.32),
         (0.85, 0.74, 0.52), (0.5, 0.2, 0.1), (0.62, 0.6, 0.58), (0.86, 0.85, 0.83))  # fmt: skip


def ink(colour: Colour) -> tuple[int, int, int]:
    """The colour in 8 bits, for OpenCV's drawing functions."""
    red, green, blue = (int(np.clip(round(255 * float(value)), 0, 255)) for value in colour)
    return red, green, blue


def skin_colour(rng: Rng) -> Colour:
    """A tone anywhere on the scale, between its steps, too; all are equally likely."""
    tone = rng.uniform(0, len(_SKIN) - 1)
    low = int(tone)
    colour = _SKIN[low] + (_SKIN[min(low + 1, len(_SKIN) - 1)] - _SKIN[low]) * (tone - low)
    rosy = rng.uniform(-0.01, 0.03)  # the scale is of even, neutral tones
    return _clipped(0.03 + 0.88 * (colour + np.array([rosy, -rosy / 2, -rosy / 2])))


def hair_colour(rng: Rng) -> Colour:
    """A natural colour, rarely a dyed one."""
    if rng.random() < 0.06:
        return colorsys.hsv_to_rgb(rng.random(), rng.uniform(0.4, 0.8), rng.uniform(0.4, 0.8))
    return _clipped(np.array(_HAIR[int(rng.integers(len(_HAIR)))]) * rng.uniform(0.8, 1.15))


def cloth_colours(rng: Rng) -> tuple[Colour, Colour, Colour]:
    """A ground and two colours that go with it, a contrast and an accent."""
    hue = rng.random()
    if rng.random() < 0.35:  # black, white, grey, navy, beige
        value = rng.choice([rng.uniform(0.06, 0.16), rng.uniform(0.85, 0.97), rng.uniform(0.3, 0.75)])
        ground = colorsys.hsv_to_rgb(hue, rng.uniform(0.0, 0.12), float(value))
    else:
        value = rng.uniform(0.25, 0.95)
        ground = colorsys.hsv_to_rgb(hue, rng.uniform(0.25, 0.9), value)
    other = (hue + rng.choice([0.08, 0.33, 0.5, rng.random()])) % 1
    contrast_value = rng.uniform(0.7, 1.0) if value < 0.55 else rng.uniform(0.08, 0.45)
    contrast = colorsys.hsv_to_rgb(other, rng.choice([0.05, rng.uniform(0.2, 0.8)]), contrast_value)
    accent = colorsys.hsv_to_rgb((other + rng.uniform(0.1, 0.5)) % 1, rng.uniform(0.3, 0.9), rng.uniform(0.4, 0.95))
    return ground, contrast, accent


def wall_colour(rng: Rng) -> Colour:
    """The colour of a wall: mostly pale, sometimes strong, sometimes dark."""
    saturation, value = (
        (rng.uniform(0, 0.12), rng.uniform(0.75, 1.0))
        if rng.random() < 0.6
        else (rng.uniform(0.1, 0.6), rng.uniform(0.15, 0.8))
    )
    return colorsys.hsv_to_rgb(rng.random(), saturation, value)


def _clipped(colour: np.ndarray) -> Colour:
    red, green, blue = np.clip(colour, 0.02, 0.98)
    return float(red), float(green), float(blue)
