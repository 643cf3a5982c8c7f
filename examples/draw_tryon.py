"""Draws docs/tryon.jpg: the example portrait, then each garment and its try-on, by the default weights.

python examples/draw_tryon.py --out docs/tryon.jpg
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from dmvton_mobile.imaging.decode import Pixels, read_picture
from dmvton_mobile.imaging.garment_mask import find_garment_mask
from dmvton_mobile.tryon import TryOn

EXAMPLES = Path(__file__).parent
GARMENTS = ("tee.jpg", "sweater.png", "shirt.jpg")
HEIGHT = 640  # pixels, of every picture on the sheet


def main() -> None:
    """Writes the sheet to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="The picture to write, a .jpg file.")
    out = parser.parse_args().out
    network, person = TryOn.default(), read_picture(EXAMPLES / "person.png")
    cells = [person.rgb]
    for name in GARMENTS:
        garment, mask = read_picture(EXAMPLES / name), EXAMPLES / f"{Path(name).stem}_mask.png"
        prepared = network.prepare_garment(garment, find_garment_mask(garment, mask if mask.exists() else None))
        cells += [garment.rgb, network.try_on(person, prepared)]
    sheet = np.concatenate([_fitted(cell) for cell in cells], 1)
    cv2.imwrite(str(out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _fitted(picture: Pixels) -> Pixels:
    """The picture scaled to the sheet's height."""
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return np.asarray(cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
