"""A camera's frame becomes the picture that somebody saw."""

import numpy as np
import pytest
from PIL import Image

from dmvton_mobile.imaging.camera import CameraPlane, bgra_to_rgb, upright, yuv_to_rgb
from dmvton_mobile.imaging.decode import ImageError


def test_colours_are_those_of_jpeg() -> None:
    """Every (Y, U, V) of a grid, against Pillow's conversion, which rounds otherwise in the last bit."""
    steps = np.arange(0, 256, 5, dtype=np.uint8)
    y, u, v = (plane.reshape(-1) for plane in np.meshgrid(steps, steps, steps))
    rows, columns = len(steps), len(steps) ** 2
    expected = np.asarray(
        Image.merge("YCbCr", [Image.fromarray(p.reshape(rows, columns)) for p in (y, u, v)]).convert("RGB")
    )
    # one pixel of each block of four has the colour
    doubled = CameraPlane(np.repeat(np.repeat(y.reshape(rows, columns), 2, 0), 2, 1).reshape(-1), 2 * columns, 1)
    found = yuv_to_rgb(doubled, CameraPlane(u, columns, 1), CameraPlane(v, columns, 1), 2 * rows, 2 * columns)[::2, ::2]
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= 1


def test_u_and_v_and_strides() -> None:
    """Red is high V, and lies where the strides say."""
    y = np.full(6 * 8, 99, np.uint8)
    both = np.tile(np.array([255, 0], np.uint8), 3 * 4)  # V, U, ...
    u, v = CameraPlane(both[1:], 8, 2), CameraPlane(both[:-1], 8, 2)
    red, green, blue = yuv_to_rgb(CameraPlane(y, 8, 1), u, v, 6, 7)[5, 6]
    assert red > 200 and blue == 0 and green < 99
    assert yuv_to_rgb(CameraPlane(y, 8, 1), u, v, 6, 7).shape == (6, 7, 3)
    with pytest.raises(ImageError, match="does not hold 4x3 samples"):
        yuv_to_rgb(CameraPlane(y, 8, 1), CameraPlane(both[:20], 8, 2), v, 6, 7)


def test_bgra() -> None:
    data = np.zeros(2 * 16, np.uint8)
    data[16 + 4 : 16 + 8] = [1, 2, 3, 255]  # row 1, pixel 1
    found = bgra_to_rgb(data, 16, 2, 3)
    assert found[1, 1].tolist() == [3, 2, 1] and found.sum() == 6
    with pytest.raises(ImageError, match="do not hold 5x2 pixels of BGRA"):
        bgra_to_rgb(data, 16, 2, 5)


def test_upright_turns_clockwise_then_mirrors() -> None:
    picture = np.arange(2 * 3 * 3, dtype=np.uint8).reshape(2, 3, 3)
    turned = upright(picture, 90, mirrored=False)
    assert turned.shape == (3, 2, 3)
    assert (turned[0, 1] == picture[0, 0]).all() and (turned[0, 0] == picture[1, 0]).all()
    assert (upright(picture, 90, mirrored=True)[0, 0] == picture[0, 0]).all()
    assert (upright(upright(picture, 270, mirrored=False), 90, mirrored=False) == picture).all()
    with pytest.raises(ImageError, match="not by 45"):
        upright(picture, 45, mirrored=False)
