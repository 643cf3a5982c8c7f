"""Section 2: a camera's frame."""

import numpy as np

from dmvton_mobile.imaging.camera import CameraPlane, bgra_to_rgb, upright, yuv_to_rgb
from tests.app_vectors.cases import Arrays, Case


def cameras(arrays: Arrays) -> list[Case]:
    random = np.random.default_rng(2)
    cases: list[Case] = []
    height, width = 10, 7
    for number, (degrees, mirrored, interleaved) in enumerate(
        [(0, False, False), (90, False, True), (180, True, True), (270, True, False), (90, True, False)]
    ):
        name = f"camera.{number}"
        rows, columns = (height + 1) // 2, (width + 1) // 2
        y = CameraPlane(random.integers(0, 256, height * 9, np.uint8), 9, 1)
        if interleaved:  # V, U, V, U, ...: each plane begins at its own first sample
            both = random.integers(0, 256, rows * 10, np.uint8)
            u, v = CameraPlane(both[1:].copy(), 10, 2), CameraPlane(both[:-1].copy(), 10, 2)
        else:
            u, v = (
                CameraPlane(random.integers(0, 256, rows * (columns + 1), np.uint8), columns + 1, 1) for _ in range(2)
            )
        for letter, plane in (("y", y), ("u", u), ("v", v)):
            arrays[f"{name}.{letter}"] = plane.data
        arrays[f"{name}.answer"] = upright(yuv_to_rgb(y, u, v, height, width), degrees, mirrored=mirrored)
        cases.append(
            {
                "name": name,
                "kind": "yuv",
                "height": height,
                "width": width,
                "row_strides": [y.row_stride, u.row_stride, v.row_stride],
                "pixel_strides": [y.pixel_stride, u.pixel_stride, v.pixel_stride],
                "degrees": degrees,
                "mirrored": mirrored,
            }
        )
    arrays["camera.bgra"] = random.integers(0, 256, height * 36, np.uint8)
    arrays["camera.bgra.answer"] = upright(bgra_to_rgb(arrays["camera.bgra"], 36, height, width), 90, mirrored=True)
    cases.append(
        {
            "name": "camera.bgra",
            "kind": "bgra",
            "height": height,
            "width": width,
            "row_strides": [36],
            "pixel_strides": [4],
            "degrees": 90,
            "mirrored": True,
        }
    )
    return cases
