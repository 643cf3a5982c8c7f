"""Real data for tests: a few rendered people, written as a dataset, and read back as a batch."""

from pathlib import Path

from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import People, Split
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.datasets.sample import TryOnSample, collate
from tests.conftest import SMALL


def rendered_people(
    folder: Path, count: int, *, split: Split = Split.TRAIN, seed: int = 0, size: tuple[int, int] = SMALL
) -> Path:
    """folder: a new one, which is returned. size: height, width."""
    write_people(People(split, seed, count, size), folder)
    return folder


def rendered_batch(folder: Path, count: int, size: tuple[int, int] = (64, 64)) -> TryOnSample:
    """The first people of a new folder."""
    dataset = open_dataset(rendered_people(folder, max(count, 2), size=size), "train", size)
    return collate([dataset[index] for index in range(count)])
