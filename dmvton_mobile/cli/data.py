"""`dmvton data`: look after the datasets that training reads."""

from contextlib import closing
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.contract import DEFAULT_SIZE, parse_size, size_text
from dmvton_mobile.datasets.check import CheckReport
from dmvton_mobile.datasets.check import check as check_dataset
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.benchmark import BENCHMARK, is_benchmark
from dmvton_mobile.datasets.procedural.pair import People
from dmvton_mobile.datasets.procedural.seeds import Split
from dmvton_mobile.datasets.procedural.writer import find_photos, phase_of, write_people
from dmvton_mobile.datasets.shards import write_shards
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.utils.progress import progress_bar
from training.synthesis.cli import poses, synthesise_command

data = typer.Typer(no_args_is_help=True, help="Render, check, fill up and pack datasets.")
data.command("poses")(poses)
data.command("synthesise")(synthesise_command)
NOT_THE_BYTES = (
    "These are the benchmark's people, but not the published bytes: this machine, or another version of NumPy or "
    "OpenCV, rounds otherwise. Compare figures only with runs on this very folder."
)
DatasetPath = Annotated[Path, typer.Argument(metavar="DIR", help="The dataset's folder, in one of the known layouts.")]


@data.command()
def render(
    out: Annotated[Path, typer.Option(help="The folder to write; must be new.")],
    count: Annotated[
        int | None, typer.Option(min=2, help="How many people; each is also shown in another's garment.")
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Another number is other people.")] = 0,
    split: Annotated[Split, typer.Option(help="benchmark: the fixed set, which needs no count.")] = Split.TRAIN,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH, multiples of 32.")] = size_text(DEFAULT_SIZE),
    backgrounds: Annotated[Path | None, typer.Option(help="A folder of photos to stand people in front of.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Processes; the bytes do not depend on them.")] = 1,
) -> None:
    """Render people in garments, with labels, poses and the truth of every pixel, in the layout of VITON.

    Example: dmvton data render --out people --count 2000 --workers 2
    """
    people = _people(split, seed, count, parse_size(size), backgrounds)
    with progress_bar("Rendering", people.count) as bar, closing(write_people(people, out, workers)) as written:
        for done in written:
            bar.show(done)
    typer.echo(f"Wrote {out}: {people.count} people, phase {phase_of(split)}.")
    if people == BENCHMARK:
        same = is_benchmark(out)
        typer.echo("Every byte is the published benchmark's." if same else NOT_THE_BYTES)


@data.command()
def check(dataset: DatasetPath) -> None:
    """Read every file of a dataset and say what is wrong with it, a line per problem.

    Example: dmvton data check VITON_traindata
    """
    report = check_dataset(dataset)
    Console().print(_table(report))
    for problem in report.problems:
        typer.echo(problem)
    if report.problems:
        count = len(report.problems)
        raise CheckFailed(f"{dataset} has {count} {'problem' if count == 1 else 'problems'}.")


@data.command()
def shard(
    dataset: DatasetPath,
    out: Annotated[Path, typer.Option(help="The folder to write; must be new.")],
    phase: Annotated[Phase, typer.Option(help="Which part of the dataset.")] = Phase.TRAIN,
    samples_per_shard: Annotated[int, typer.Option(min=1, help="The last shard may hold fewer.")] = 1000,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the samples.")] = size_text(DEFAULT_SIZE),
) -> None:
    """Pack one phase of a dataset into tar files that many workers read at once; nothing is lost in them.

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
