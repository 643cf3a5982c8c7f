"""`dmvton bench report | overlay`: records on one page of HTML, and over the graphs of artifacts."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record import read_record, titled
from benchmarks.report.figures import grouped
from benchmarks.report.operations import overlay
from benchmarks.report.page import page_html
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file, atomic_folder


def report_verb(
    records: Annotated[list[Path], typer.Argument(help="Records of `dmvton bench run`; several stand side by side.")],
    out: Annotated[Path, typer.Option(help="The page, a .html file that needs no other.")],
) -> None:
    """Show records on one page: verdicts, figures, charts, and the devices and conditions behind them.

    Example: dmvton bench report pixel.json iphone.json --out report.html
    """
    if out.exists():
        raise DmvtonError(f"{out} exists already. Remove it, or choose another name.")
    page = page_html([read_record(path) for path in records])
    with atomic_file(out) as partial:
        partial.write_text(page, encoding="utf-8")
    typer.echo(f"Wrote {out}.")


def overlay_verb(
    record: Annotated[Path, typer.Argument(help="A record whose suite profiles operations, like quick's.")],
    out: Annotated[Path, typer.Option(help="The folder of the files, one for each artifact.")],
) -> None:
    """Write the operations of a record as node data, which Model Explorer lays over an artifact's graph.

    Example: dmvton bench overlay record.json --out overlays
    """
    profiled = {
        key: found
        for key, runs in grouped(read_record(record)).items()
        if (found := next((run.operations for run in runs if run.operations), None))
    }
    if not profiled:
        raise DmvtonError(f"{record} has no operations: run a suite that has `operations: true`, like quick.")
    with atomic_folder(out) as folder:
        for key, found in profiled.items():
            file = folder / f"{'_'.join(map(str, key))}.json"
            file.write_text(overlay(found, titled(key)), encoding="utf-8")
    typer.echo(f"Wrote {out}: {len(profiled)} files.")
