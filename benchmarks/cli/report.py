"""`dmvton bench report | overlay`: records on one page of HTML, and over the graphs of artifacts."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record import read_record
from benchmarks.report.figures import runs_by_key
from benchmarks.report.operations import overlay
from benchmarks.report.page import page_html
from benchmarks.run_record import key_title
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file, atomic_folder, require_new


def report_command(
    records: Annotated[
        list[Path], typer.Argument(help="Records of `dmvton bench run`, .json. Several are shown side by side.")
    ],
    out: Annotated[Path, typer.Option(help="Output page, one self-contained .html file. Must not exist.")],
) -> None:
    """Show records on one HTML page: verdicts, figures, charts, devices and conditions.

    Example: dmvton bench report pixel.json iphone.json --out report.html
    """
    require_new(out)
    page = page_html([read_record(path) for path in records])
    with atomic_file(out) as partial:
        partial.write_text(page, encoding="utf-8")
    typer.echo(f"Wrote {out}.")


def overlay_command(
    record: Annotated[Path, typer.Argument(help="Record of a suite that profiles operations, like quick; .json.")],
    out: Annotated[Path, typer.Option(help="Output folder, one file per artifact. Must not exist.")],
) -> None:
    """Write the operation times of a record as node data for Model Explorer.

    Example: dmvton bench overlay record.json --out overlays
    """
    profiled = {
        key: found
        for key, runs in runs_by_key(read_record(record)).items()
        if (found := next((run.operations for run in runs if run.operations), None))
    }
    if not profiled:
        raise DmvtonError(f"{record} has no operations: run a suite that has `operations: true`, like quick.")
    with atomic_folder(out) as folder:
        for key, found in profiled.items():
            file = folder / f"{'_'.join(map(str, key))}.json"
            file.write_text(overlay(found, key_title(key)), encoding="utf-8")
    typer.echo(f"Wrote {out}: {len(profiled)} files.")
