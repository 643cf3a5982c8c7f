"""`dmvton data render`, `check` and `shard`: datasets that training and evaluation read."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.cli.options import DEFAULT_SIZE_TEXT, DatasetArgument, NewFolderOption, Size
from dmvton_mobile.contract import parse_size
from dmvton_mobile.datasets.check import CheckReport, check
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.benchmark import BENCHMARK, is_benchmark
from dmvton_mobile.datasets.procedural.people import People, Split
from dmvton_mobile.datasets.procedural.scene.backdrop import find_photos
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.datasets.shards import write_shards
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.utils.progress import progress_bar

NOT_THE_PUBLISHED_BYTES = (
    "These are the benchmark's people, but not the published bytes: this machine, or another version of NumPy "
    "or OpenCV, rounds differently. Compare figures only with runs on this very folder."
)


def render_command(
    out: NewFolderOption,
    count: Annotated[
        int | None,
        typer.Option(
            min=2,
            help="Number of people. Each is also rendered in another garment. Required, except for the benchmark.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed: other seeds give other people.")] = 0,
    split: Annotated[
        Split, typer.Option(help="What the people are for. benchmark is a fixed set and takes no --count.")
    ] = Split.TRAIN,
    size: Size = DEFAULT_SIZE_TEXT,
    backgrounds: Annotated[
        Path | None, typer.Option(help="Folder of photos, JPEG or PNG, as backgrounds. Default: rendered backgrounds.")
    ] = None,
    workers: Annotated[int, typer.Option(min=1, help="Worker processes. The output does not depend on them.")] = 1,
) -> None:
    """Render people in garments with exact labels, poses and flow, in the layout of VITON.

    Example: dmvton data render --out people --count 2000 --workers 2
    """
    people = _people(split, seed, count, parse_size(size), backgrounds)
    with progress_bar("Rendering", people.count) as bar:
        write_people(people, out, workers, on_rendered=bar.show)
    typer.echo(f"Wrote {out}: {people.count} people, phase {split.phase}.")
    if people == BENCHMARK:
        published = is_benchmark(out)
        typer.echo("Every byte is the published benchmark's." if published else NOT_THE_PUBLISHED_BYTES)


def check_command(dataset: DatasetArgument) -> None:
    """Read every file of a dataset and list its problems, one per line.

    Example: dmvton data check VITON_traindata
    """
    report = check(dataset)
    Console().print(_table(report))
    for problem in report.problems:
        typer.echo(problem)
    if report.problems:
        count = len(report.problems)
        raise CheckFailed(f"{dataset} has {count} {'problem' if count == 1 else 'problems'}.")


def shard_command(
    dataset: DatasetArgument,
    out: NewFolderOption,
    phase: Annotated[Phase, typer.Option(help="Phase of the dataset to pack.")] = Phase.TRAIN,
    samples_per_shard: Annotated[
        int, typer.Option(min=1, help="Samples per tar file. The last may have fewer.")
    ] = 1000,
    size: Size = DEFAULT_SIZE_TEXT,
) -> None:
    """Pack one phase of a dataset into tar files, which many workers can read at once.

    Example: dmvton data shard VITON_traindata --out shards --phase train --samples-per-shard 1000
    """
    index = write_shards(open_dataset(dataset, phase, parse_size(size)), out, samples_per_shard)
    typer.echo(f"Wrote {out}: {sum(shard.samples for shard in index.shards)} samples in {len(index.shards)} shards.")


def _people(split: Split, seed: int, count: int | None, size: tuple[int, int], backgrounds: Path | None) -> People:
    photos = find_photos(backgrounds) if backgrounds else ()
    if split is Split.BENCHMARK:
        if (count or BENCHMARK.count, seed, size, photos) != (BENCHMARK.count, BENCHMARK.seed, BENCHMARK.size, ()):
            raise DmvtonError("The benchmark is fixed: pass no --count, --seed, --size or --backgrounds with it.")
        return BENCHMARK
    if count is None:
        raise DmvtonError("Say how many people to render: --count.")
    return People(split, seed, count, size, photos)


def _table(report: CheckReport) -> Table:
    table = Table("phase", "pairs", "garments", "size", title=f"{report.root.resolve().name}: {report.layout}")
    for phase in report.phases:
        size = "" if phase.size is None else f"{phase.size[1]}x{phase.size[0]}"
        table.add_row(phase.phase, f"{phase.pairs:,}", f"{phase.garments:,}", size)
    return table
