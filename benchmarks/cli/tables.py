"""How the commands of `dmvton bench` print tables, and the columns that several of them have."""

from rich.console import Console
from rich.table import Table

from benchmarks.report.tables import megabytes, number
from dmvton_mobile.bundles.recommendation import PrecisionFigures

COST_COLUMNS = ("files MB", "download MB", "frame ms", "ratio", "RSS delta MB")
WIDTH = 132  # characters; a narrower terminal wraps lines rather than dropping columns


def print_table(table: Table) -> None:
    """Prints a table at its full width, whatever the terminal's."""
    Console(width=WIDTH).print(table)


def cost_cells(figures: PrecisionFigures) -> tuple[str, ...]:
    """The cells under COST_COLUMNS. ratio: frame time, relative to that of the first precision."""
    return (
        megabytes(figures.file_bytes, 2),
        megabytes(figures.download_bytes, 2),
        number(figures.frame_ms, 1),
        number(figures.latency_ratio, 2),
        megabytes(figures.rss_delta_bytes, 0),
    )
