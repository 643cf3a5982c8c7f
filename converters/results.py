"""The table at the end of a conversion: one row per artifact."""

from dataclasses import dataclass

from rich.console import Console
from rich.table import Table

from converters.exporters.exported import Exported
from dmvton_mobile.bundles.manifest import Artifact, ParityFigure
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Target

MEGABYTE = 1e6
TABLE_WIDTH = 132  # of the longest names


@dataclass(frozen=True)
class Row:
    """status: verified, failed, or "device only" where no host can run it. artifact: None where it failed."""

    target: Target
    component: Component
    exported: Exported
    artifact: Artifact | None
    seconds: float
    status: str


def print_rows(console: Console, rows: list[Row]) -> None:
    """One row per artifact, and below it the operations that stay outside the delegates."""
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("target", "left"),
        ("component", "left"),
        ("file MB", "right"),
        ("weights MB", "right"),
        ("constants kB", "right"),
        ("other kB", "right"),
        ("in + out of delegate", "right"),
        ("worst dB", "right"),
        ("seconds", "right"),
        ("status", "left"),
    ):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for row in rows:
        footprint = row.exported.footprint
        table.add_row(
            row.target,
            row.component,
            f"{footprint.file_bytes / MEGABYTE:.2f}",
            f"{footprint.weight_bytes / MEGABYTE:.2f}",
            _kilobytes(footprint.constant_bytes),
            _kilobytes(footprint.metadata_bytes),
            _delegated(row),
            worst_db(row.artifact.parity) if row.artifact else "-",
            f"{row.seconds:.0f}",
            row.status,
        )
    console.width = max(console.width, TABLE_WIDTH)  # in a log, too, where it would be 80
    console.print(table, soft_wrap=True)
    for row in rows:
        if left := row.exported.footprint.leftover_operations:
            listed = ", ".join(f"{count} {name}" for name, count in left.items())
            console.print(
                f"{row.target} {row.component}, outside the delegate: {listed}", highlight=False, soft_wrap=True
            )


def worst_db(figures: tuple[ParityFigure, ...]) -> str:
    """The lowest of the figures, "equal" where all are equal bit by bit, "-" where there is none."""
    known = [figure.psnr_db for figure in figures if figure.psnr_db is not None]
    return f"{min(known):.1f}" if known else "equal" if figures else "-"


def _kilobytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e3:.1f}"


def _delegated(row: Row) -> str:
    footprint = row.exported.footprint
    if footprint.delegated_operations is None:
        return "-"
    return f"{footprint.delegated_operations} + {sum((footprint.leftover_operations or {}).values())}"
