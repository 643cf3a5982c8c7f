"""What `dmvton-lite` is taught with: a person, a garment, the picture that should come out, how the garment lies."""

from dataclasses import dataclass

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError, Truth, TryOnSample


@dataclass(frozen=True)
class Lesson:
    """A person, the garment to put on [B, 3, H, W], its mask [B, 1, H, W], the person in it, how it lies on them."""

    person: Tensor
    garment: Tensor
    garment_mask: Tensor
    target: Tensor
    truth: Truth


def truth_lessons(batch: TryOnSample) -> Lesson:
    """Both of every sample: into the other garment, then back into the own. Raises DataError without the truth."""
    other = batch.unpaired
    if batch.truth is None or other is None or other.person is None or other.truth is None:
        raise DataError("The truth stages need each person in two garments, with the truth of both: render the data.")
    return Lesson(
        person=torch.cat([batch.person, other.person]),
        garment=torch.cat([other.garment, batch.garment]),
        garment_mask=torch.cat([other.garment_mask, batch.garment_mask]),
        target=torch.cat([other.person, batch.person]),
        truth=_joined(other.truth, batch.truth),
    )


def mirrored(lesson: Lesson) -> Lesson:
    """Left and right swapped, in both pictures: a flow's x changes its sign."""
    grid = lesson.truth.grid.flip(3) * lesson.truth.grid.new_tensor([-1.0, 1.0]).view(1, 2, 1, 1)
    truth = Truth(grid, lesson.truth.garment.flip(3), lesson.truth.visible.flip(3))
    pictures = (lesson.person, lesson.garment, lesson.garment_mask, lesson.target)
    person, garment, mask, target = (picture.flip(3) for picture in pictures)
    return Lesson(person, garment, mask, target, truth)


def _joined(first: Truth, second: Truth) -> Truth:
    return Truth(
        torch.cat([first.grid, second.grid]),
        torch.cat([first.garment, second.garment]),
        torch.cat([first.visible, second.visible]),
    )
