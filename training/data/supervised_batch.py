"""Supervised batches: a person, a garment, the exact picture of the person in it, and how it lies on them."""

from collections.abc import Callable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError, Truth, TryOnSample


@dataclass(frozen=True)
class SupervisedBatch:
    """What `dmvton-lite` is trained on.

    Attributes:
        person: the person in another garment, RGB [B, 3, H, W] in [-1, 1].
        garment: the garment to put on, RGB [B, 3, H, W] in [-1, 1].
        garment_mask: [B, 1, H, W] in [0, 1].
        target: the person in that garment, RGB [B, 3, H, W] in [-1, 1].
        truth: how the garment lies on the person in `target`.
    """

    person: Tensor
    garment: Tensor
    garment_mask: Tensor
    target: Tensor
    truth: Truth


def supervised_batch(batch: TryOnSample) -> SupervisedBatch:
    """Both try-ons of every sample: from the garment worn into the other one, then back; 2 B samples.

    Raises:
        DataError: A sample lacks the second garment, the person in it, or the truth of either.
    """
    other = batch.unpaired
    if batch.truth is None or other is None or other.person is None or other.truth is None:
        raise DataError(
            "The supervised stages need each person in two garments, with the truth of both: render the data."
        )
    return merge(
        SupervisedBatch(batch.person, other.garment, other.garment_mask, other.person, other.truth),
        SupervisedBatch(other.person, batch.garment, batch.garment_mask, batch.person, batch.truth),
        lambda into, back: torch.cat([into, back]),
    )


def mirrored(batch: SupervisedBatch) -> SupervisedBatch:
    """Left and right swapped in all pictures; the x of a flow changes its sign."""
    flipped = merge(batch, batch, lambda values, _: values.flip(3))
    sign = batch.truth.grid.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    return replace(flipped, truth=replace(flipped.truth, grid=flipped.truth.grid * sign))


def merge(
    first: SupervisedBatch, second: SupervisedBatch, operation: Callable[[Tensor, Tensor], Tensor]
) -> SupervisedBatch:
    """One batch of two, by the operation on each pair of their tensors."""
    truth, other = first.truth, second.truth
    return SupervisedBatch(
        person=operation(first.person, second.person),
        garment=operation(first.garment, second.garment),
        garment_mask=operation(first.garment_mask, second.garment_mask),
        target=operation(first.target, second.target),
        truth=Truth(
            grid=operation(truth.grid, other.grid),
            garment=operation(truth.garment, other.garment),
            visible=operation(truth.visible, other.visible),
        ),
    )
