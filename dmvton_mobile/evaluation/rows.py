"""`images.csv`: a row per image and pairing, written as soon as it is measured, with all digits."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile.evaluation.measure import METRICS, ImageFigures
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.utils.files import atomic_file

ROWS = "images.csv"
_COLUMNS = ("person", "garment", "pairing", "seconds", *(metric.name for metric in METRICS))


@dataclass(frozen=True)
class ImageRow:
    """One row of `images.csv`.

    Attributes:
        person: Name of the person's image.
        garment: Name of the garment's image.
        pairing: Which garment.
        seconds: Duration of the try-on alone.
        row: Figures by metric.
    """

    person: str
    garment: str
    pairing: Pairing
    seconds: float
    row: ImageFigures


def read_rows(out: Path) -> list[ImageRow]:
    """Reads the complete rows of a run folder; an interruption may have cut the last one short."""
    path = out / ROWS
    if not path.exists():
        return []
    text = path.read_text()
    complete = text[: text.rfind("\n") + 1]
    return [_parsed(cells) for cells in csv.DictReader(complete.splitlines())]


def write_rows(out: Path, rows: Iterable[ImageRow]) -> None:
    """Writes these rows in place of all others."""
    with atomic_file(out / ROWS, overwrite=True) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(item) for item in rows)


def append_rows(out: Path, rows: Iterable[ImageRow]) -> None:
    """Appends rows."""
    with (out / ROWS).open("a", newline="") as file:
        csv.writer(file).writerows(_cells(item) for item in rows)


def _parsed(cells: dict[str, str]) -> ImageRow:
    row: ImageFigures = {metric.name: float(cells[metric.name]) if cells[metric.name] else None for metric in METRICS}
    return ImageRow(cells["person"], cells["garment"], Pairing(cells["pairing"]), float(cells["seconds"]), row)


def _cells(item: ImageRow) -> list[object]:
    figures = ["" if item.row[metric.name] is None else repr(item.row[metric.name]) for metric in METRICS]
    return [item.person, item.garment, item.pairing.value, repr(item.seconds), *figures]
