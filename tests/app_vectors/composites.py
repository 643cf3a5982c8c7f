"""Section 4: composition."""

import numpy as np

from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.window import garment_canvas, network_input, person_window
from tests.app_vectors.cases import NETWORK, Arrays, Case


def composites(arrays: Arrays) -> list[Case]:
    random = np.random.default_rng(3)
    cases: list[Case] = []
    asked = [
        # name, photo, garment, align_corners, how far the garment moves, share of the garment that shows
        ("large_garment", (150, 131), (400, 320), True, 0.2, 1.4),
        ("small_garment", (211, 140), (50, 61), False, 0.3, 1.4),
        ("out_of_sight", (128, 96), (96, 72), True, 3.0, 1.4),
        ("nothing_shown", (120, 90), (90, 80), True, 0.2, 0.0),
    ]
    for name, photo, garment, align_corners, moved, shown in asked:
        blocks = random.integers(0, 256, (photo[0] // 4 + 1, photo[1] // 4 + 1, 3), np.uint8)
        person_rgb = blocks.repeat(4, 0).repeat(4, 1)[: photo[0], : photo[1]]
        garment_rgb = random.integers(0, 256, (*garment, 3), np.uint8)
        mask = np.zeros(garment, np.uint8)
        mask[garment[0] // 8 : -garment[0] // 8, garment[1] // 6 : -garment[1] // 6] = 255
        window, canvas = person_window(*photo), garment_canvas(*garment)
        seen = network_input(person_rgb, window, NETWORK)
        height, width = NETWORK
        grid = np.stack(np.meshgrid(np.linspace(-1, 1, width), np.linspace(-1, 1, height)))[None]
        outputs = {
            "flow": (grid + moved * (_smooth(random, 2) - 0.5)).astype(np.float32),
            "composition": np.clip(shown * _smooth(random, 1), 0, 1).astype(np.float32),
            "rendered": np.clip(seen + 0.4 * (_smooth(random, 3) - 0.5), 0, 1).astype(np.float32),
            "person": seen,
        }
        answer = composite(person_rgb, window, garment_rgb, mask, canvas, outputs, align_corners)
        held = {"photo": person_rgb, "garment": garment_rgb, "mask": mask, "answer": answer, **outputs}
        arrays.update({f"composite.{name}.{key}": np.ascontiguousarray(value) for key, value in held.items()})
        cases.append({"name": name, "align_corners": align_corners})
    return cases


def _smooth(random: np.random.Generator, channels: int, cells: int = 5) -> np.ndarray:
    """In [0, 1], float32 [1, channels, *NETWORK]: noise of few cells, bilinear between them."""
    height, width = NETWORK
    noise = random.random((channels, cells, cells))
    down, across = np.linspace(0, cells - 1, height), np.linspace(0, cells - 1, width)
    rows = np.stack([[np.interp(down, range(cells), plane[:, column]) for column in range(cells)] for plane in noise])
    found = np.stack([[np.interp(across, range(cells), plane[:, row]) for row in range(height)] for plane in rows])
    return found[None].astype(np.float32)
