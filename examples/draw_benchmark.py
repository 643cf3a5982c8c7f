"""Draws docs/benchmark.jpg: the first people of the benchmark, each with the next one's garment and the try-on.

python examples/draw_benchmark.py --out docs/benchmark.jpg
"""

import argparse
from pathlib import Path

import cv2
import numpy as np

from dmvton_mobile.datasets.procedural.benchmark import BENCHMARK
from dmvton_mobile.datasets.procedural.rendered_person import RenderedPerson, render_people
from dmvton_mobile.imaging.decode import Picture, Pixels
from dmvton_mobile.imaging.garment_mask import GarmentMask, MaskSource
from dmvton_mobile.tryon import TryOn

PEOPLE, COLUMNS = 8, 4  # not selected: the first of the benchmark
GUTTER = 12  # white pixels between two people


def main() -> None:
    """Writes the sheet to --out."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="The picture to write, a .jpg file.")
    out = parser.parse_args().out
    network = TryOn.default()
    people = list(render_people(BENCHMARK, range(PEOPLE + 1)))
    cells = [_cell(network, person, donor) for person, donor in zip(people, people[1:])]
    rows = [np.concatenate(cells[first : first + COLUMNS], 1) for first in range(0, PEOPLE, COLUMNS)]
    cv2.imwrite(str(out), np.concatenate(rows)[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, 90])


def _cell(network: TryOn, person: RenderedPerson, donor: RenderedPerson) -> Pixels:
    """The person, the donor's garment and the try-on, side by side."""
    flat, mask = ((plane * 255).round().astype(np.uint8) for plane in (donor.garment.rgb, donor.garment.mask))
    garment = network.prepare_garment(_picture(flat), GarmentMask(mask, MaskSource.FILE))
    tryon = network.try_on(_picture(person.paired.picture), garment)
    cell = np.concatenate([person.paired.picture, flat, tryon], 1)
    return np.pad(cell, ((0, GUTTER), (0, GUTTER), (0, 0)), constant_values=255)


def _picture(rgb: Pixels) -> Picture:
    return Picture(rgb, None, Path("rendered"))


if __name__ == "__main__":
    main()
