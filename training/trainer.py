"""The training loop: a stage, samples and a recipe in, a run folder with a trained checkpoint out.

A run that was killed at any moment and is resumed gives, on the CPU, the same losses and weights bit for bit.
"""

import math
import platform
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
from training.data.sampler import Batches, Samples, Seeded
from training.recipe import Recipe
from training.runtime.distributed import World
from training.runtime.ema import Ema
from training.runtime.gradients import Gradients, NonFiniteLoss, moved, placed
from training.runtime.log import Log, Row, read_log, scalar_writer
from training.runtime.optimisers import Optimisers
from training.runtime.previews import write_preview
from training.runtime.run_folder import Data, RunFolder, RunRecord
from training.runtime.state import Progress, Stateful, load_state, save_state, write_tensors
from training.stages.build import input_digests
from training.stages.stage import Stage

SHOWN = 4  # samples on a sheet


@dataclass(frozen=True)
class Told:
    """What a watcher hears after every step. steps: of the whole run."""

    row: Row
    steps: int


def train(
    stage: Stage,
    samples: Samples,
    data: Data,
    recipe: Recipe,
    out: Path,
    world: World,
    *,
    resume: bool = False,
    on_step: Callable[[Told], None] = lambda told: None,
) -> None:
    """Trains to the end and writes `out`/network.safetensors. Every process of the world calls it with its own stage.

    data: describes the samples. resume: go on with the run in `out`, else it must be new. Raises DmvtonError, and then
    what the run had reached at its last checkpoint is still there.
    """
    scalar_writer()  # missing, it is said before anything is written
    batches, folder = Batches(samples, recipe, world), RunFolder(out)
    shown = _shown(samples, recipe) if world.first and recipe.sheet_every else None  # unreadable data claims nothing
    record = world.once(lambda: folder.claim(recipe, data, input_digests(recipe), resume))
    _Run(stage, batches, shown, recipe, folder, record, world, on_step).go()


class _Run:
    """One sitting of a run."""

    def __init__(
        self,
        stage: Stage,
        batches: Batches,
        shown: TryOnSample | None,
        recipe: Recipe,
        folder: RunFolder,
        record: RunRecord,
        world: World,
        on_step: Callable[[Told], None],
    ) -> None:
        self.recipe, self.folder, self.record, self.world, self.on_step = recipe, folder, record, world, on_step
        self.batches, self.shown = batches, shown
        self.steps = batches.steps * recipe.epochs.total
        self.stage = placed(stage, recipe, world)
        self.optimisers = Optimisers(stage, recipe)
        self.gradients = Gradients(stage, recipe, world)
        self.ema = Ema(stage.network, recipe.ema_decay) if recipe.ema_decay else None
        self.parts: dict[str, Stateful] = {
            "stage": stage, "optimisers": self.optimisers, "scaler": self.gradients.scaler,
        }  # fmt: skip
        if self.ema is not None:
            self.parts["ema"] = self.ema
        self.progress = load_state(folder.state, self.parts) if folder.state.exists() else Progress()

    def go(self) -> None:
        per_epoch = self.batches.steps
        with (
            Log(self.folder.log, self.folder.scalars, self.progress.step) if self.world.first else nullcontext() as log
        ):
            for epoch in range(self.progress.step // per_epoch + 1, self.recipe.epochs.total + 1):
                rates = self.optimisers.start_epoch(epoch)
                self.stage.train()
                started = time.perf_counter()
                for parts in self.batches.epoch(epoch, self.progress.step % per_epoch):
                    losses = self._step(parts, epoch)
                    seconds, started = time.perf_counter() - started, time.perf_counter()
                    self.progress = Progress(self.progress.step + 1, self.progress.seconds + seconds)
                    row = Row(
                        step=self.progress.step, epoch=epoch, losses=losses, learning_rates=rates, seconds=seconds
                    )
                    if log:
                        log.write(row)
                    self._keep()
                    self.on_step(Told(row, self.steps))
        self.world.once(self._finish)

    def _step(self, parts: Sequence[TryOnSample], epoch: int) -> dict[str, float]:
        """The losses of one batch, by name, and one step against their gradients."""
        try:
            losses = self.gradients.compute(parts, epoch, self.progress.step)
        except NonFiniteLoss as found:
            raise self._stopped(found, epoch) from found
        self.optimisers.step(self.gradients.scaler)
        if self.ema:
            self.ema.update(self.stage.network)
        return losses

    def _keep(self) -> None:
        """The state and the sheet, where one is due."""
        step, recipe = self.progress.step, self.recipe
        if step % recipe.checkpoint_every == 0 or step == self.steps:
            self.world.once(lambda: save_state(self.folder.state, self.parts, self.progress))
        if recipe.sheet_every and step % recipe.sheet_every == 0:
            self.world.once(self._write_sheet)

    def _write_sheet(self) -> None:
        if self.shown is None:
            return
        self.stage.eval()
        with torch.no_grad(), self.gradients.autocast():
            pictures = self.stage.preview(moved(self.shown, self.world.device, self.recipe.channels_last))
        self.stage.train()
        write_preview(self.folder.sheet(self.progress.step), pictures)

    def _stopped(self, found: NonFiniteLoss, epoch: int) -> DmvtonError:
        step = self.progress.step + 1
        path = self.folder.nonfinite_batch(step, found.rank)
        if found.rank == self.world.rank:
            write_tensors(path, asdict(found.batch))
        return DmvtonError(
            f"The loss {found.name} is {found.value} at step {step}, in epoch {epoch}. The batch was saved for "
            f"inspection as {path} (read it with torch.load). --resume would meet it again: change the recipe or the "
            "data, and start anew."
        )

    def _finish(self) -> None:
        network = self.stage.network
        if self.ema:
            network.load_state_dict(self.ema.weights)
        save_checkpoint(network, self.folder.network, trained=True, training=self._training_record())

    def _training_record(self) -> dict[str, JsonValue]:
        """For the card: what made these weights."""
        recipe, rows = self.recipe, read_log(self.folder.log)
        last = [row for row in rows if row.epoch == rows[-1].epoch]
        return {
            "recipe": recipe.named().model_dump(mode="json"),
            "code": self.record.code.model_dump(mode="json"),
            "data": self.record.data.model_dump(mode="json"),
            "inputs": dict(self.record.inputs),
            "seed": recipe.seed,
            "steps": self.progress.step,
            "hours": self.progress.seconds / 3600,
            "hardware": {
                "device": _device_name(self.world.device),
                "processes": self.world.size,
                "threads": torch.get_num_threads(),
            },
            "last_epoch_losses": {
                name: math.fsum(row.losses[name] for row in last) / len(last) for name in last[0].losses
            },
            "perceptual": recipe.perceptual.kind,
            "ema_decay": recipe.ema_decay,
        }


def _shown(samples: Samples, recipe: Recipe) -> TryOnSample:
    """The first samples, with the unpaired garments of no epoch; read before any worker starts."""
    seeded = Seeded(samples, recipe.seed)
    return collate([seeded[0, index] for index in range(min(SHOWN, len(samples)))])


def _device_name(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    about = Path("/proc/cpuinfo")
    lines = about.read_text().splitlines() if about.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
