"""The gradients of one batch: over all processes, the parts each accumulates, in the precision of the recipe."""

import math
from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import fields, is_dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch.amp.grad_scaler import GradScaler
from torch.nn.parallel import DistributedDataParallel

from dmvton_mobile.datasets.sample import TryOnSample
from training.recipe import Precision, Recipe
from training.runtime.distributed import World
from training.runtime.seeds import seed_everything
from training.stages.stage import Losses, Stage

_COMPUTED_IN = {Precision.BF16: torch.bfloat16, Precision.FP16: torch.float16}
Moved = TypeVar("Moved")


class NonFiniteLoss(Exception):
    """name, value: of the first loss that is NaN or infinite. rank: where. batch: that process's own."""

    def __init__(self, name: str, value: float, rank: int, batch: TryOnSample) -> None:
        super().__init__(f"The loss {name} is {value}")
        self.name, self.value, self.rank, self.batch = name, value, rank, batch


class Gradients:
    """Of a stage, which lies on the world's device already."""

    def __init__(self, stage: Stage, recipe: Recipe, world: World) -> None:
        self._stage, self._recipe, self._world = stage, recipe, world
        self._parallel = DistributedDataParallel(stage) if world.size > 1 else None
        self.scaler = GradScaler(world.device.type, enabled=recipe.precision is Precision.FP16)

    def compute(self, parts: Sequence[TryOnSample], epoch: int, step: int) -> dict[str, float]:
        """Leaves the gradients, scaled by `scaler`, in the parameters; the losses by name, their mean over the batch.

        parts: of this process's share. Raises NonFiniteLoss, in every process, before any gradient is of it.
        """
        self._stage.zero_grad(set_to_none=True)
        sums: dict[str, float] = {}
        for number, part in enumerate(parts):
            batch = moved(part, self._world.device, self._recipe.channels_last)
            chunk = number * self._world.size + self._world.rank
            seed_everything(self._recipe.seed, "step", epoch, step, chunk)
            with self._syncing(number == len(parts) - 1):
                with self.autocast():
                    losses: Losses = (self._parallel or self._stage)(batch, epoch)
                    total = torch.stack([loss.float() for loss in losses.values()]).sum()
                for name, value in self._means(losses, batch).items():
                    sums[name] = sums.get(name, 0.0) + value / len(parts)
                self.scaler.scale(total / len(parts)).backward()
        return sums

    def autocast(self) -> AbstractContextManager[Any]:
        computed_in = _COMPUTED_IN.get(self._recipe.precision)
        return torch.autocast(self._world.device.type, computed_in) if computed_in else nullcontext()

    def _syncing(self, last: bool) -> AbstractContextManager[Any]:
        """Gradients meet once, after the last part."""
        return nullcontext() if last or self._parallel is None else self._parallel.no_sync()

    def _means(self, losses: Losses, batch: TryOnSample) -> dict[str, float]:
        """By name, over all processes."""
        own = torch.stack([loss.detach().double() for loss in losses.values()])
        every: list[list[float]] = self._world.gathered(own).tolist()
        for rank, values in enumerate(every):
            for name, value in zip(losses, values, strict=True):
                if not math.isfinite(value):
                    raise NonFiniteLoss(name, value, rank, batch)
        return {name: math.fsum(values) / len(values) for name, values in zip(losses, zip(*every), strict=True)}


def moved(value: Moved, device: torch.device, channels_last: bool) -> Moved:
    """A sample or batch with its tensors on the device, pictures in the memory format."""
    if isinstance(value, Tensor):
        pictures = channels_last and value.dim() == 4
        placed: Any = value.to(device, memory_format=torch.channels_last if pictures else torch.preserve_format)
        return placed
    if is_dataclass(value) and not isinstance(value, type):
        return type(value)(
            **{field.name: moved(getattr(value, field.name), device, channels_last) for field in fields(value)}
        )
    return value


def placed(stage: Stage, recipe: Recipe, world: World) -> Stage:
    """The stage on its device. BatchNorm sees the whole batch on GPUs; on the CPU torch has none that does."""
    stage.to(world.device)
    if recipe.channels_last:
        stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if world.size > 1 and world.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(stage)
    return stage
