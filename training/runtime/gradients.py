"""The gradients of one batch: over all processes and accumulated micro-batches, in the precision of the recipe."""

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
from training.losses.common import Losses
from training.recipe import Recipe, TrainingPrecision
from training.runtime.distributed import DistributedContext
from training.runtime.seeds import seed_everything
from training.stages.stage import Stage

_AUTOCAST_DTYPES = {TrainingPrecision.BF16: torch.bfloat16, TrainingPrecision.FP16: torch.float16}
Value = TypeVar("Value")


class NonFiniteLoss(Exception):
    """A loss is NaN or infinite.

    Attributes:
        name: The name of the loss, the first one that is not finite.
        value: Its value.
        rank: The process that computed it.
        batch: The micro-batch of this process; the loss is that of `rank`, which may be another process.
    """

    def __init__(self, name: str, value: float, rank: int, batch: TryOnSample) -> None:
        super().__init__(f"The loss {name} is {value}")
        self.name, self.value, self.rank, self.batch = name, value, rank, batch


class Gradients:
    """Computes the gradients of a stage, which lies on the device of the context already.

    Attributes:
        scaler: Scales the loss under fp16; it does nothing in the other precisions.
    """

    def __init__(self, stage: Stage, recipe: Recipe, context: DistributedContext) -> None:
        self._stage, self._recipe, self._context = stage, recipe, context
        self._parallel = DistributedDataParallel(stage) if context.world_size > 1 else None
        self.scaler = GradScaler(context.device.type, enabled=recipe.precision is TrainingPrecision.FP16)

    def compute(self, micro_batches: Sequence[TryOnSample], epoch: int, step: int) -> dict[str, float]:
        """Leaves the gradients of a batch, scaled by `scaler`, in the parameters.

        Args:
            micro_batches: This process's share of the batch.
            epoch: The epoch, from 1.
            step: The number of steps done before this one.

        Returns:
            The losses by name, each the mean over the whole batch.

        Raises:
            NonFiniteLoss: In every process, before a gradient of that loss is computed.
        """
        self._stage.zero_grad(set_to_none=True)
        means: dict[str, float] = {}
        for number, micro_batch in enumerate(micro_batches):
            batch = to_device(micro_batch, self._context.device, self._recipe.channels_last)
            chunk = number * self._context.world_size + self._context.rank
            seed_everything(self._recipe.seed, "step", epoch, step, chunk)
            with self._synchronisation(is_last=number == len(micro_batches) - 1):
                with self.autocast():
                    losses: Losses = (self._parallel or self._stage)(batch, epoch)
                    total = torch.stack([loss.float() for loss in losses.values()]).sum()
                for name, mean in self._means_over_processes(losses, batch).items():
                    means[name] = means.get(name, 0.0) + mean / len(micro_batches)
                self.scaler.scale(total / len(micro_batches)).backward()
        return means

    def autocast(self) -> AbstractContextManager[Any]:
        """The context in which a forward computes in the recipe's precision."""
        dtype = _AUTOCAST_DTYPES.get(self._recipe.precision)
        return torch.autocast(self._context.device.type, dtype) if dtype else nullcontext()

    def _synchronisation(self, is_last: bool) -> AbstractContextManager[Any]:
        """Lets the processes exchange gradients once, after the last micro-batch."""
        return nullcontext() if is_last or self._parallel is None else self._parallel.no_sync()

    def _means_over_processes(self, losses: Losses, batch: TryOnSample) -> dict[str, float]:
        own = torch.stack([loss.detach().double() for loss in losses.values()])
        values_by_rank: list[list[float]] = self._context.all_gather(own).tolist()
        for rank, values in enumerate(values_by_rank):
            for name, value in zip(losses, values, strict=True):
                if not math.isfinite(value):
                    raise NonFiniteLoss(name, value, rank, batch)
        values_by_loss = zip(*values_by_rank, strict=True)
        return {name: math.fsum(values) / len(values) for name, values in zip(losses, values_by_loss, strict=True)}


def place_stage(stage: Stage, recipe: Recipe, context: DistributedContext) -> Stage:
    """Moves the stage, in place, to its device and memory format.

    On several GPUs BatchNorm then sees the whole batch; on the CPU torch has no BatchNorm that does.
    """
    stage.to(context.device)
    if recipe.channels_last:
        stage.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    if context.world_size > 1 and context.device.type == "cuda":
        nn.SyncBatchNorm.convert_sync_batchnorm(stage)
    return stage


def to_device(value: Value, device: torch.device, channels_last: bool) -> Value:
    """Copies a sample or batch, field by field, with its tensors on the device.

    Args:
        value: A tensor, a dataclass with tensors in it, or anything else, which is returned as it is.
        device: The device of the result's tensors.
        channels_last: Whether tensors of four dimensions are laid out channels last.
    """
    if isinstance(value, Tensor):
        is_image = channels_last and value.dim() == 4
        moved: Any = value.to(device, memory_format=torch.channels_last if is_image else torch.preserve_format)
        return moved
    if is_dataclass(value) and not isinstance(value, type):
        moved_fields = {
            field.name: to_device(getattr(value, field.name), device, channels_last) for field in fields(value)
        }
        return type(value)(**moved_fields)
    return value
