"""Weights for others: a run's network in 16 bits, with a card that says where they come from and what they do.

    python -m training.publish runs/lite-warp runs/lite --note "Trained on ..." --out lite.safetensors
    dmvton evaluate --data benchmark --checkpoint lite.safetensors --out runs/figures
    python -m training.publish runs/lite-warp runs/lite --note "Trained on ..." --figures runs/figures/record.json
        --out dmvton_mobile/checkpoints/weights/dmvton-lite.safetensors

A quantized network is published the same way: the weights it was made from first, then compress's checkpoints.

The same runs give the same bytes, so the figures, measured on the first file, are those of the second: the card takes
them only if they are.
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

_SHOWN = {"pairing", "metric", "unit", "images", "mean", "median"}


def publish(runs: list[Path], out: Path, *, note: str, licence: str, figures: Path | None = None) -> Card:
    """Writes the last run's weights to `out` and their card beside it.

    runs: the stages in order, each started from the one before; published weights count as the stages of their card, a
    checkpoint of `dmvton compress` as a stage of its own.
    note: what whoever uses the weights must know.
    figures: the record of an evaluation of these very weights. Raises DmvtonError for stages that do not follow each
    other and for figures of other weights; nothing is written then.
    """
    loaded = [_trained(run) for run in runs]
    for (before, (_, card)), (after, (_, following)) in pairwise(zip(runs, loaded, strict=True)):
        if _started_from(following) != card.weights_sha256:
            raise DmvtonError(f"{after} did not start from {before}: give the runs in the order of their stages.")
    network, last = loaded[-1]
    if len(runs) == 1 and _started_from(last):
        raise DmvtonError(f"{runs[0]} started from a checkpoint: give the run that made it, too.")
    record: dict[str, JsonValue] = {"note": note, "stages": [stage for _, card in loaded for stage in _stages(card)]}
    if figures is not None:
        record["figures"] = _figures(figures, network)
    return save_checkpoint(network, out, trained=True, training=record, licence=licence, precision="fp16")


def _trained(run: Path) -> tuple[TryOnNetwork, Card]:
    """The weights of a run, or published ones."""
    path = run if run.suffix == ".safetensors" else RunFolder(run).network
    if not path.exists():
        raise DmvtonError(f"There is no {path}: the run has not ended. Go on with it: dmvton train --resume.")
    return load_checkpoint(path)


def _stages(card: Card) -> list[JsonValue]:
    stages = (card.training or {}).get("stages")
    return stages if isinstance(stages, list) else [card.training]


def _started_from(card: Card) -> JsonValue:
    """A run's checkpoint to start from; of a step of compression, what it was made of."""
    training = card.training or {}
    inputs = training.get("inputs")
    return inputs.get("start") if isinstance(inputs, dict) else training.get("of")


def _figures(path: Path, network: TryOnNetwork) -> JsonValue:
    if not path.is_file():
        raise DmvtonError(f"There is no {path}: it is what dmvton evaluate writes.")
    record = parse_record(path.read_bytes(), EvaluationRecord, str(path), DmvtonError)
    with tempfile.TemporaryDirectory() as folder:
        rounded = save_checkpoint(network, Path(folder) / "rounded.safetensors", trained=True, precision="fp16")
    if record.run.subject.identity != rounded.weights_sha256:
        raise CheckpointError(f"{path} holds the figures of other weights: evaluate the ones that are published.")
    measured: list[JsonValue] = [figure.model_dump(mode="json", include=_SHOWN) for figure in record.figures]
    return {"data": record.run.data.model_dump(mode="json"), "measured": measured}


def main(
    runs: Annotated[list[Path], typer.Argument(help="The runs, or published weights first, in the order of stages.")],
    out: Annotated[Path, typer.Option(help="The checkpoint to write, NAME.safetensors; must be new.")],
    note: Annotated[str, typer.Option(help="What whoever uses the weights must know.")],
    licence: Annotated[str, typer.Option(help="Of the weights.")] = "Apache-2.0",
    figures: Annotated[Path | None, typer.Option(help="record.json of their evaluation.")] = None,
) -> None:
    """Publish trained weights in 16 bits."""
    try:
        publish(runs, out, note=note, licence=licence, figures=figures)
    except DmvtonError as error:
        typer.echo(f"Error: {error}", err=True)
        raise typer.Exit(error.exit_code) from error
    typer.echo(f"Wrote {out}, {out.stat().st_size} bytes, and its card.")


if __name__ == "__main__":
    typer.run(main)
