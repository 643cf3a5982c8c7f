"""Draws docs/people.jpg: a hundred rendered people, each beside the garment they wear.

python examples/draw_people.py --out docs/people.jpg
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.procedural.people import People, Split
from dmvton_mobile.datasets.procedural.rendered_person import render_people

PEOPLE, COLUMNS, CELL = 100, 10, (96, 128)  # width, height of a picture on the sheet


def main() -> None:
    """Writes the sheet to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="The picture to write, a .jpg file.")
    out = parser.parse_args().out
    cells = []
    for person in render_people(People(Split.TRAIN, 0, PEOPLE, DEFAULT_SIZE), range(PEOPLE)):
        garment = (person.garment.rgb * 255).astype(np.uint8)
        both = (cv2.resize(picture, CELL, interpolation=cv2.INTER_AREA) for picture in (person.paired.picture, garment))
        cells.append(np.concatenate([*both], 1))
    rows = [np.concatenate(cells[first : first + COLUMNS], 1) for first in range(0, PEOPLE, COLUMNS)]
    cv2.imwrite(str(out), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 85])


if __name__ == "__main__":
    main()
