"""Section 3: window, canvas, network input."""

import numpy as np
from pydantic import JsonValue

from dmvton_mobile.imaging.window import Window, garment_canvas, network_input, person_window
from tests.app_vectors.cases import NETWORK, Arrays, Case


def windows() -> list[Case]:
    sizes = [
        (400, 300),
        (300, 400),
        (401, 301),
        (33, 1000),
        (1000, 33),
        (256, 192),
        (255, 192),
        (257, 191),
        (4032, 3024),
    ]
    return [
        {
            "height": height,
            "width": width,
            "person": _sides(person_window(height, width)),
            "garment": _sides(garment_canvas(height, width)),
        }
        for height, width in sizes
    ]


def _sides(window: Window) -> JsonValue:
    return [window.left, window.top, window.width, window.height]


def resizes(arrays: Arrays) -> list[Case]:
    """answer: uint8, before the division by 255."""
    random = np.random.default_rng(1)
    asked = [
        ("smaller", (97, 61, 3), person_window(97, 61), NETWORK),
        ("larger", (32, 40, 3), person_window(32, 40), NETWORK),
        ("same", (64, 48, 3), Window(0, 0, 48, 64), NETWORK),
        ("one_axis", (64, 96, 3), Window(0, 0, 96, 64), NETWORK),
        ("padded", (50, 90, 3), garment_canvas(50, 90), NETWORK),
        ("mask", (90, 50), garment_canvas(90, 50), (96, 64)),
    ]
    cases: list[Case] = []
    for name, shape, window, size in asked:
        pixels = random.integers(0, 256, shape, np.uint8)
        if name == "mask":
            pixels = np.where(pixels > 127, 255, 0).astype(np.uint8)
        arrays[f"resize.{name}.pixels"] = pixels
        planes = network_input(pixels, window, size)[0]
        arrays[f"resize.{name}.answer"] = np.ascontiguousarray(
            np.rint(planes * 255).astype(np.uint8).transpose(1, 2, 0)
        )
        cases.append({"name": name, "window": _sides(window), "size": list(size)})
    return cases
