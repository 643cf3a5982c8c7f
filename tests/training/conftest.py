"""Eight rendered people to train on, and one thread, under which sums are the same in every process."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from dmvton_mobile.datasets.dataset import TryOnDataset
from tests.rendered import rendered_people
from tests.training.toy import PAIRS, dataset_of


@pytest.fixture(scope="session")
def train_people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("rendered") / "people", PAIRS)


@pytest.fixture
def train_dataset(train_people: Path) -> TryOnDataset:
    return dataset_of(train_people)


@pytest.fixture
def one_thread() -> Iterator[None]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
