"""`dmvton data poses` and `dmvton data synthesise`: the poses that a dataset lacks, and people in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.cli.options import DEFAULT_SIZE_TEXT, DatasetOption, NewFolderOption, Size, TorchDevice
from dmvton_mobile.contract import parse_size
from dmvton_mobile.datasets.dataset import Phase, dataset_digest
from dmvton_mobile.datasets.layouts.registry import detect_layout, open_dataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import CheckpointCandidate
from dmvton_mobile.utils.progress import progress_bar
from training.synthesis.clusters import DEFAULT_CLUSTERS, PoseClusters, PoseGaps, fit_clusters, measure_gaps
from training.synthesis.command import ExternalCommand, parse_command
from training.synthesis.external import GENERATOR_PLACEHOLDERS, PARSER_PLACEHOLDERS, ExternalGenerator
from training.synthesis.people import PersonGenerator, ProgressCallback
from training.synthesis.poses import dataset_poses
from training.synthesis.provenance import PROVENANCE, Provenance
from training.synthesis.quality_filter import QualityFilter
from training.synthesis.renderer import Renderer, renderer_poses
from training.synthesis.synthesise import PoseReference, SynthesisPlan, synthesise

ReferenceOption = Annotated[
    Path | None,
    typer.Option(
        help="Dataset whose distribution of poses is the goal: its train phase, else its test phase. "
        "Default: the renderer's own poses."
    ),
]
ClustersOption = Annotated[int, typer.Option(min=2, help="Number of clusters that poses are sorted into.")]


def poses_command(
    data: DatasetOption,
    reference: ReferenceOption = None,
    phase: Annotated[Phase, typer.Option(help="Phase of the dataset.")] = Phase.TRAIN,
    clusters: ClustersOption = DEFAULT_CLUSTERS,
) -> None:
    """Show which poses a dataset lacks, compared with a reference dataset.

    Upper bodies are clustered. The table has the share of each cluster in both datasets.

    Example: dmvton data poses --data VITON_traindata --reference people
    """
    poses = dataset_poses(open_dataset(data, phase))
    with _progress() as on_progress:
        wanted = _reference(reference, on_progress)
    fitted = fit_clusters(wanted.poses, clusters)
    gaps = measure_gaps(fitted, wanted.poses, poses)
    Console().print(_poses_table(data.resolve().name, fitted, gaps))
    _say_reference(wanted)
    _say_torsoless(data.resolve().name, len(poses.torsoless))
    if gaps.lacking.any():
        typer.echo(
            f"{gaps.people_to_fill:,} more people, drawn for the gaps, would bring every share to the reference's."
        )


def synthesise_command(
    data: DatasetOption,
    out: NewFolderOption,
    count: Annotated[
        int, typer.Option(min=2, help="Number of people to make. Those that the teacher rejects are not kept.")
    ],
    teacher: Annotated[Path, typer.Option(help="Checkpoint, .safetensors, of a parser-based network.")],
    reference: ReferenceOption = None,
    clusters: ClustersOption = DEFAULT_CLUSTERS,
    threshold: Annotated[
        float | None,
        typer.Option(
            help="Lowest PSNR in dB of the teacher's try-on at which a person is kept. "
            "Default: what 90 % of the dataset's own people reach."
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="Random seed: other seeds give other people.")] = 1,
    with_source: Annotated[
        bool, typer.Option("--with-source", help="Also write the dataset's own people, as hard links.")
    ] = False,
    generator: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Program that makes photos; {person}, {pose} and {out} are replaced. Default: people are rendered.",
        ),
    ] = None,
    parser: Annotated[
        str | None,
        typer.Option(
            metavar="COMMAND",
            help="Program that parses these photos; {person}, {label} and {densepose} are replaced. "
            "Required with --generator.",
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=1, help="Time limit in seconds for one call of these programs.")] = 600,
    size: Size = DEFAULT_SIZE_TEXT,
    workers: Annotated[
        int, typer.Option(min=1, help="Worker processes that render. The output does not depend on them.")
    ] = 1,
    device: TorchDevice = "cpu",
) -> None:
    """Make people in the poses that a dataset lacks, and keep those that the teacher confirms.

    Only the train phase is read. A person is confirmed when the teacher's try-on agrees with the picture.

    Example: dmvton data synthesise --data people --count 350 --teacher teacher.safetensors --with-source --out more
    """
    commands = _commands(generator, parser, timeout)
    quality_filter = QualityFilter(CheckpointCandidate(teacher, device))
    dataset = open_dataset(data, Phase.TRAIN, parse_size(size), seed)
    with _progress() as on_progress:
        wanted = _reference(reference, on_progress)
        people: PersonGenerator = Renderer(seed, dataset.size, workers)
        if commands is not None:
            people = ExternalGenerator(seed, dataset, wanted.poses, *commands)
        plan = SynthesisPlan(dataset, wanted, clusters, count, people, quality_filter, out, threshold, with_source)
        provenance = synthesise(plan, on_progress)
    Console().print(_synthesis_table(data.resolve().name, provenance))
    _say_reference(wanted)
    _say_torsoless(provenance.data.name, provenance.data.torsoless)
    _say_kept(provenance)
    typer.echo(
        f"Wrote {out}: {len(open_dataset(out, Phase.TRAIN, dataset.size))} pairs, phase train, and {PROVENANCE}."
    )


@contextmanager
def _progress() -> Iterator[ProgressCallback]:
    with progress_bar("Reading poses") as bar:
        yield lambda step, done, total: bar.show(done, total=total, what=step)


def _reference(path: Path | None, on_progress: ProgressCallback) -> PoseReference:
    if path is None:
        return PoseReference("the renderer's own poses", None, renderer_poses(on_progress=on_progress))
    phase = Phase.TRAIN if Phase.TRAIN in detect_layout(path).phases(path) else Phase.TEST
    return PoseReference(
        f"{path.resolve().name}, phase {phase}", dataset_digest(path), dataset_poses(open_dataset(path, phase))
    )


def _commands(
    generator: str | None, parser: str | None, timeout: float
) -> tuple[ExternalCommand, ExternalCommand] | None:
    """The generator and the parser; None where people are rendered."""
    if generator is None and parser is None:
        return None
    if generator is None or parser is None:
        raise DmvtonError(
            "--generator makes the pictures and --parser their label and DensePose maps, without which no teacher can "
            "verify them: pass both or neither."
        )
    make = parse_command(generator, GENERATOR_PLACEHOLDERS, timeout, "--generator")
    return make, parse_command(parser, PARSER_PLACEHOLDERS, timeout, "--parser")


def _poses_table(name: str, clusters: PoseClusters, gaps: PoseGaps) -> Table:
    table = Table("cluster", "hands", "reference", "people", "share", "lacking", title=name)
    for cluster in range(len(clusters)):
        lacking = _percent(gaps.lacking[cluster]) if gaps.lacking[cluster] else ""
        shares = (_percent(gaps.reference_shares[cluster]), f"{gaps.people[cluster]:,}", _percent(gaps.shares[cluster]))
        table.add_row(str(cluster), clusters.describe_hands(cluster), *shares, lacking)
    return table


def _synthesis_table(name: str, provenance: Provenance) -> Table:
    columns = ("cluster", "hands", "reference", "before", "wanted", "made", "kept", "after")
    table = Table(*columns, title=name)
    for row in provenance.clusters:
        counts = (str(count) if row.wanted else "" for count in (row.wanted, row.made, row.kept))
        before = (_percent(row.reference_share), _percent(row.share))
        table.add_row(str(row.cluster), row.hands, *before, *counts, _percent(row.share_after))
    return table


def _percent(share: float) -> str:
    return f"{share:.1%}"


def _say_reference(reference: PoseReference) -> None:
    typer.echo(f"Reference: {reference.name}, {len(reference.poses):,} people.")
    _say_torsoless("the reference", len(reference.poses.torsoless))


def _say_torsoless(name: str, people: int) -> None:
    if people:
        typer.echo(f"In {name}, the neck or a hip of {people:,} people is not found: they are in no cluster.")


def _say_kept(provenance: Provenance) -> None:
    people = provenance.people
    made = [person for person in people if person.pose is not None]
    kept = sum(person.kept for person in people)
    origin = (
        "as given" if provenance.threshold_origin == "given" else "what nine in ten of the dataset's own people reach"
    )
    typer.echo(f"Kept {kept} of {len(made)} made; threshold {provenance.threshold_db:.2f} dB, {origin}.")
    if failed := [person for person in people if person.pose is None]:
        typer.echo(f"{len(failed)} could not be made, the first of them: {failed[0].reason}")
    if not provenance.teacher.trained:
        typer.echo("Warning: the teacher is untrained, so what it keeps means nothing.", err=True)
    if provenance.maker == Renderer.name and not provenance.truth:
        typer.echo("The dataset's own people have no truth grids, so those of the rendered ones are left out.")
