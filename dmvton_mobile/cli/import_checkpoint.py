"""`dmvton import-checkpoint`: the files that the papers' authors publish, as a checkpoint of ours."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.checkpoints.checkpoint import ImportReport, read_official, save_checkpoint
from dmvton_mobile.networks import network_names


def import_checkpoint_command(
    network: Annotated[str, typer.Option(help=f"Network: {', '.join(network_names())}.")],
    warp: Annotated[Path, typer.Option(help="The authors' weight file of the warp module.")],
    generator: Annotated[Path, typer.Option(help="The authors' weight file of the generator.")],
    out: Annotated[Path, typer.Option(help="Output checkpoint, NAME.safetensors. Must not exist.")],
    licence: Annotated[
        str | None, typer.Option(help="Licence of the weights, for the checkpoint's card. Default: not set.")
    ] = None,
) -> None:
    """Make a checkpoint of the weight files that the papers' authors publish.

    Every tensor must fit the network. If one does not, nothing is written.

    Example: dmvton import-checkpoint --network dmvton-student --warp warp.pt --generator gen.pt --out new.safetensors
    """
    loaded, report = read_official(network, warp=warp, generator=generator)
    save_checkpoint(loaded, out, trained=True, licence=licence, source=report.source)
    Console().print(_table(report))
    typer.echo(f"Wrote {out} and its card {out.with_suffix('.json')}.")
    typer.echo("The authors publish their weights for non-commercial use: check that before you ship an app with them.")


def _table(report: ImportReport) -> Table:
    columns = ("module", "file", "layout", "epoch", "used", "dropped", "missing", "parameters", "bytes")
    table = Table(*columns, title=report.network)
    for file in report.files:
        epoch = "" if file.epoch is None else str(file.epoch)
        keys = (len(file.used), len(file.dropped), len(file.differences.missing))
        sizes = (f"{file.parameters:,}", f"{file.weight_bytes:,}")
        table.add_row(file.module, file.path.name, file.layout, epoch, *map(str, keys), *sizes)
    return table
