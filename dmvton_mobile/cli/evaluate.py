"""`dmvton evaluate`: the quality of a checkpoint, a bundle's artifacts or a baseline on a dataset."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from dmvton_mobile.cli.options import DatasetOption, Limit, LpipsWeights, RunFolderOption, Threads, TorchDevice
from dmvton_mobile.contract import DEFAULT_SIZE, parse_size
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import (
    BundleCandidate,
    Candidate,
    CheckpointCandidate,
    GarmentPasted,
    PersonUnchanged,
)
from dmvton_mobile.evaluation.features import Extractor
from dmvton_mobile.evaluation.page import page_html
from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.evaluation.rows import read_rows
from dmvton_mobile.evaluation.run import Evaluation, PerceptualScale, evaluate
from dmvton_mobile.evaluation.sheet import draw_sheet
from dmvton_mobile.metrics.inception import inception_features
from dmvton_mobile.metrics.perceptual import lpips as make_lpips
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.files import atomic_file, sha256_file
from dmvton_mobile.utils.progress import progress_bar


class Baseline(StrEnum):
    """A try-on without a network, to compare networks with."""

    UNCHANGED = "unchanged"
    PASTED = "pasted"


class Pairings(StrEnum):
    """Which garments are tried on."""

    PAIRED = "paired"
    UNPAIRED = "unpaired"
    BOTH = "both"

    @property
    def members(self) -> tuple[Pairing, ...]:
        """The pairings, one by one."""
        return tuple(Pairing) if self is Pairings.BOTH else (Pairing(self.value),)


def evaluate_command(
    data: DatasetOption,
    out: RunFolderOption,
    checkpoint: Annotated[Path | None, typer.Option(help="Evaluate this checkpoint, .safetensors, in PyTorch.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Evaluate artifacts of this bundle. Needs --runtime.")] = None,
    baseline: Annotated[
        Baseline | None,
        typer.Option(help="Evaluate without a network: the person unchanged, or the garment pasted on."),
    ] = None,
    runtime: Annotated[Target | None, typer.Option(help="Target of the bundle's artifacts.")] = None,
    precision: Annotated[Precision, typer.Option(help="Precision of the bundle's artifacts.")] = Precision.FP32,
    pairing: Annotated[
        Pairings, typer.Option(help="paired: the garment the person wears; unpaired: another one.")
    ] = Pairings.BOTH,
    phase: Annotated[Phase, typer.Option(help="Phase of the dataset.")] = Phase.TEST,
    limit: Limit = None,
    seed: Annotated[int, typer.Option(help="Random seed of the unpaired garments, where the dataset names none.")] = 0,
    size: Annotated[
        str | None,
        typer.Option(
            metavar="HEIGHTxWIDTH",
            help="Height and width of the images in pixels. Default: those of the artifact, or 256x192.",
        ),
    ] = None,
    device: TorchDevice = "cpu",
    threads: Threads = 2,
    workers: Annotated[int, typer.Option(min=0, help="Worker processes that read images ahead.")] = 0,
    lpips: LpipsWeights = None,
    inception: Annotated[
        Path | None,
        typer.Option(help="Inception weights, pt_inception-2015-12-05-6726825d.pth. Default: no FID and KID."),
    ] = None,
) -> None:
    """Measure the quality of try-ons on a dataset.

    Pass one of --checkpoint, --bundle and --baseline. Writes figures, one row per image, contact sheets and a page.

    Example: dmvton evaluate --data people --bundle student.dmvton --runtime onnx --out runs/onnx
    """
    candidate = _candidate(checkpoint, bundle, baseline, runtime, precision, threads, device)
    dataset = open_dataset(data, phase, parse_size(size) if size else candidate.size or DEFAULT_SIZE, seed)
    evaluation = Evaluation(
        candidate,
        dataset,
        pairing.members,
        out,
        limit,
        workers,
        perceptual=PerceptualScale(make_lpips(lpips), sha256_file(lpips)) if lpips else None,
        inception=Extractor(inception_features(inception), sha256_file(inception)) if inception else None,
    )
    with progress_bar("Evaluating", evaluation.images) as bar:
        record = evaluate(evaluation, bar.show)
    _write_pictures(evaluation, record)
    Console().print(_table(record))
    typer.echo(f"Wrote {out}: record.json, images.csv, contact sheets and index.html.")


def _write_pictures(evaluation: Evaluation, record: EvaluationRecord) -> None:
    rows = read_rows(evaluation.out)
    sheets = {pairing: draw_sheet(evaluation, rows, pairing) for pairing in evaluation.pairings}
    for pairing, sheet in sheets.items():
        with atomic_file(evaluation.out / f"sheet_{pairing}.png", overwrite=True) as partial:
            sheet.save(partial, "PNG")
    with atomic_file(evaluation.out / "index.html", overwrite=True) as partial:
        partial.write_text(page_html(record, sheets))


def _candidate(
    checkpoint: Path | None,
    bundle: Path | None,
    baseline: Baseline | None,
    runtime: Target | None,
    precision: Precision,
    threads: int,
    device: str,
) -> Candidate:
    if sum(choice is not None for choice in (checkpoint, bundle, baseline)) != 1:
        raise DmvtonError("Say what to evaluate: one of --checkpoint, --bundle and --baseline.")
    if bundle is not None:
        if runtime is None:
            raise DmvtonError(f"Say which of the bundle's artifacts to run: --runtime {'|'.join(Target)}.")
        return BundleCandidate(bundle, runtime, precision, threads)
    if runtime is not None:
        raise DmvtonError("--runtime chooses among a bundle's artifacts: pass --bundle too.")
    if checkpoint is not None:
        return CheckpointCandidate(checkpoint, device)
    return PersonUnchanged() if baseline is Baseline.UNCHANGED else GarmentPasted()


def _table(record: EvaluationRecord) -> Table:
    table = Table("pairing", "metric", "better", "mean", "median", "worst", "images", title=record.run.subject.name)
    for figure in record.figures:
        unit = "" if figure.unit == "1" else f" {figure.unit}"
        values = (f"{value:.4g}{unit}" for value in (figure.mean, figure.median, figure.worst))
        table.add_row(figure.pairing, figure.metric.replace("_", " "), figure.better, *values, str(figure.images))
    for distance in record.distances:
        value = distance.reason if distance.value is None else f"{distance.value:.4g}"
        table.add_row(distance.pairing, distance.metric, "lower", value, "", "", str(distance.images))
    return table
