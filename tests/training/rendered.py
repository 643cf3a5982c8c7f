"""Real batches for the stages: a few rendered people, written as a dataset and read back."""

from pathlib import Path

from dmvton_mobile.datasets.layouts import open_dataset
from dmvton_mobile.datasets.procedural.pair import People
from dmvton_mobile.datasets.procedural.seeds import Split
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.datasets.sample import TryOnSample, collate


def rendered_batch(folder: Path, count: int, size: tuple[int, int] = (64, 64)) -> TryOnSample:
    """folder: a new one. size: height, width."""
    for _ in write_people(People(Split.TRAIN, 0, max(count, 2), size), folder):
        pass
    dataset = open_dataset(folder, "train", size)
    return collate([dataset[index] for index in range(count)])
