"""`dmvton bench compare`: a regression gate between two records."""

import re
from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.cli.tables import print_table
from benchmarks.compare import Comparison, Outcome, compare, junit_xml
from benchmarks.record import read_record
from benchmarks.report.tables import number, share
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.utils.files import atomic_file

GOOD = (Outcome.SAME, Outcome.BETTER)


class Regression(CheckFailed):
    """A figure is worse than the bound allows, or cannot be compared."""


def compare_command(
    base: Annotated[Path, typer.Argument(help="Record before the change, .json.")],
    new: Annotated[Path, typer.Argument(help="Record after the change, .json.")],
    max_regression: Annotated[
        str, typer.Option(metavar="PERCENT", help="Largest regression that passes, like 5%.")
    ] = "5%",
    junit: Annotated[
        Path | None,
        typer.Option(help="Output report as JUnit XML; an existing file is replaced. Default: none is written."),
    ] = None,
) -> None:
    """Fail if one record is worse than another by more than a bound.

    Compares frame times with a robust statistic, memory and download sizes directly.

    Example: dmvton bench compare base.json new.json --max-regression 5% --junit gate.xml
    """
    found = compare(read_record(base), read_record(new), _share(max_regression))
    print_table(_table(found))
    if junit is not None:
        with atomic_file(junit, overwrite=True) as partial:
            partial.write_text(junit_xml(found), encoding="utf-8")
    bad = [f"{each.title}, {each.figure}: {each.outcome}, {each.why}" for each in found if each.outcome not in GOOD]
    if bad:
        raise Regression(" ".join(bad))
    typer.echo(f"No regression of more than {max_regression}.")


def _share(text: str) -> float:
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*%", text.strip())
    if found is None or float(found[1]) == 0:
        raise DmvtonError(f"{text!r} is no bound: write a percentage above 0, like 5%.")
    return float(found[1]) / 100


def _table(found: list[Comparison]) -> Table:
    table = Table("artifacts", "figure", "base", "new", "ratio", "noise", "outcome", box=None)
    for each in found:
        in_bytes = each.figure != "frame"
        values = [value and value / 1e6 if in_bytes else value for value in (each.base, each.new)]
        unit = " MB" if in_bytes else " ms"
        cells = [number(value, 2) + (unit if value is not None else "") for value in values]
        table.add_row(each.title, each.figure, *cells, number(each.ratio, 3), share(each.noise, 1), each.outcome)
    return table
