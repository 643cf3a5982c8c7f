"""The processes of a run: one alone, or several under torchrun, over gloo on the CPU and NCCL on GPUs."""

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import Tensor, distributed

from dmvton_mobile.errors import DmvtonError

Result = TypeVar("Result")
SECONDS_TO_LEAVE = 0.5


@dataclass(frozen=True)
class DistributedContext:
    """The place of this process among all processes of a run.

    Attributes:
        device: The device of this process.
        rank: The number of this process, from 0.
        world_size: The number of processes.
    """

    device: torch.device
    rank: int = 0
    world_size: int = 1

    @property
    def is_first(self) -> bool:
        """Whether this process writes the files and shows the progress."""
        return self.rank == 0

    def all_gather(self, values: Tensor) -> Tensor:
        """Collects the values [...] of every process, by rank: [world_size, ...]."""
        if self.world_size == 1:
            return values[None]
        gathered = [torch.empty_like(values) for _ in range(self.world_size)]
        distributed.all_gather(gathered, values.contiguous())
        return torch.stack(gathered)

    def run_on_first(self, work: Callable[[], Result]) -> Result:
        """Does the work in the first process alone, and returns its result, or raises its error, in all of them."""
        if self.world_size == 1:
            return work()
        outcome: list[Any] = [None, None]  # the result, the error's message
        error: Exception | None = None
        if self.is_first:
            try:
                outcome[0] = work()
            except (DmvtonError, OSError) as raised:
                error, outcome[1] = raised, str(raised)
        distributed.broadcast_object_list(outcome, src=0, device=self.device)
        if error is not None:
            raise error
        if outcome[1] is not None:
            raise DmvtonError(outcome[1])
        result: Result = outcome[0]
        return result


@contextmanager
def distributed_context(device_type: str) -> Iterator[DistributedContext]:
    """Joins the other processes of the run, where torchrun started several, and leaves them when the block ends.

    Args:
        device_type: "cpu" or "cuda".

    Yields:
        The place of this process.

    Raises:
        DmvtonError: There is no CUDA device, or there are fewer GPUs than processes.
    """
    if device_type == "cuda" and not torch.cuda.is_available():
        raise DmvtonError("There is no CUDA device here: choose --device cpu.")
    local_rank, world_size = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cuda", local_rank) if device_type == "cuda" else torch.device("cpu")
    if device_type == "cuda":
        if local_rank >= torch.cuda.device_count():
            raise DmvtonError(
                f"Process {local_rank} finds {torch.cuda.device_count()} GPUs: start one process per GPU."
            )
        torch.cuda.set_device(device)
    if world_size == 1:
        yield DistributedContext(device)
        return
    distributed.init_process_group("nccl" if device_type == "cuda" else "gloo")
    try:
        yield DistributedContext(device, distributed.get_rank(), world_size)
    finally:
        distributed.destroy_process_group()
        # The reducer of DistributedDataParallel is never freed and keeps gloo's threads alive; a thread that still
        # returns a tensor when Python ends aborts the process.
        time.sleep(SECONDS_TO_LEAVE)
