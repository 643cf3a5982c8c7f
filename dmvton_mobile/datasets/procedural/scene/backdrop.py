"""Paints what people stand before: RGB float32 [H, W, 3] in [0, 1]."""

from collections.abc import Callable, Sequence
from pathlib import Path

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.body.ribbon import Plane
from dmvton_mobile.datasets.procedural.body.shade import blotches
from dmvton_mobile.datasets.procedural.people import Rng, seeded_rng
from dmvton_mobile.datasets.procedural.scene.palette import Colour, cloth_colours
from dmvton_mobile.datasets.procedural.scene.scene import Backdrop, Room
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.imaging.decode import WRITERS, read_picture
from dmvton_mobile.imaging.window import Window

Size = tuple[int, int]


def find_photos(folder: Path) -> tuple[Path, ...]:
    """The JPEG and PNG files of a folder, sorted by name.

    Raises:
        DmvtonError: The folder holds none.
    """
    photos = tuple(sorted(path for path in folder.glob("*") if path.suffix.lower() in WRITERS))
    if not photos:
        raise DmvtonError(f"{folder} holds no JPEG or PNG to stand people in front of.")
    return photos


def paint_backdrop(room: Room, size: Size, photos: Sequence[Path] = ()) -> Plane:
    """Paints the room's backdrop.

    Args:
        room: Its kind, colours and seed.
        size: (height, width) of the picture.
        photos: The photos that `Backdrop.PHOTO` chooses from.

    Returns:
        RGB float32 [H, W, 3] in [0, 1].

    Raises:
        ImageError: The photo cannot be read.
    """
    rng = seeded_rng(room.seed)
    if room.backdrop is Backdrop.PHOTO:
        return _photo(photos[int(room.photo * len(photos))], size, rng)
    return np.clip(_KINDS[room.backdrop](room.colours, size, rng), 0, 1)


def _plain(colours: Sequence[Colour], size: Size, rng: Rng) -> Plane:
    """A wall of one colour, a little darker in places."""
    wall = np.full((*size, 3), colours[0], np.float32)
    falloff = 1 - np.float32(rng.uniform(0, 0.12)) * np.abs(blotches(size, 2, rng))
    return wall * falloff[..., None]


def _gradient(colours: Sequence[Colour], size: Size, rng: Rng) -> Plane:
    """From one colour to another, at any angle."""
    height, width = size
    angle = rng.uniform(0, 2 * np.pi)
    x, y = np.linspace(-1, 1, width, dtype=np.float32)[None], np.linspace(-1, 1, height, dtype=np.float32)[:, None]
    share = np.clip((x * np.float32(np.cos(angle)) + y * np.float32(np.sin(angle))) / 2 + np.float32(0.5), 0, 1)
    first, second = (np.array(colour, np.float32) for colour in colours[:2])
    return first + share[..., None] * (second - first)


