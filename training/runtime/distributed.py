"""The processes of a run: alone, or together under torchrun, over gloo on the CPU and NCCL on GPUs."""

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
class World:
    """This process among all; device: its own."""

    device: torch.device
    rank: int = 0
    size: int = 1

    @property
    def first(self) -> bool:
        return self.rank == 0

    def gathered(self, values: Tensor) -> Tensor:
        """The values [...] of every process, [size, ...]."""
        if self.size == 1:
            return values[None]
        parts = [torch.empty_like(values) for _ in range(self.size)]
        distributed.all_gather(parts, values.contiguous())
        return torch.stack(parts)

    def once(self, work: Callable[[], Result]) -> Result:
        """Does the work in the first process, and gives all of them its result, or raises its error in all of them."""
        if self.size == 1:
            return work()
        outcome: list[Any] = [None, None]
        error: Exception | None = None
        if self.first:
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
def joined(kind: str) -> Iterator[World]:
    """This process's place; kind: cpu or cuda. Under torchrun, waits for the others and leaves them at the end."""
    if kind == "cuda" and not torch.cuda.is_available():
        raise DmvtonError("There is no CUDA device here: choose --device cpu.")
    local, size = int(os.environ.get("LOCAL_RANK", 0)), int(os.environ.get("WORLD_SIZE", 1))
    device = torch.device("cuda", local) if kind == "cuda" else torch.device("cpu")
    if kind == "cuda":
        if local >= torch.cuda.device_count():
            raise DmvtonError(f"Process {local} finds {torch.cuda.device_count()} GPUs: start one process per GPU.")
        torch.cuda.set_device(device)
    if size == 1:
        yield World(device)
        return
    distributed.init_process_group("nccl" if kind == "cuda" else "gloo")
    try:
        yield World(device, distributed.get_rank(), size)
    finally:
        distributed.destroy_process_group()
        # DistributedDataParallel's reducer, never freed, keeps gloo's threads alive: one that still gives a tensor back
        # when Python ends would abort the process
        time.sleep(SECONDS_TO_LEAVE)
