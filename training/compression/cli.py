"""`dmvton compress`: a checkpoint made smaller by a recipe."""

from pathlib import Path
from typing import Annotated

import typer

from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.utils.progress import progress_bar
from training.cli import Device, described
from training.compression.pipeline import Compression, load_compression
from training.runtime.distributed import joined
from training.trainer import Told


def command(
    checkpoint: Annotated[Path, typer.Option(help="The float network, a .safetensors checkpoint.")],
    data: Annotated[Path, typer.Option(help="The dataset's folder, in one of the known layouts.")],
    recipe: Annotated[Path, typer.Option(help="A recipe's file, or one of ours, like lite-int8-cpu.")],
    out: Annotated[Path, typer.Option(help="The run's folder; one that was interrupted is gone on with.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeatable.")
    ] = None,
) -> None:
    """Prune a network, quantize it, and train it back by copying the one it was: each step is a checkpoint.

    Example: dmvton compress --checkpoint lite.safetensors --data people --recipe lite-int8-cpu --out runs/int8
    """
    chosen = load_compression(recipe, overrides or [])
    size = next((given.size for given in (chosen.finetune, chosen.train) if given), chosen.size)
    with joined(Device.CPU) as world:
        dataset = open_dataset(data, Phase.TRAIN, size, seed=0)
        with progress_bar("Compressing") as bar:

            def show(what: str, told: Told | None) -> None:
                if told is None:
                    bar.show(what=what)
                else:
                    bar.show(told.row.step, total=told.steps, what=f"{what}, loss {sum(told.row.losses.values()):.4g}")

            steps = Compression(checkpoint, dataset, described(dataset), chosen, out, world, show).run()
    for step in steps:
        typer.echo(f"{step.name}: {out / step.checkpoint}")
