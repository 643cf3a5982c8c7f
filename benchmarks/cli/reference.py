"""`dmvton bench reference`: the networks in PyTorch on a GPU, beside what the papers published for a Tesla T4."""

from pathlib import Path
from typing import Annotated

import torch
import typer
from rich import box
from rich.table import Table

from benchmarks.cli.tables import print_table
from benchmarks.report.tables import megabytes, number
from benchmarks.studies.gpu_variants import DEPRECATED_NAMES, GPU_VARIANTS
from benchmarks.studies.peers import peer_names
from benchmarks.studies.reference import PUBLISHED, REFERENCE_GPU, ReferenceRecord, measure_reference
from dmvton_mobile.errors import UnknownName
from dmvton_mobile.records.base import record_json
from dmvton_mobile.utils.files import atomic_file, require_new
from dmvton_mobile.utils.progress import progress_bar

PAPERS_RUNS = 1000


def reference_command(
    device: Annotated[
        str, typer.Option(help="PyTorch device: cuda or cuda:N; cpu only to try the command out.")
    ] = "cuda:0",
    network: Annotated[
        list[str] | None, typer.Option(help="Network. Repeatable. Default: all parser-free ones.")
    ] = None,
    variant: Annotated[
        list[str] | None,
        typer.Option("--variant", "--form", help=f"Variant: {', '.join(GPU_VARIANTS)}. Repeatable. Default: all."),
    ] = None,
    runs: Annotated[int, typer.Option(min=1, help="Timed runs per protocol. The papers use 1000.")] = PAPERS_RUNS,
    out: Annotated[Path | None, typer.Option(help="Output figures, .json. Default: none is written.")] = None,
) -> None:
    """Measure the networks in PyTorch on a GPU, by the papers' protocol and by ours.

    The figures that the papers published are printed in a table of their own.

    Example: dmvton bench reference --device cuda:0 --network dmvton-student --out t4.json
    """
    known = peer_names()
    variants = [DEPRECATED_NAMES.get(name, name) for name in variant or GPU_VARIANTS]
    for asked, names, what in ((network, known, "network without a parser"), (variants, list(GPU_VARIANTS), "variant")):
        for name in asked or ():
            if name not in names:
                raise UnknownName(what, name, names)
    try:
        on = torch.device(device)
    except RuntimeError as error:
        raise UnknownName("device", device, ["cuda:0", "cpu"]) from error
    if on.type not in ("cuda", "cpu"):
        raise UnknownName("device", device, ["cuda:0", "cpu"])
    if out is not None:
        require_new(out)
    with progress_bar("Measuring") as bar:
        found = measure_reference(
            on, network or known, variants, runs, on_step=lambda what: bar.show(what=f"Measuring {what}")
        )
    if out is not None:
        with atomic_file(out) as partial:
            partial.write_text(record_json(found), encoding="utf-8")
    _show(found)


def _show(found: ReferenceRecord) -> None:
    where = found.accelerator or found.device
    typer.echo(f"Measured on {where}, {found.runs} runs, 256x192, batch 1.")
    table = Table(
        "network", "variant", "papers' ms", "whole ms", "frame ms", "allocator MB", "PSNR dB", box=box.MARKDOWN
    )
    for each in found.measured:
        times = (number(value, 2) for value in (each.papers_ms, each.whole_ms, each.frame_ms))
        psnr = "identical" if each.identical else number(each.psnr_db)
        table.add_row(each.network, each.variant, *times, megabytes(each.peak_bytes, 0), psnr)
    print_table(table)
    for each in found.measured:
        if each.failure:
            typer.echo(f"{each.network}, {each.variant}: {each.failure}")
    same = "the same kind of GPU" if found.on_reference else f"not what was measured here, {where}"
    typer.echo(f"Published by the authors, on one {REFERENCE_GPU} ({same}):")
    published = Table("network", "published ms", "published MB", "MB of parameters and buffers", box=box.MARKDOWN)
    for name, (milliseconds, weights) in PUBLISHED.items():
        ours = found.weights_bytes.get(name)
        published.add_row(name, number(milliseconds), number(weights), megabytes(ours))
    print_table(published)
