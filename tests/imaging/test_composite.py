"""The composite at full resolution, on flows and pictures whose right answer is known."""

import numpy as np
import pytest
from numpy.typing import NDArray

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.composite import composite
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.imaging.window import Window, garment_canvas, network_input, person_window

HEIGHT, WIDTH = 256, 192
Outputs = dict[str, NDArray[np.float32]]


def identity(align_corners: bool = True) -> NDArray[np.float32]:
    """The flow that takes every pixel from its own place: [1, 2, 256, 192]."""
    y, x = np.meshgrid(np.arange(HEIGHT), np.arange(WIDTH), indexing="ij")
    if align_corners:
        grid = [2 * x / (WIDTH - 1) - 1, 2 * y / (HEIGHT - 1) - 1]
    else:
        grid = [(2 * x + 1) / WIDTH - 1, (2 * y + 1) / HEIGHT - 1]
    return np.stack(grid)[None].astype(np.float32)


def smooth(height: int, width: int, phase: float = 0.0) -> Pixels:
    y, x = np.meshgrid(np.linspace(0, 1, height), np.linspace(0, 1, width), indexing="ij")
    waves = [np.sin(9 * x + 4 * y + phase), np.sin(7 * y - 5 * x + phase), np.cos(11 * x * y + phase)]
    return (127.5 + 110 * np.stack(waves, 2)).round().astype(np.uint8)


def detailed(height: int, width: int) -> Pixels:
    noise = np.random.default_rng(3).normal(0, 25, (height, width, 3))
    return np.clip(smooth(height, width) + noise, 0, 255).astype(np.uint8)


def outputs_for(person: Pixels, window: Window, composition: float, flow: NDArray[np.float32] | None = None) -> Outputs:
    """What a network gives that leaves the person as it is."""
    seen = network_input(person, window)
    return {
        "flow": identity() if flow is None else flow,
        "composition": np.full((1, 1, HEIGHT, WIDTH), composition, np.float32),
        "rendered": seen.copy(),
        "person": seen,
    }


def all_garment(garment: Pixels) -> Pixels:
    return np.full(garment.shape[:2], 255, np.uint8)


def off(result: Pixels, expected: Pixels) -> NDArray[np.int_]:
    return np.asarray(np.abs(result.astype(int) - expected.astype(int)))


def test_outside_the_window_every_bit_stays() -> None:
    person, garment = detailed(600, 700), smooth(800, 600, 2.0)
    window = person_window(600, 700)
    outputs = outputs_for(person, window, 1.0)
    outputs["rendered"] = 1 - outputs["rendered"]
    before = person.copy()
    result = composite(person, window, garment, all_garment(garment), garment_canvas(800, 600), outputs)
    outside = np.ones((600, 700), bool)
    outside[window.top : window.top + window.height, window.left : window.left + window.width] = False
    assert outside.any()
    np.testing.assert_array_equal(result[outside], person[outside])
    assert off(result, person)[~outside].mean() > 20
    np.testing.assert_array_equal(person, before)


@pytest.mark.parametrize("align_corners", [True, False])
@pytest.mark.parametrize("scale", [1, 2.5])
def test_identity_flow_gives_the_garment_back(align_corners: bool, scale: float) -> None:
    """Up to the border, at a window larger than the network, and with the garment finer than the window."""
    person = detailed(1000, 750)
    window = person_window(1000, 750)
    garment = smooth(round(1000 * scale), round(750 * scale), 1.0)
    outputs = outputs_for(person, window, 1.0, identity(align_corners))
    canvas = garment_canvas(*garment.shape[:2])
    result = composite(person, window, garment, all_garment(garment), canvas, outputs, align_corners)
    expected = (network_input(garment, canvas, (1000, 750))[0].transpose(1, 2, 0) * 255).round().astype(np.uint8)
    one_pixel = max(np.abs(np.diff(expected.astype(int), axis=axis)).max() for axis in (0, 1))
    # The outermost pixel is left out: there the mask fades into the nothing beside the picture.
    difference = off(result, expected)[1:-1, 1:-1]
    assert difference.max() < one_pixel
    assert difference.mean() < 0.6


def test_identity_flow_keeps_detail_finer_than_the_network() -> None:
    """A one-pixel checkerboard, far beyond 256x192, comes through."""
    garment = np.where(np.indices((1024, 768)).sum(0)[..., None] % 2, 255, 0).repeat(3, 2).astype(np.uint8)
    person = smooth(1024, 768)
    window = Window(0, 0, 768, 1024)
    outputs = outputs_for(person, window, 1.0)
    result = composite(person, window, garment, all_garment(garment), window, outputs)
    assert off(result, garment)[2:-2, 2:-2].max() <= 2


def test_wrong_convention_is_not_the_identity() -> None:
    person, garment = smooth(1024, 768), smooth(1024, 768, 1.0)
    window = Window(0, 0, 768, 1024)
    outputs = outputs_for(person, window, 1.0)
    result = composite(person, window, garment, all_garment(garment), window, outputs, align_corners=False)
    assert off(result, garment).max() > 3


def test_padded_garment_lands_in_the_middle() -> None:
    """A wide garment: its canvas adds rows above and below, which stay the person."""
    garment = np.full((300, 600, 3), (250, 30, 60), np.uint8)
    person = smooth(800, 600)
    window = person_window(800, 600)
    canvas = garment_canvas(300, 600)
    assert canvas == Window(0, -250, 600, 800)
    outputs = outputs_for(person, window, 0.0)
    outputs["composition"] = (network_input(all_garment(garment), canvas) > 0.5).astype(np.float32)
    result = composite(person, window, garment, all_garment(garment), canvas, outputs)
    assert off(result[252:548, 2:-2], garment[2:-2, 2:-2]).max() <= 1
    assert off(result[:248], person[:248]).max() <= 1
    assert off(result[552:], person[552:]).max() <= 1


