"""`dmvton train` and `dmvton compress`: a recipe on a dataset, to a checkpoint."""

from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmvton_mobile.cli.options import DatasetOption, Overrides, RunFolderOption
from dmvton_mobile.utils.progress import progress_bar

if TYPE_CHECKING:
    from dmvton_mobile.datasets.dataset import TryOnDataset
    from training.runtime.run_folder import TrainingData
    from training.trainer import StepReport


class TrainingDevice(StrEnum):
    """Where training runs."""

    CPU = "cpu"
    CUDA = "cuda"


def train_command(
    recipe: Annotated[Path, typer.Option(help="Recipe: a YAML file, or one of ours by name, like cpu-teacher-warp.")],
    data: DatasetOption,
    out: Annotated[Path, typer.Option(help="Output folder of the run. Must not exist, except with --resume.")],
    overrides: Overrides = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run in --out.")] = False,
    device: Annotated[
        TrainingDevice | None, typer.Option(help="Device. Default: cuda if there is a GPU, else cpu.")
    ] = None,
) -> None:
    """Train a teacher or a student by a recipe.

    A run that was killed continues with --resume; on the CPU it computes the same losses as one that was not.
    On several GPUs: torchrun --nproc-per-node 8 -m dmvton_mobile.cli train ...

    Example: dmvton train --recipe cpu-teacher-warp --data people --out runs/teacher-warp --set batch_size=2
    """
    import torch

    from dmvton_mobile.datasets.dataset import Phase
    from dmvton_mobile.datasets.layouts.registry import open_dataset
    from training.recipe import load_recipe
    from training.runtime.distributed import distributed_context
    from training.runtime.run_folder import RunFolder
    from training.stages.build import stage_from_recipe
    from training.trainer import train

    config = load_recipe(recipe, overrides or [])
    if device is None:
        device = TrainingDevice.CUDA if torch.cuda.is_available() else TrainingDevice.CPU
    with distributed_context(device) as context:
        dataset = open_dataset(data, Phase.TRAIN, config.size, config.seed)
        with progress_bar("Training", hidden=not context.is_first) as bar:

            def show(report: "StepReport") -> None:
                what = f"Training epoch {report.row.epoch}, loss {report.loss:.4g}"
                bar.show(report.row.step, total=report.total_steps, what=what)

            training_data = context.run_on_first(lambda: _describe(dataset))
            train(stage_from_recipe(config), dataset, training_data, config, out, context, resume=resume, on_step=show)
        if context.is_first:
            typer.echo(f"Wrote {RunFolder(out).network} and its card.")


def compress_command(
    checkpoint: Annotated[Path, typer.Option(help="Float32 checkpoint to compress, .safetensors.")],
    data: DatasetOption,
    recipe: Annotated[Path, typer.Option(help="Recipe: a YAML file, or one of ours by name, like lite-int8-cpu.")],
    out: RunFolderOption,
    overrides: Overrides = None,
) -> None:
    """Prune, quantize and fine-tune a checkpoint by a recipe.

    The original network is the teacher of the fine-tuning. Each step of the recipe writes a checkpoint.

    Example: dmvton compress --checkpoint lite.safetensors --data people --recipe lite-int8-cpu --out runs/int8
    """
    from dmvton_mobile.datasets.dataset import Phase
    from dmvton_mobile.datasets.layouts.registry import open_dataset
    from training.compression.pipeline import Compression
    from training.compression.recipe import load_compression_recipe
    from training.runtime.distributed import distributed_context

    config = load_compression_recipe(recipe, overrides or [])
    size = next((stage.size for stage in (config.finetune, config.train) if stage), config.size)
    with distributed_context(TrainingDevice.CPU) as context:
        dataset = open_dataset(data, Phase.TRAIN, size, seed=0)
        with progress_bar("Compressing") as bar:

            def show(what: str, report: "StepReport | None") -> None:
                if report is None:
                    bar.show(what=what)
                else:
                    bar.show(report.row.step, total=report.total_steps, what=f"{what}, loss {report.loss:.4g}")

            steps = Compression(checkpoint, dataset, _describe(dataset), config, out, context, show).run()
    for step in steps:
        typer.echo(f"{step.name}: {out / step.checkpoint}")


def _describe(dataset: "TryOnDataset") -> "TrainingData":
    from dmvton_mobile.datasets.dataset import dataset_digest
    from training.runtime.run_folder import TrainingData

    return TrainingData(
        name=dataset.root.resolve().name,
        layout=dataset.layout,
        pairs=len(dataset),
        digest=dataset_digest(dataset.root),
    )