def _texture(colours: Sequence[Colour], size: Size, rng: Rng) -> Plane:
    """A wall of plaster, brick, tiles or boards."""
    height, width = size
    wall = np.full((*size, 3), colours[0], np.float32)
    wall *= (1 + np.float32(0.06) * blotches(size, 12, rng) + np.float32(0.04) * blotches(size, 60, rng))[..., None]
    kind = int(rng.integers(4))
    if kind:
        down = int(rng.integers(10, 30)) if kind < 3 else height
        across = down * (2 if kind == 1 else 1) if kind < 3 else int(rng.integers(12, 30))
        y, x = np.arange(height)[:, None], np.arange(width)[None]
        moved = x + (y // down % 2) * (across // 2 if kind == 1 else 0)
        joint = (y % down == 0) | (moved % across == 0)
        cells = rng.uniform(0.9, 1.1, (height // down + 2, (width + across) // across + 2)).astype(np.float32)
        wall *= cells[y // down, moved // across][..., None]
        wall[joint] *= np.float32(rng.uniform(0.7, 0.9))
    return wall


def _clutter(colours: Sequence[Colour], size: Size, rng: Rng) -> Plane:
    """A wall with frames, shelves, plants and a floor, out of focus."""
    height, width = size
    canvas = np.full((height, width, 3), [255 * value for value in colours[0]], np.uint8)
    floor = int(height * rng.uniform(0.7, 0.95))
    canvas[floor:] = [255 * value for value in colours[1]]
    for _ in range(int(rng.integers(5, 16))):
        ink = [255 * value for value in cloth_colours(rng)[int(rng.integers(3))]]
        x, y = int(rng.integers(width)), int(rng.integers(floor))
        wide, tall = int(rng.integers(8, width // 3)), int(rng.integers(8, height // 3))
        if rng.random() < 0.65:
            cv2.rectangle(canvas, (x, y), (x + wide, y + tall), ink, -1)
            cv2.rectangle(
                canvas, (x + 3, y + 3), (x + wide - 3, y + tall - 3), [min(1.25 * value, 255) for value in ink], -1
            )
        else:
            cv2.ellipse(canvas, (x, y), (wide // 2, tall // 2), float(rng.uniform(0, 180)), 0, 360, ink, -1)
    return _defocused(canvas, rng.uniform(0.6, 4.0))


def _street(colours: Sequence[Colour], size: Size, rng: Rng) -> Plane:
    """Sky, houses with windows and a pavement, out of focus."""
    height, width = size
    sky = np.array([rng.uniform(150, 235), rng.uniform(180, 240), 245])
    canvas = (sky * np.linspace(0.85, 1.03, height)[:, None, None]).clip(0, 255).astype(np.uint8).repeat(width, 1)
    x = 0
    while x < width:
        wide, top = int(rng.integers(24, 80)), int(height * rng.uniform(0.02, 0.5))
        wall = np.array(cloth_colours(rng)[0]) * 90 + 90
        cv2.rectangle(canvas, (x, top), (x + wide, height), wall.tolist(), -1)
        for row in range(top + 6, height, 18):
            for column in range(x + 5, x + wide - 6, 12):
                cv2.rectangle(canvas, (column, row), (column + 6, row + 9), (wall * rng.uniform(0.4, 0.8)).tolist(), -1)
        x += wide
    ground = int(height * rng.uniform(0.75, 0.92))
    canvas[ground:] = [255 * value * 0.7 for value in colours[1]]
    return _defocused(canvas, rng.uniform(1.0, 5.0))


def _photo(path: Path, size: Size, rng: Rng) -> Plane:
    """A part of the photo, 0.6 to 1 of the largest that fits, anywhere in it, every other time mirrored."""
    picture = read_picture(path).rgb
    height, width = size
    share = min(picture.shape[0] / height, picture.shape[1] / width) * rng.uniform(0.6, 1.0)
    tall, wide = max(int(height * share), 1), max(int(width * share), 1)
    left, top = (int(rng.integers(space + 1)) for space in (picture.shape[1] - wide, picture.shape[0] - tall))
    cut = Window(left, top, wide, tall).cut(picture)
    if rng.random() < 0.5:
        cut = cut[:, ::-1]
    return cv2.resize(cut, (width, height), interpolation=cv2.INTER_AREA).astype(np.float32) / np.float32(255)


def _defocused(canvas: np.ndarray, radius: float) -> Plane:
    """The uint8 canvas, blurred by a standard deviation of `radius` pixels."""
    return cv2.GaussianBlur(canvas, (0, 0), radius).astype(np.float32) / np.float32(255)


_KINDS: dict[Backdrop, Callable[[Sequence[Colour], Size, Rng], Plane]] = {
    Backdrop.PLAIN: _plain,
    Backdrop.GRADIENT: _gradient,
    Backdrop.TEXTURE: _texture,
    Backdrop.CLUTTER: _clutter,
    Backdrop.STREET: _street,
}
