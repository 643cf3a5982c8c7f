"""Windows, canvases and the network's input: rules 3 to 6."""

import numpy as np
import pytest

from dmvton_mobile.imaging.window import Window, garment_canvas, network_input, person_window


@pytest.mark.parametrize(
    ("height", "width", "window"),
    [
        (400, 300, Window(0, 0, 300, 400)),
        (400, 500, Window(100, 0, 300, 400)),
        (1000, 300, Window(0, 0, 300, 400)),  # the head stays
        (512, 512, Window(64, 0, 384, 512)),
        (101, 99, Window(12, 0, 75, 101)),
    ],
)
def test_person_window(height: int, width: int, window: Window) -> None:
    assert person_window(height, width) == window
    assert window.inside(height, width)


@pytest.mark.parametrize(
    ("height", "width", "canvas"),
    [
        (400, 300, Window(0, 0, 300, 400)),
        (400, 500, Window(0, -133, 500, 667)),
        (1000, 300, Window(-225, 0, 750, 1000)),
    ],
)
def test_garment_canvas_holds_the_garment(height: int, width: int, canvas: Window) -> None:
    assert garment_canvas(height, width) == canvas


def test_cut_pads_pictures_white_and_masks_empty() -> None:
    picture, mask = np.full((2, 2, 3), 7, np.uint8), np.full((2, 2), 255, np.uint8)
    window = Window(-1, 1, 4, 2)
    np.testing.assert_array_equal(window.cut(picture)[..., 0], [[255, 7, 7, 255], [255, 255, 255, 255]])
    np.testing.assert_array_equal(window.cut(mask), [[0, 255, 255, 0], [0, 0, 0, 0]])
    np.testing.assert_array_equal(Window(5, 5, 2, 2).cut(mask), np.zeros((2, 2)))


def test_network_input_follows_the_rule() -> None:
    """The resize rule, written out in numpy as an app would, within the two roundings to 8 bits."""

    def weights(inputs: int, outputs: int) -> np.ndarray:
        scale = inputs / outputs
        centres = (np.arange(outputs)[:, None] + 0.5) * scale
        triangle = np.maximum(0, 1 - np.abs(np.arange(inputs) + 0.5 - centres) / max(1, scale))
        return np.asarray(triangle / triangle.sum(1, keepdims=True))

    rgb = np.random.default_rng(1).integers(0, 256, (300, 260, 3)).astype(np.uint8)
    window = person_window(300, 260)
    tensor = network_input(rgb, window, (128, 96))
    assert tensor.shape == (1, 3, 128, 96)
    assert tensor.dtype == np.float32
    cut = rgb[: window.height, window.left : window.left + window.width].astype(float)
    expected = weights(window.height, 128) @ cut.transpose(2, 0, 1) @ weights(window.width, 96).T
    np.testing.assert_allclose(tensor[0] * 255, expected, atol=1.1)
    assert network_input(rgb[..., 0], window).shape == (1, 1, 256, 192)
