"""Eight rendered people at 128x96, and a candidate that knows the truth."""

from pathlib import Path

import pytest

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts import open_dataset
from dmvton_mobile.datasets.procedural.pair import People
from dmvton_mobile.datasets.procedural.seeds import Split
from dmvton_mobile.datasets.procedural.writer import write_people
from tests.conftest import SMALL

COUNT = 8


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("rendered") / "people"
    for _ in write_people(People(Split.TEST, 0, COUNT, SMALL), folder):
        pass
    return folder


@pytest.fixture
def dataset(people: Path) -> TryOnDataset:
    return open_dataset(people, "test", SMALL)
