"""`dmvton bench`: what artifacts cost on this machine, and what is to be made of it."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.cli import suites
from benchmarks.cli.compare import compare_verb
from benchmarks.cli.peers import peers_verb
from benchmarks.cli.reference import reference_verb
from benchmarks.cli.report import overlay_verb, report_verb
from benchmarks.report.cells import megabytes, number
from benchmarks.studies.compression.page import page_html
from benchmarks.studies.compression.record import CompressionReport
from benchmarks.studies.compression.report import Plans, report
from benchmarks.studies.compression.sheet import draw_sheet
from benchmarks.studies.recommend import recommend
from converters.target import parse_targets
from dmvton_mobile.bundles.bundle import read_bundle, reseal
from dmvton_mobile.bundles.recommendation import PrecisionFigures, Recommendations
from dmvton_mobile.contract import DEFAULT_SIZE, parse_size, size_text
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

bench: typer.Typer = typer.Typer(no_args_is_help=True, help="Measure artifacts on this machine.")
bench.command("run")(suites.run_verb)
bench.command("accept")(suites.accept_verb)
bench.command("devices")(suites.devices_verb)
bench.command("footprint")(suites.footprint_verb)
bench.command("report")(report_verb)
bench.command("overlay")(overlay_verb)
bench.command("compare")(compare_verb)
bench.command("peers")(peers_verb)
bench.command("reference")(reference_verb)
bench.command("schema")(suites.schema_verb)

Threads = Annotated[int, typer.Option(min=1, help="CPU threads of the runtimes.")]
Rounds = Annotated[int, typer.Option(min=1, help="Turns of each, a process of its own every time.")]
Runs = Annotated[int, typer.Option(min=1, help="Frames that count, in a turn.")]


@bench.command("recommend")
def recommend_verb(
    bundle: Annotated[Path, typer.Argument(help="The bundle's folder, NAME.dmvton.")],
    threads: Threads = 2,
    rounds: Rounds = 3,
    runs: Runs = 50,
) -> None:
    """Time every precision of a bundle beside the others, and note in its manifest which to ship for each target.

    Example: dmvton bench recommend lite.dmvton
    """
    opened = read_bundle(bundle)
    if not bundle.is_dir():
        raise DmvtonError(f"{bundle} is an archive: give the bundle's folder, whose manifest takes the advice.")
    with progress_bar("Measuring") as bar:
        found = recommend(
            opened, threads=threads, rounds=rounds, runs=runs, on_step=lambda what: bar.show(what=f"Measuring {what}")
        )
    reseal(opened, opened.manifest.model_copy(update={"recommendations": found}))
    console = Console()
    console.print(_advice_table(found))
    for advice in found.by_target:
        console.print(f"{advice.target}: ship {advice.precision}. {advice.reason}", soft_wrap=True, highlight=False)
    typer.echo(f"Noted in {bundle}'s manifest, with what is still to be measured on a phone.")


@bench.command("compression")
def compression_verb(
    run: Annotated[Path, typer.Option(help="The folder of a dmvton compress that has ended.")],
    data: Annotated[Path, typer.Option(help="What the steps are judged on, in one of the known layouts.")],
    out: Annotated[Path, typer.Option(help="The report's folder; one that was interrupted is gone on with.")],
    target: Annotated[list[str] | None, typer.Option(help="coreml, tflite, executorch, onnx, or all.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="Only the first images.")] = None,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the network's pictures.")] = size_text(DEFAULT_SIZE),
    threads: Threads = 2,
    rounds: Rounds = 3,
    runs: Runs = 50,
    lpips: Annotated[Path | None, typer.Option(help="VGG-16's published weight file, for LPIPS.")] = None,
) -> None:
    """Report what each step of a compression cost and gained in every format: a page and its figures as JSON.

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
        made = report(plans, on_step=lambda what: bar.show(what=what))
    file = run / SENSITIVITY
    found = parse_record(file.read_bytes(), Sensitivity, str(file), DmvtonError) if file.is_file() else None
    pictured = next((each for each in made.targets if each is not Target.COREML), made.targets[0])
    with atomic_file(out / "index.html", overwrite=True) as partial:
        partial.write_text(page_html(made, draw_sheet(plans, pictured), pictured, found), encoding="utf-8")
    Console(width=132).print(_report_table(made))
    typer.echo(f"Wrote {out}: report.json and index.html.")


COSTS = ("files MB", "download MB", "frame ms", "ratio", "RSS delta MB")


def _advice_table(found: Recommendations) -> Table:
    table = Table("target", "precision", *COSTS, box=None)
    for advice in found.by_target:
        for each in advice.figures:
            table.add_row(advice.target, each.precision, *_costs(each))
    return table


def _report_table(made: CompressionReport) -> Table:
    table = Table("target", "step", *COSTS, "PSNR garment", "error px", box=None)
    for row in made.rows:
        quality = (number(row.quality.psnr_garment_db, 2), number(row.quality.end_point_error_px, 2))
        table.add_row(row.target, row.step, *_costs(row), *quality)
    return table


def _costs(each: PrecisionFigures) -> tuple[str, ...]:
    return (
        megabytes(each.file_bytes, 2),
        megabytes(each.download_bytes, 2),
        number(each.frame_ms, 1),
        number(each.latency_ratio, 2),
        megabytes(each.rss_delta_bytes, 0),
    )
