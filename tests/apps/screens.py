"""Draws docs/screens.jpg: both apps' screens for the example photo.

    python -m tests.apps.screens --out docs/screens.jpg

The pictures are those that the kits compose, in Kotlin and in Swift; what lies over and below them is drawn after the
apps' layouts. Needs what `make apps` made.
"""

import argparse
import os
import subprocess
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from dmvton_mobile.imaging.window import person_window
from tests.apps.scene import GARMENT, PHOTO, record_scene

CI = Path(__file__).parents[2] / ".ci"
SCREEN = (720, 1440)  # width, height
DENSITY = 2
GREY, WHITE, BLACK = (60, 60, 62), (255, 255, 255), (0, 0, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    with tempfile.TemporaryDirectory() as made:
        folder = Path(made)
        record_scene(folder)
        screens = [android(composed("android", folder)), ios(composed("ios", folder))]
    sheet = Image.new("RGB", (2 * SCREEN[0] + 120, SCREEN[1] + 80), WHITE)
    for number, screen in enumerate(screens):
        sheet.paste(screen, (40 + number * (SCREEN[0] + 40), 40))
    sheet.resize((sheet.width // 2, sheet.height // 2), Image.Resampling.LANCZOS).save(out, quality=90)


def composed(platform: str, folder: Path) -> Image.Image:
    """The scene as the platform's kit composes it."""
    environment = {**os.environ, "DMVTON_SCENE": str(folder)}
    subprocess.run([CI / f"apps-{platform}", "test"], env=environment, check=True, stdout=subprocess.DEVNULL)
    with Image.open(PHOTO) as photo:
        shape = (photo.height, photo.width, 3)
    return Image.fromarray(np.fromfile(folder / f"{platform}.rgb", np.uint8).reshape(shape))


def android(picture: Image.Image) -> Image.Image:
    """Live, with the outline to stand in."""
    screen = Image.new("RGB", SCREEN, BLACK)
    scale, left, top = _fit(screen, picture, (0, 0, *SCREEN))
    window = person_window(picture.height, picture.width)
    _guide(screen, left + window.left * scale, top + window.top * scale, window.width * scale, window.height * scale)
    draw = ImageDraw.Draw(screen)
    draw.text((8, 8), "PSS -  thermal: not known  dmvton-lite  unsigned", WHITE, _font(14))
    with Image.open(GARMENT) as garment:
        _fit(screen, garment.convert("RGBA"), (0, SCREEN[1] - 232, 128, 128))
    place = 4
    for title in ("CAMERA", "PHOTO", "GARMENT", "SHARE", "RUNTIME", "BUNDLE"):
        wide = max(176, int(draw.textlength(title, _font(14))) + 32)
        draw.rounded_rectangle((place, SCREEN[1] - 96, place + wide - 8, SCREEN[1] - 8), 6, GREY)
        draw.text((place + wide / 2 - 4, SCREEN[1] - 52), title, WHITE, _font(14), anchor="mm")
        place += wide
    return screen


def ios(picture: Image.Image) -> Image.Image:
    """A photo."""
    screen = Image.new("RGB", SCREEN, WHITE)
    shelf, buttons = 192, 120
    below = SCREEN[1] - shelf - buttons
    draw = ImageDraw.Draw(screen, "RGBA")
    draw.rectangle((0, 0, SCREEN[0], below), BLACK)
    _fit(screen, picture, (0, 0, SCREEN[0], below))
    draw.rectangle((0, 0, 300, 164), (235, 235, 235, 220))
    for row, line in enumerate(("frame -", "composed by CPU", "memory -", "cool", "dmvton-lite, unsigned")):
        draw.text((12, 12 + 28 * row), line, BLACK, _font(11))
    with Image.open(GARMENT) as garment:
        _fit(screen, garment.convert("RGBA"), (16, below + 16, 120, 160))
    draw.rectangle((16, below + 16, 136, below + 176), outline=(0, 122, 255), width=4)
    draw.text((212, below + 96), "+", (0, 122, 255), _font(30), anchor="mm")
    for number, title in enumerate(("camera", "photo", "share", "bundle", "network")):
        draw.text((72 + 144 * number, SCREEN[1] - 60), title, (0, 122, 255), _font(13), anchor="mm")
    return screen


def _fit(screen: Image.Image, picture: Image.Image, place: tuple[int, int, int, int]) -> tuple[float, float, float]:
    """Pastes the picture as large as it fits into left, top, width, height; returns scale, left and top."""
    left, top, width, height = place
    scale = min(width / picture.width, height / picture.height)
    fitted = picture.resize((round(picture.width * scale), round(picture.height * scale)), Image.Resampling.BILINEAR)
    corner = (left + (width - fitted.width) // 2, top + (height - fitted.height) // 2)
    screen.paste(fitted, corner, fitted if fitted.mode == "RGBA" else None)
    return scale, *corner


def _guide(screen: Image.Image, left: float, top: float, width: float, height: float) -> None:
    """As `GuideView` draws it."""

    def part(x0: float, y0: float, x1: float, y1: float) -> tuple[float, float, float, float]:
        return left + x0 * width, top + y0 * height, left + x1 * width, top + y1 * height

    draw = ImageDraw.Draw(screen, "RGBA")
    line = (255, 255, 255, 160)
    draw.rectangle(part(0, 0, 1, 1), outline=line, width=2 * DENSITY)
    draw.ellipse(part(0.40, 0.04, 0.60, 0.24), outline=line, width=2 * DENSITY)
    draw.arc(part(0.18, 0.25, 0.82, 0.75), 180, 360, line, 2 * DENSITY)


def _font(points: int) -> ImageFont.ImageFont | ImageFont.FreeTypeFont:
    return ImageFont.load_default(points * DENSITY)


if __name__ == "__main__":
    main()
