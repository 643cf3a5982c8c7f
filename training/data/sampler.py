"""Which samples a step reads, in what order: a pure function of seed and epoch, whoever reads them.

Batch k of an epoch is the k-th run of `batch_size` samples of that epoch's shuffle. It is cut into chunks, and chunk
number part * processes + rank goes to a rank as one part of its share: the same chunks for two processes as for one
that accumulates two parts.
"""

from collections.abc import Iterator, Sequence
from typing import Protocol

import torch
from torch.utils.data import DataLoader, Dataset, Sampler

from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from training.recipe import Recipe
from training.runtime.distributed import DistributedContext
from training.runtime.seeds import derived_seed, seed_everything

Place = tuple[int, int]  # (epoch, index)


class Samples(Protocol):
    """What training reads: a `TryOnDataset`, or what looks like one."""

    def __len__(self) -> int: ...

    def __getitem__(self, index: int) -> TryOnSample: ...

    def set_epoch(self, epoch: int) -> None: ...


def epoch_order(count: int, seed: int, epoch: int) -> list[int]:
    """The indices of all samples, shuffled for this epoch."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
    return torch.randperm(count, generator=generator).tolist()


class Seeded(Dataset[TryOnSample]):
    """Reads every sample under random states of its own, so that a draw depends on no worker and no sample before."""

    def __init__(self, samples: Samples, seed: int) -> None:
        self._samples = samples
        self._seed = seed

    def __getitem__(self, place: Place) -> TryOnSample:
        epoch, index = place
        self._samples.set_epoch(epoch)
        seed_everything(self._seed, "sample", epoch, index)
        return self._samples[index]


class _Chunks(Sampler[list[Place]]):
    """A rank's chunks of one epoch, from a step on."""

    def __init__(self, count: int, recipe: Recipe, context: DistributedContext, steps: int) -> None:
        self.epoch, self.first = 1, 0
        self._count, self._recipe, self._context, self._steps = count, recipe, context, steps

    def __iter__(self) -> Iterator[list[Place]]:
        recipe, context = self._recipe, self._context
        order = epoch_order(self._count, recipe.seed, self.epoch)
        length = recipe.batch_size // (context.world_size * recipe.accumulation)
        for step in range(self.first, self._steps):
            for part in range(recipe.accumulation):
                start = step * recipe.batch_size + (part * context.world_size + context.rank) * length
                yield [(self.epoch, index) for index in order[start : start + length]]


class Batches:
    """The batches of a rank, epoch by epoch. steps: of every epoch. Raises DmvtonError where the data is too little."""

    def __init__(self, samples: Samples, recipe: Recipe, context: DistributedContext) -> None:
        chunks = context.world_size * recipe.accumulation
        if recipe.batch_size % chunks:
            raise DmvtonError(
                f"A batch_size of {recipe.batch_size} cannot be shared evenly by {context.world_size} processes with an "
                f"accumulation of {recipe.accumulation}. Choose a multiple of {chunks}."
            )
        whole = len(samples) // recipe.batch_size
        if not whole:
            raise DmvtonError(
                f"The dataset has {len(samples)} pairs, fewer than the batch_size of {recipe.batch_size}. "
                "Choose a smaller one, with --set batch_size=N."
            )
        self.steps = min(whole, recipe.steps_per_epoch or whole)
        self._parts = recipe.accumulation
        self._chunks = _Chunks(len(samples), recipe, context, self.steps)
        # a worker is a new process: a fork would copy torch's threads in whatever state they are
        self._loader = DataLoader(
            Seeded(samples, recipe.seed), batch_sampler=self._chunks, collate_fn=collate, num_workers=recipe.workers,
            multiprocessing_context="spawn" if recipe.workers else None, persistent_workers=recipe.workers > 0,
        )  # fmt: skip

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Sequence[TryOnSample]]:
        """Per step, from step `first` of the epoch on (counted from 0), the parts of this rank's share."""
        self._chunks.epoch, self._chunks.first = epoch, first
        parts = []
        for batch in self._loader:
            parts.append(batch)
            if len(parts) == self._parts:
                yield parts
                parts = []
