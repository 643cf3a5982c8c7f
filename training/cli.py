"""`dmvton train`: a stage of a recipe on a dataset, to a checkpoint."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import torch
import typer

from dmvton_mobile.datasets.dataset import Phase, TryOnDataset, dataset_digest
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.utils.progress import progress_bar
from training.recipe import load_recipe
from training.runtime.distributed import joined
from training.runtime.run_folder import Data, RunFolder
from training.stages.build import stage_from_recipe
from training.trainer import Told, train


class Device(StrEnum):
    CPU = "cpu"
    CUDA = "cuda"


def command(
    recipe: Annotated[Path, typer.Option(help="A recipe's file, or the name of one of ours, like cpu-teacher-warp.")],
    data: Annotated[Path, typer.Option(help="The dataset's folder, in one of the known layouts.")],
    out: Annotated[Path, typer.Option(help="The run's folder; must be new, but to resume.")],
    overrides: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a key of the recipe; repeatable.")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on with the run in --out.")] = False,
    device: Annotated[Device | None, typer.Option(help="Else cuda where there is one.")] = None,
) -> None:
    """Train a teacher or a student by a recipe. A run that was killed goes on with --resume, as if it never was.

    On several GPUs: torchrun --nproc-per-node 8 -m dmvton_mobile.cli train ...

    Example: dmvton train --recipe cpu-teacher-warp --data people --out runs/teacher-warp --set batch_size=2
    """
    chosen = load_recipe(recipe, overrides or [])
    with joined(device or (Device.CUDA if torch.cuda.is_available() else Device.CPU)) as world:
        dataset = open_dataset(data, Phase.TRAIN, chosen.size, chosen.seed)
        with progress_bar("Training", hidden=not world.first) as bar:

            def show(told: Told) -> None:
                loss = sum(told.row.losses.values())
                bar.show(told.row.step, total=told.steps, what=f"Training epoch {told.row.epoch}, loss {loss:.4g}")

            about = world.once(lambda: described(dataset))
            train(stage_from_recipe(chosen), dataset, about, chosen, out, world, resume=resume, on_step=show)
        if world.first:
            typer.echo(f"Wrote {RunFolder(out).network} and its card.")


def described(dataset: TryOnDataset) -> Data:
    """What a run's record says of its data."""
    return Data(
        name=dataset.root.resolve().name,
        layout=dataset.layout,
        pairs=len(dataset),
        digest=dataset_digest(dataset.root),
    )
