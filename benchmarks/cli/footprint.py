"""`dmvton bench footprint`: the four numbers of a bundle's footprint, and the arena, against one budget."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.budget import FOOTPRINT, footprint
from benchmarks.cli.tables import print_table
from benchmarks.devices.choose import choose_device
from benchmarks.record import BenchmarkRecord, Validity, write_record
from benchmarks.report.tables import megabytes
from benchmarks.run import measure
from benchmarks.suite import Budget, load_suite, parse_bytes
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.cli.options import BundleOption
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.progress import progress_bar


class OverBudget(CheckFailed):
    """A number exceeds its budget, or was not measured soundly."""


def footprint_command(
    bundle: BundleOption,
    budget: Annotated[str, typer.Option(metavar="SIZE", help="Budget of each number, like 37MB or 36MiB.")],
    device: Annotated[
        str, typer.Option(help="Device: host, adb:SERIAL or ios:UDID. `dmvton bench devices` lists them.")
    ] = "host",
    precision: Annotated[
        list[Precision] | None,
        typer.Option(help="Measure this precision. Repeatable. Default: what the manifest recommends, else all."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output record, .json. Default: none is written.")] = None,
) -> None:
    """Check that a bundle is within a budget: parameters, files, download, arena and RSS delta, each.

    Example: dmvton bench footprint --bundle lite.dmvton --budget 37MB
    """
    limit = parse_bytes(budget)
    suite, digest = load_suite(Path("footprint"))
    suite = suite.model_copy(
        update={
            "budget": Budget(
                parameters_bytes=limit, file_bytes=limit, download_bytes=limit, arena_bytes=limit, rss_delta_bytes=limit
            )
        }
    )
    opened = read_bundle(bundle)
    if precision:
        suite = suite.model_copy(update={"precisions": tuple(precision), "recommended": False})
    with progress_bar("Measuring") as bar:
        record = measure(opened, suite, digest, choose_device(device), on_step=bar.describe)
    if out is not None:
        write_record(record, out)
    broken = [check.what for check in record.verdict.checks if not check.held]
    what = f"{record.bundle.name} on {record.device.name}"
    typer.echo(f"FAIL: {what}: {broken[0]}" if broken else f"PASS: {what} is within {budget}.")
    print_table(_table(record, suite.budget))
    if broken or record.verdict.validity is Validity.INVALID:
        raise OverBudget(" ".join([*broken[1:], *record.verdict.reasons]) or "It is not within its budget.")


def _table(record: BenchmarkRecord, budget: Budget) -> Table:
    table = Table("artifacts", *FOOTPRINT, box=None)
    for artifacts in record.artifacts:
        found = footprint(budget, artifacts, record.runs)
        marks = {True: "", False: " over", None: ""}
        cells = [f"{megabytes(each.actual_bytes, 1)}{marks[each.within_budget]}" for each in found]
        table.add_row(f"{artifacts.target} {artifacts.precision}", *cells)
    return table
