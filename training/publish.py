"""Publishes trained weights: rounds them to fp16 and writes a card with their origin and figures.

    python -m training.publish runs/lite-warp runs/lite --note "Trained on ..." --out lite.safetensors
    dmvton evaluate --data benchmark --checkpoint lite.safetensors --out runs/figures
    python -m training.publish runs/lite-warp runs/lite --note "Trained on ..." --figures runs/figures/record.json
        --out dmvton_mobile/checkpoints/weights/dmvton-lite.safetensors

A quantized network is published in the same way: first the weights it was made from, then the checkpoints of `dmvton
compress`.

The same runs give the same bytes, so the figures that are measured on the first file hold for the second. The card
takes no figures of other weights.
"""

import tempfile
from itertools import pairwise
from pathlib import Path
from typing import Annotated

import typer
from pydantic import JsonValue

from dmvton_mobile.checkpoints.checkpoint import Card, CheckpointError, load_checkpoint, save_checkpoint
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.record import EvaluationRecord
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.records.base import parse_record
from training.runtime.run_folder import RunFolder

_FIGURE_FIELDS = {"pairing", "metric", "unit", "images", "mean", "median"}


def publish(runs: list[Path], out: Path, *, note: str, licence: str, figures: Path | None = None) -> Card:
    """Writes the weights of the last run, and their card beside it.

    Args:
        runs: The run folders or checkpoints of all stages in order, each started from the one before. Published weights
            count as the stages of their card, a checkpoint of `dmvton compress` as a stage of its own.
        out: The checkpoint to write, NAME.safetensors; new.
        note: What users of the weights must know.
        licence: The licence of the weights.
        figures: `record.json` of an evaluation of these weights in fp16; None for a card without figures.

    Raises:
        DmvtonError: A stage did not start from the one before, or the figures are of other weights; nothing is written.
    """
    checkpoints = [_load(run) for run in runs]
    for (before, (_, card)), (after, (_, next_card)) in pairwise(zip(runs, checkpoints, strict=True)):
        if _start_digest(next_card) != card.weights_sha256:
            raise DmvtonError(f"{after} did not start from {before}: give the runs in the order of their stages.")
    network, last_card = checkpoints[-1]
    if len(runs) == 1 and _start_digest(last_card):
        raise DmvtonError(f"{runs[0]} started from a checkpoint: give the run that made it, too.")
    stages = [stage for _, card in checkpoints for stage in _stages(card)]
    record: dict[str, JsonValue] = {"note": note, "stages": stages}
    if figures is not None:
        record["figures"] = _figures(figures, network)
    return save_checkpoint(network, out, trained=True, training=record, licence=licence, precision="fp16")


def _load(run: Path) -> tuple[TryOnNetwork, Card]:
    """The network of a run folder or of a checkpoint."""
    path = run if run.suffix == ".safetensors" else RunFolder(run).network
    if not path.exists():
        raise DmvtonError(f"There is no {path}: the run has not ended. Go on with it: dmvton train --resume.")
    return load_checkpoint(path)


def _stages(card: Card) -> list[JsonValue]:
    """The records of the stages that made a checkpoint."""
    stages = (card.training or {}).get("stages")
    return stages if isinstance(stages, list) else [card.training]


def _start_digest(card: Card) -> JsonValue:
    """The digest of the weights that a run, or a step of compression, started from; None for a fresh network."""
    training = card.training or {}
    inputs = training.get("inputs")
    return inputs.get("start") if isinstance(inputs, dict) else training.get("of")


def _figures(path: Path, network: TryOnNetwork) -> JsonValue:
    """The figures of an evaluation for the card."""
    if not path.is_file():
        raise DmvtonError(f"There is no {path}: it is what dmvton evaluate writes.")
    record = parse_record(path.read_bytes(), EvaluationRecord, str(path), DmvtonError)
    with tempfile.TemporaryDirectory() as folder:
        rounded = save_checkpoint(network, Path(folder) / "rounded.safetensors", trained=True, precision="fp16")
    if record.run.subject.identity != rounded.weights_sha256:
        raise CheckpointError(f"{path} holds the figures of other weights: evaluate the ones that are published.")
    measured: list[JsonValue] = [figure.model_dump(mode="json", include=_FIGURE_FIELDS) for figure in record.figures]
    return {"data": record.run.data.model_dump(mode="json"), "measured": measured}


def main(
    runs: Annotated[list[Path], typer.Argument(help="Run folders or published weights, in the order of stages.")],
    out: Annotated[Path, typer.Option(help="Output checkpoint, NAME.safetensors. Must not exist.")],
    note: Annotated[str, typer.Option(help="What users of the weights must know.")],
    licence: Annotated[str, typer.Option(help="Licence of the weights.")] = "Apache-2.0",
    figures: Annotated[Path | None, typer.Option(help="record.json of an evaluation of these weights.")] = None,
) -> None:
    """Publish trained weights in fp16.

    Example: python -m training.publish runs/lite-warp runs/lite --note "Trained on ..." --out lite.safetensors
    """
    try:
        publish(runs, out, note=note, licence=licence, figures=figures)
    except DmvtonError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(f"Wrote {out}, {out.stat().st_size} bytes, and its card.")


if __name__ == "__main__":
    typer.run(main)
