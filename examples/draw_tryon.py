"""Draws docs/tryon.jpg: the example portrait, and the try-on of each garment beside it, by the default weights.

python examples/draw_tryon.py --out docs/tryon.jpg
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from dmvton_mobile.imaging.decode import Pixels, read_picture
from dmvton_mobile.imaging.garment_mask import find_garment_mask
from dmvton_mobile.tryon import TryOn

HERE = Path(__file__).parent
GARMENTS = ("tee.jpg", "sweater.png", "shirt.jpg")
HEIGHT = 640  # of every picture on the sheet


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True)
    out = parser.parse_args().out
    maker, person = TryOn.default(), read_picture(HERE / "person.png")
    cells = [person.rgb]
    for name in GARMENTS:
        garment, mask = read_picture(HERE / name), (HERE / name).with_name(f"{Path(name).stem}_mask.png")
        prepared = maker.prepare_garment(garment, find_garment_mask(garment, mask if mask.exists() else None))
        cells += [garment.rgb, maker.try_on(person, prepared)]
    sheet = np.concatenate([_fitted(cell) for cell in cells], 1)
    cv2.imwrite(str(out), sheet[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 88])


def _fitted(picture: Pixels) -> Pixels:
    """At the sheet's height, its own proportions."""
    width = round(picture.shape[1] * HEIGHT / picture.shape[0])
    return np.asarray(cv2.resize(picture, (width, HEIGHT), interpolation=cv2.INTER_AREA), np.uint8)


if __name__ == "__main__":
    main()
