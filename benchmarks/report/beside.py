"""Records beside each other: a table for each figure, a line for each artifact, a column for each record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.report.entry import Entry
from benchmarks.report.figures import Figures
from benchmarks.run_record import RunKey


@dataclass(frozen=True)
class Cell:
    """value: None where the record has none. ratio: to the line's first that has one; None for that one, and where the
    two are not of one kind. kind: what the bytes of memory are, whether a load was cold."""

    value: float | None
    ratio: float | None = None
    kind: str | None = None


@dataclass(frozen=True)
class Line:
    title: str
    cells: list[Cell]


@dataclass(frozen=True)
class Beside:
    """name: of the figure, with its unit."""

    name: str
    lines: list[Line]


_Figure = Callable[[Figures], float | None]
_Kind = Callable[[Entry, RunKey], str | None]
_TIMES: tuple[tuple[str, _Figure], ...] = (
    ("frame, median ms", lambda each: each.frame),
    ("frame, p99 ms", lambda each: each.p99),
    ("frame at camera rate, median ms", lambda each: each.camera),
    ("frame sustained, median ms at the end", lambda each: each.sustained),
)


def beside(entries: Sequence[Entry]) -> list[Beside]:
    """Of what at least one record has; empty for one record."""
    if len(entries) < 2:
        return []
    tables = [Beside(name, _lines(entries, figure, lambda _, __: None)) for name, figure in _TIMES]
    tables.append(Beside("first load, ms", _lines(entries, lambda each: each.load, Entry.cold)))
    tables.append(Beside("RSS delta, MB", _lines(entries, _megabytes, Entry.memory_kind)))
    return [table for table in tables if any(cell.value is not None for line in table.lines for cell in line.cells)]


def differ(entries: Sequence[Entry]) -> list[str]:
    """Why figures of these records are not to be compared as they stand."""
    found = []
    if len({entry.record.suite.sha256 for entry in entries}) > 1:
        found.append("The records follow different suites, so they were not measured alike.")
    if len({entry.record.agent for entry in entries}) > 1:
        found.append("Different agents measured.")
    if len({entry.record.bundle.digest for entry in entries}) > 1:
        found.append("The bundles differ.")
    return found


def _lines(entries: Sequence[Entry], figure: _Figure, kind: _Kind) -> list[Line]:
    titles = {each.key: each.title for entry in entries for each in entry.figures}
    lines = []
    for key in sorted(titles):
        found = [next((each for each in entry.figures if each.key == key), None) for entry in entries]
        values = [None if each is None else figure(each) for each in found]
        kinds = [None if value is None else kind(entry, key) for entry, value in zip(entries, values, strict=True)]
        lines.append(Line(titles[key], _cells(values, kinds)))
    return lines


def _cells(values: Sequence[float | None], kinds: Sequence[str | None]) -> list[Cell]:
    first = next((index for index, value in enumerate(values) if value), None)
    cells = []
    for index, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        against = None if first is None or index == first or kind != kinds[first] else values[first]
        cells.append(Cell(value, value / against if value is not None and against else None, kind))
    return cells


def _megabytes(figures: Figures) -> float | None:
    return None if figures.rss_delta_bytes is None else figures.rss_delta_bytes / 1e6
