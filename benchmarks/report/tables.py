"""Tables of figures: how a cell writes a figure, and records side by side."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.report.entry import Entry
from benchmarks.report.figures import ArtifactFigures
from benchmarks.run_record import RunKey


def number(value: float | None, digits: int = 1) -> str:
    """`12.3`; `-` for None."""
    return "-" if value is None else f"{value:.{digits}f}"


def megabytes(count: int | None, digits: int = 1) -> str:
    """Bytes in MB of 10^6; `-` for None."""
    return number(None if count is None else count / 1e6, digits)


def share(value: float | None, digits: int = 0, *, signed: bool = False) -> str:
    """`12%` or `+12%`; `-` for None."""
    return "-" if value is None else f"{value:{'+' if signed else ''}.{digits}%}"


@dataclass(frozen=True)
class TableCell:
    """One record's figure.

    Attributes:
        value: None if the record has none.
        ratio: To the first figure of the row; None for that one, and for a figure of another kind.
        kind: Of the bytes of memory, or whether a load was cold.
    """

    value: float | None
    ratio: float | None = None
    kind: str | None = None


@dataclass(frozen=True)
class TableRow:
    """One artifact, with a cell for each record."""

    title: str
    cells: list[TableCell]


@dataclass(frozen=True)
class FigureTable:
    """One figure of all artifacts and records.

    Attributes:
        name: Of the figure, with its unit.
        rows: One per artifact.
    """

    name: str
    rows: list[TableRow]


_Figure = Callable[[ArtifactFigures], float | None]
_Kind = Callable[[Entry, RunKey], str | None]
_LATENCIES: tuple[tuple[str, _Figure], ...] = (
    ("frame, median ms", lambda each: each.frame_ms),
    ("frame, p99 ms", lambda each: each.p99_ms),
    ("frame at camera rate, median ms", lambda each: each.camera_ms),
    ("frame sustained, median ms at the end", lambda each: each.sustained_ms),
)


def side_by_side(entries: Sequence[Entry]) -> list[FigureTable]:
    """A table for each figure that at least one record has; none for a single record."""
    if len(entries) < 2:
        return []
    tables = [FigureTable(name, _rows(entries, figure, lambda _, __: None)) for name, figure in _LATENCIES]
    tables.append(FigureTable("first load, ms", _rows(entries, lambda each: each.load_ms, Entry.load_kind)))
    tables.append(FigureTable("RSS delta, MB", _rows(entries, _rss_delta_mb, Entry.memory_kind)))
    return [table for table in tables if any(cell.value is not None for row in table.rows for cell in row.cells)]


def differences(entries: Sequence[Entry]) -> list[str]:
    """Reasons why figures of these records must be compared with care, as sentences."""
    found = []
    if len({entry.record.suite.sha256 for entry in entries}) > 1:
        found.append("The records follow different suites, so they were not measured alike.")
    if len({entry.record.agent for entry in entries}) > 1:
        found.append("Different agents measured.")
    if len({entry.record.bundle.digest for entry in entries}) > 1:
        found.append("The bundles differ.")
    return found


def _rows(entries: Sequence[Entry], figure: _Figure, kind: _Kind) -> list[TableRow]:
    titles = {each.key: each.title for entry in entries for each in entry.figures}
    rows = []
    for key in sorted(titles):
        found = [next((each for each in entry.figures if each.key == key), None) for entry in entries]
        values = [None if each is None else figure(each) for each in found]
        kinds = [None if value is None else kind(entry, key) for entry, value in zip(entries, values, strict=True)]
        rows.append(TableRow(titles[key], _cells(values, kinds)))
    return rows


def _cells(values: Sequence[float | None], kinds: Sequence[str | None]) -> list[TableCell]:
    first = next((index for index, value in enumerate(values) if value), None)
    cells = []
    for index, (value, kind) in enumerate(zip(values, kinds, strict=True)):
        against = None if first is None or index == first or kind != kinds[first] else values[first]
        cells.append(TableCell(value, value / against if value is not None and against else None, kind))
    return cells


def _rss_delta_mb(figures: ArtifactFigures) -> float | None:
    return None if figures.rss_delta_bytes is None else figures.rss_delta_bytes / 1e6