def test_nothing_composed_and_nothing_rendered_gives_the_photo_back() -> None:
    person, garment = detailed(900, 800), smooth(400, 300)
    window = person_window(900, 800)
    outputs = outputs_for(person, window, 0.0)
    result = composite(person, window, garment, all_garment(garment), garment_canvas(400, 300), outputs)
    assert off(result, person).max() <= 1


def test_what_the_generator_changed_loses_the_old_detail() -> None:
    person, garment = detailed(1024, 768), smooth(400, 300)
    window = Window(0, 0, 768, 1024)
    outputs = outputs_for(person, window, 0.0)
    outputs["rendered"] = outputs["rendered"].copy()
    outputs["rendered"][:, :, 100:160, 60:130] = 0.5
    result = composite(person, window, garment, all_garment(garment), garment_canvas(400, 300), outputs)
    repainted = result[4 * 104 : 4 * 156, 4 * 64 : 4 * 126].astype(int)
    assert np.abs(repainted - 127.5).max() <= 1
    assert off(result[: 4 * 96], person[: 4 * 96]).max() <= 1


@pytest.mark.parametrize(("axis", "pixels"), [(1, 16), (1, -16), (0, 24)])
def test_shifted_flow_moves_the_garment(axis: int, pixels: int) -> None:
    """Sampling further right shows the garment further left, by network pixels times the window's scale."""
    garment = np.full((1024, 768, 3), 40, np.uint8)
    mask = np.zeros((1024, 768), np.uint8)
    garment[400:600, 300:500] = (220, 60, 90)
    mask[400:600, 300:500] = 255
    person = np.full((1024, 768, 3), 128, np.uint8)
    window = Window(0, 0, 768, 1024)
    flow = identity()
    flow[:, 1 - axis] += 2 * pixels / ((HEIGHT, WIDTH)[axis] - 1)
    outputs = outputs_for(person, window, 1.0, flow)
    outputs["composition"] = np.roll(network_input(mask, window) > 0.5, -pixels, axis=2 + axis).astype(np.float32)
    result = composite(person, window, garment, mask, window, outputs)
    expected = np.full_like(person, 128)
    expected[400:600, 300:500] = (220, 60, 90)
    expected = np.roll(expected, -4 * pixels, axis=axis)
    assert (off(result, expected).max(2) > 2).sum() == 0


def test_edges_are_as_crisp_as_the_mask() -> None:
    """The network's own composition is soft over several photo pixels; the garment's edge is not, and takes no
    colour from what lies beside the garment or from what the generator painted under it."""
    garment = np.full((1024, 768, 3), 255, np.uint8)
    mask = np.zeros((1024, 768), np.uint8)
    mask[:, :381] = 255
    garment[mask > 0] = (20, 30, 40)
    person = np.full((1024, 768, 3), 200, np.uint8)
    window = Window(0, 0, 768, 1024)
    outputs = outputs_for(person, window, 0.0)
    outputs["composition"] = (network_input(mask, window) > 0.5).astype(np.float32)
    outputs["rendered"][:, :, :, :95] = 1.0
    result = composite(person, window, garment, mask, window, outputs)
    assert off(result[4:-4, 4:379], garment[4:-4, 4:379]).max() <= 1
    assert off(result[4:-4, 384:], person[4:-4, 384:]).max() <= 1


def test_strips_leave_no_seams(monkeypatch: pytest.MonkeyPatch) -> None:
    person, garment = detailed(700, 525), smooth(800, 600, 2.0)
    window = person_window(700, 525)
    arguments = (
        person,
        window,
        garment,
        all_garment(garment),
        garment_canvas(800, 600),
        outputs_for(person, window, 0.6),
    )
    whole = composite(*arguments)
    monkeypatch.setattr("dmvton_mobile.imaging.composite.STRIP_PIXELS", 10_000)
    assert off(composite(*arguments), whole).max() <= 1


def test_what_does_not_fit_is_refused() -> None:
    person, garment = smooth(400, 300), smooth(400, 300)
    window = Window(0, 0, 300, 400)
    mask, good = all_garment(garment), outputs_for(person, window, 0.5)
    with pytest.raises(DmvtonError, match=r"mask must be uint8 \[400, 300\]"):
        composite(person, window, garment, mask[:-1], window, good)
    with pytest.raises(DmvtonError, match="reaches outside the photo, which is 300x400"):
        composite(person, Window(1, 0, 300, 400), garment, mask, window, good)
    with pytest.raises(DmvtonError, match="missing: rendered"):
        composite(person, window, garment, mask, window, {k: v for k, v in good.items() if k != "rendered"})
    with pytest.raises(DmvtonError, match=r"composition must be float32 \[1, 1, 256, 192\]"):
        composite(person, window, garment, mask, window, {**good, "composition": good["composition"][:, :, :-1]})
    with pytest.raises(DmvtonError, match="rendered must be float32"):
        composite(person, window, garment, mask, window, {**good, "rendered": good["rendered"].astype(np.float64)})
    with pytest.raises(DmvtonError, match="photo must be uint8"):
        composite(person[..., 0], window, garment, mask, window, good)
