"""Which samples a step reads, in what order: a function of the seed and the epoch alone.

Batch k of an epoch is the k-th run of `batch_size` samples of that epoch's permutation. It is cut into chunks, and
chunk number part * processes + rank is one part of the share of that rank. Two processes thus read the same chunks as
one process that accumulates two parts.
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

SampleKey = tuple[int, int]  # (epoch, index)


class Samples(Protocol):
    """What training reads: a `TryOnDataset`, or what looks like one."""

    def __len__(self) -> int:
        """The number of samples."""

    def __getitem__(self, index: int) -> TryOnSample:
        """A sample, with what the epoch draws for it."""

    def set_epoch(self, epoch: int) -> None:
        """Chooses the epoch, counted from 1, whose unpaired garments the samples get."""


def epoch_permutation(count: int, seed: int, epoch: int) -> list[int]:
    """The indices of all samples, shuffled for this epoch."""
    generator = torch.Generator().manual_seed(derived_seed(seed, "order", epoch))
    return torch.randperm(count, generator=generator).tolist()


class SeededSamples(Dataset[TryOnSample]):
    """Reads every sample under random states of its own, so that no draw depends on the worker or the sample before.

    Args:
        samples: what is read.
        seed: of the run.
    """

    def __init__(self, samples: Samples, seed: int) -> None:
        self._samples = samples
        self._seed = seed

    def __getitem__(self, key: SampleKey) -> TryOnSample:
        epoch, index = key
        self._samples.set_epoch(epoch)
        seed_everything(self._seed, "sample", epoch, index)
        return self._samples[index]


class Batches:
    """The batches of this process, epoch by epoch.

    Attributes:
        steps: the number of steps of every epoch.

    Args:
        samples: what is trained on.
        recipe: says the batch size, the accumulation, the seed and the workers.
        context: the place of this process among all.

    Raises:
        DmvtonError: The batch cannot be shared evenly, or the data has fewer samples than one batch.
    """

    def __init__(self, samples: Samples, recipe: Recipe, context: DistributedContext) -> None:
        chunks = context.world_size * recipe.accumulation
        if recipe.batch_size % chunks:
            raise DmvtonError(
                f"A batch_size of {recipe.batch_size} cannot be shared evenly by {context.world_size} processes with "
                f"an accumulation of {recipe.accumulation}. Choose a multiple of {chunks}."
            )
        complete = len(samples) // recipe.batch_size
        if not complete:
            raise DmvtonError(
                f"The dataset has {len(samples)} pairs, fewer than the batch_size of {recipe.batch_size}. "
                "Choose a smaller one, with --set batch_size=N."
            )
        self.steps = min(complete, recipe.steps_per_epoch or complete)
        self._accumulation = recipe.accumulation
        self._sampler = _RankSampler(len(samples), recipe, context, self.steps)
        # spawn, because a fork would copy torch's threads in whatever state they are
        self._loader = DataLoader(
            SeededSamples(samples, recipe.seed),
            batch_sampler=self._sampler,
            collate_fn=collate,
            num_workers=recipe.workers,
            multiprocessing_context="spawn" if recipe.workers else None,
            persistent_workers=recipe.workers > 0,
        )

    def epoch(self, epoch: int, first: int = 0) -> Iterator[Sequence[TryOnSample]]:
        """For each step, the parts of this process's share of the batch.

        Args:
            epoch: counted from 1.
            first: the step of the epoch to start with, counted from 0.
        """
        self._sampler.epoch, self._sampler.first = epoch, first
        parts = []
        for batch in self._loader:
            parts.append(batch)
            if len(parts) == self._accumulation:
                yield parts
                parts = []


class _RankSampler(Sampler[list[SampleKey]]):
    """The chunks of one rank in one epoch, from step `first` on."""

    def __init__(self, count: int, recipe: Recipe, context: DistributedContext, steps: int) -> None:
        self.epoch, self.first = 1, 0
        self._count, self._recipe, self._context, self._steps = count, recipe, context, steps

    def __iter__(self) -> Iterator[list[SampleKey]]:
        recipe, context = self._recipe, self._context
        permutation = epoch_permutation(self._count, recipe.seed, self.epoch)
        length = recipe.batch_size // (context.world_size * recipe.accumulation)
        for step in range(self.first, self._steps):
            for part in range(recipe.accumulation):
                start = step * recipe.batch_size + (part * context.world_size + context.rank) * length
                yield [(self.epoch, index) for index in permutation[start : start + length]]
