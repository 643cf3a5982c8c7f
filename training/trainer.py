"""The training loop: takes a stage, samples and a recipe, and writes a run folder with a trained checkpoint.

A run that is killed at any moment and resumed gives, on the CPU, the same losses and weights bit for bit.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from pydantic import JsonValue

from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.build import processor_name
from training.data.sampler import Batches, Samples, SeededSamples
from training.recipe import Recipe
from training.runtime.averaging import moving_average
from training.runtime.distributed import DistributedContext
from training.runtime.gradients import Gradients, NonFiniteLoss, place_stage, to_device
from training.runtime.log import LogRow, TrainingLog, read_log, scalar_writer, write_sheet
from training.runtime.optimisers import Optimisers
from training.runtime.run_folder import RunFolder, RunRecord, TrainingData
from training.runtime.state import RunProgress, Stateful, load_state, save_state, write_tensors
from training.stages.build import input_digests
from training.stages.stage import Stage

SHEET_SAMPLES = 4


@dataclass(frozen=True)
class StepReport:
    """What `on_step` receives after every step.

    Attributes:
        row: The step's line of the log.
        total_steps: The number of steps of the complete run.
    """

    row: LogRow
    total_steps: int

    @property
    def loss(self) -> float:
        """The sum of the losses, which training minimises."""
        return sum(self.row.losses.values())


TrainingCallback = Callable[[StepReport], None]


def train(
    stage: Stage,
    samples: Samples,
    data: TrainingData,
    recipe: Recipe,
    out: Path,
    context: DistributedContext,
    *,
    resume: bool = False,
    on_step: TrainingCallback = lambda report: None,
) -> None:
    """Trains to the end of the recipe and writes `out`/network.safetensors.

    Args:
        stage: What is trained, in place. Under torchrun every process calls this with a stage of its own.
        samples: The samples to train on.
        data: The description of the samples in the run's record.
        recipe: What the run does.
        out: The run's folder.
        context: The place of this process among the processes of the run.
        resume: Whether to go on with the run in `out`; otherwise `out` must be new.
        on_step: Called after every step.

    Raises:
        DmvtonError: The run cannot start, cannot be resumed, or cannot go on; its last state file is kept.
    """
    scalar_writer()  # without tensorboard, the run ends before it writes anything
    batches, folder = Batches(samples, recipe, context), RunFolder(out)
    sheet_batch = None
    if recipe.sheet_every and context.is_first:
        sheet_batch = _sheet_batch(samples, recipe)  # before the folder is claimed, because the data may be unreadable
    record = context.run_on_first(lambda: folder.claim(recipe, data, input_digests(recipe), resume))
    _Run(stage, batches, sheet_batch, recipe, folder, record, context, on_step).train()


class _Run:
    """One call of `train`: a new run, or the rest of one that was stopped."""

    def __init__(
        self,
        stage: Stage,
        batches: Batches,
        sheet_batch: TryOnSample | None,
        recipe: Recipe,
        folder: RunFolder,
        record: RunRecord,
        context: DistributedContext,
        on_step: TrainingCallback,
    ) -> None:
        self.recipe, self.folder, self.record, self.context, self.on_step = recipe, folder, record, context, on_step
        self.batches, self.sheet_batch = batches, sheet_batch
        self.total_steps = batches.steps * recipe.epochs.total
        self.stage = place_stage(stage, recipe, context)
        self.optimisers = Optimisers(stage, recipe)
        self.gradients = Gradients(stage, recipe, context)
        self.average = moving_average(stage.network, recipe.ema_decay) if recipe.ema_decay else None
        self.stateful: dict[str, Stateful] = {
            "stage": stage, "optimisers": self.optimisers, "scaler": self.gradients.scaler,
        }  # fmt: skip
        if self.average is not None:
            self.stateful["ema"] = self.average
        self.progress = load_state(folder.state, self.stateful) if folder.state.exists() else RunProgress()

    def train(self) -> None:
        with self._log() as log:
            for epoch in range(self.progress.step // self.batches.steps + 1, self.recipe.epochs.total + 1):
                self._train_epoch(epoch, log)
        self.context.run_on_first(self._save_network)

    def _log(self) -> TrainingLog | nullcontext[None]:
        if not self.context.is_first:
            return nullcontext()
        return TrainingLog(self.folder.log, self.folder.scalars, self.progress.step)

    def _train_epoch(self, epoch: int, log: TrainingLog | None) -> None:
        learning_rates = self.optimisers.start_epoch(epoch)
        self.stage.train()
        started = time.perf_counter()
        for micro_batches in self.batches.epoch(epoch, self.progress.step % self.batches.steps):
            losses = self._train_step(micro_batches, epoch)
            seconds, started = time.perf_counter() - started, time.perf_counter()
            self.progress = RunProgress(self.progress.step + 1, self.progress.seconds + seconds)
            row = LogRow(
                step=self.progress.step, epoch=epoch, losses=losses, learning_rates=learning_rates, seconds=seconds
            )
            if log:
                log.write(row)
            self._save_state_if_due()
            self._write_sheet_if_due()
            self.on_step(StepReport(row, self.total_steps))

    def _train_step(self, micro_batches: Sequence[TryOnSample], epoch: int) -> dict[str, float]:
        """Steps the optimisers by one batch; returns its losses by name."""
        try:
            losses = self.gradients.compute(micro_batches, epoch, self.progress.step)
        except NonFiniteLoss as found:
            raise self._non_finite_error(found, epoch) from found
        self.optimisers.step(self.gradients.scaler)
        if self.average is not None:
            self.average.update_parameters(self.stage.network)
        return losses

    def _non_finite_error(self, found: NonFiniteLoss, epoch: int) -> DmvtonError:
        step = self.progress.step + 1
        path = self.folder.nonfinite_batch(step, found.rank)
        if found.rank == self.context.rank:
            write_tensors(path, asdict(found.batch))
        return DmvtonError(
            f"The loss {found.name} is {found.value} at step {step}, in epoch {epoch}. The batch was saved for "
            f"inspection as {path} (read it with torch.load). --resume would meet it again: change the recipe or the "
            "data, and start anew."
        )

    def _save_state_if_due(self) -> None:
        step = self.progress.step
        if step % self.recipe.checkpoint_every == 0 or step == self.total_steps:
            self.context.run_on_first(lambda: save_state(self.folder.state, self.stateful, self.progress))

    def _write_sheet_if_due(self) -> None:
        if self.recipe.sheet_every and self.progress.step % self.recipe.sheet_every == 0:
            self.context.run_on_first(self._write_sheet)

    def _write_sheet(self) -> None:
        if self.sheet_batch is None:
            return
        self.stage.eval()
        with torch.no_grad(), self.gradients.autocast():
            pictures = self.stage.preview(to_device(self.sheet_batch, self.context.device, self.recipe.channels_last))
        self.stage.train()
        write_sheet(self.folder.sheet(self.progress.step), pictures)

    def _save_network(self) -> None:
        network = self.stage.network
        if self.average is not None:
            network.load_state_dict(self.average.module.state_dict())
        save_checkpoint(network, self.folder.network, trained=True, training=self._training_record())

    def _training_record(self) -> dict[str, JsonValue]:
        """What made the weights, for the checkpoint's card."""
        recipe, device, rows = self.recipe, self.context.device, read_log(self.folder.log)
        return {
            "recipe": recipe.without_folders().model_dump(mode="json"),
            "code": self.record.code.model_dump(mode="json"),
            "data": self.record.data.model_dump(mode="json"),
            "inputs": dict(self.record.inputs),
            "seed": recipe.seed,
            "steps": self.progress.step,
            "hours": self.progress.seconds / 3600,
            "hardware": {
                "device": torch.cuda.get_device_name(device) if device.type == "cuda" else processor_name(),
                "processes": self.context.world_size,
                "threads": torch.get_num_threads(),
            },
            "last_epoch_losses": _mean_losses([row for row in rows if row.epoch == rows[-1].epoch]),
            "perceptual": recipe.perceptual.kind,
            "ema_decay": recipe.ema_decay,
        }


def _mean_losses(rows: Sequence[LogRow]) -> dict[str, JsonValue]:
    """The mean of every loss over the rows that have it; a later version that resumed the run may have renamed some."""
    values: dict[str, list[float]] = {}
    for row in rows:
        for name, loss in row.losses.items():
            values.setdefault(name, []).append(loss)
    return {name: math.fsum(losses) / len(losses) for name, losses in values.items()}


def _sheet_batch(samples: Samples, recipe: Recipe) -> TryOnSample:
    """The first samples, as epoch 0 (which no training has) draws them, so that all sheets of a run show the same."""
    seeded = SeededSamples(samples, recipe.seed)
    return collate([seeded[0, index] for index in range(min(SHEET_SAMPLES, len(samples)))])
