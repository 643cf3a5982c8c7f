"""`images.csv`: a row per image and pairing, written as it is measured, with every digit."""

import csv
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile.evaluation.measure import METRICS, Row
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.utils.files import atomic_file

ROWS = "images.csv"
_COLUMNS = ("person", "garment", "pairing", "seconds", *(metric.name for metric in METRICS))


@dataclass(frozen=True)
class Measured:
    """One row. seconds: of the try-on alone."""

    person: str
    garment: str
    pairing: Pairing
    seconds: float
    row: Row


def read_rows(out: Path) -> list[Measured]:
    """The rows of a run folder that were written whole; an interrupt may have cut the last one short."""
    path = out / ROWS
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    return [_parsed(cells) for cells in csv.DictReader(whole.splitlines())]


def write_rows(out: Path, rows: Iterable[Measured]) -> None:
    """These rows and no others."""
    with atomic_file(out / ROWS, overwrite=True) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(_COLUMNS)
        writer.writerows(_cells(item) for item in rows)


def append_rows(out: Path, rows: Iterable[Measured]) -> None:
    """These rows after the ones that are there."""
    with (out / ROWS).open("a", newline="") as file:
        csv.writer(file).writerows(_cells(item) for item in rows)


def _parsed(cells: dict[str, str]) -> Measured:
    row: Row = {metric.name: float(cells[metric.name]) if cells[metric.name] else None for metric in METRICS}
    return Measured(cells["person"], cells["garment"], Pairing(cells["pairing"]), float(cells["seconds"]), row)


def _cells(item: Measured) -> list[object]:
    figures = ["" if item.row[metric.name] is None else repr(item.row[metric.name]) for metric in METRICS]
    return [item.person, item.garment, item.pairing.value, repr(item.seconds), *figures]
