"""`dmvton bench compression`: cost and quality after each step of a compression."""

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from benchmarks.cli.tables import COST_COLUMNS, cost_cells, print_table
from benchmarks.report.tables import number
from benchmarks.studies.compression.page import page_html
from benchmarks.studies.compression.record import CompressionReport
from benchmarks.studies.compression.report import Plans, report
from benchmarks.studies.compression.sheet import draw_sheet
from converters.target import parse_targets
from dmvton_mobile.cli.options import (
    DEFAULT_SIZE_TEXT,
    DatasetOption,
    Limit,
    LpipsWeights,
    Rounds,
    RunFolderOption,
    Runs,
    Size,
    TargetNames,
    Threads,
)
from dmvton_mobile.contract import parse_size
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.run import PerceptualScale
from dmvton_mobile.metrics.perceptual import lpips as make_lpips
from dmvton_mobile.records.base import parse_record
from dmvton_mobile.records.compression_steps import SENSITIVITY, read_steps
from dmvton_mobile.records.sensitivity import Sensitivity
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.files import atomic_file, sha256_file
from dmvton_mobile.utils.progress import progress_bar


def compression_command(
    run: Annotated[Path, typer.Option(help="Output folder of a finished `dmvton compress`.")],
    data: DatasetOption,
    out: RunFolderOption,
    target: TargetNames = None,
    limit: Limit = None,
    size: Size = DEFAULT_SIZE_TEXT,
    threads: Threads = 2,
    rounds: Rounds = 3,
    runs: Runs = 50,
    lpips: LpipsWeights = None,
) -> None:
    """Report cost and quality after each step of a compression, for every target.

    Writes a page and its figures as JSON.

    Example: dmvton bench compression --run runs/int8 --data benchmark --out runs/int8/report
    """
    plans = Plans(
        run=run,
        steps=read_steps(run),
        dataset=open_dataset(data, Phase.TEST, parse_size(size), seed=0),
        targets=parse_targets(target or []),
        out=out,
        limit=limit,
        threads=threads,
        rounds=rounds,
        runs=runs,
        perceptual=PerceptualScale(make_lpips(lpips), sha256_file(lpips)) if lpips else None,
    )
    with progress_bar("Reporting") as bar:
        made = report(plans, on_step=bar.describe)
    file = run / SENSITIVITY
    found = parse_record(file.read_bytes(), Sensitivity, str(file), DmvtonError) if file.is_file() else None
    pictured = next((each for each in made.targets if each is not Target.COREML), made.targets[0])
    with atomic_file(out / "index.html", overwrite=True) as partial:
        partial.write_text(page_html(made, draw_sheet(plans, pictured), pictured, found), encoding="utf-8")
    print_table(_report_table(made))
    typer.echo(f"Wrote {out}: report.json and index.html.")


def _report_table(made: CompressionReport) -> Table:
    table = Table("target", "step", *COST_COLUMNS, "PSNR garment", "error px", box=None)
    for row in made.rows:
        quality = (number(row.quality.psnr_garment_db, 2), number(row.quality.end_point_error_px, 2))
        table.add_row(row.target, row.step, *cost_cells(row), *quality)
    return table
