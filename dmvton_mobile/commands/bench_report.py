"""`dmvton bench report`: records on one page of HTML."""

from pathlib import Path
from typing import Annotated

import typer

from benchmarks.record import read_record
from benchmarks.report.page import page_html
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.files import atomic_file


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
