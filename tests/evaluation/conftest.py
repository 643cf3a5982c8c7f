"""Eight rendered people at 128x96, and a candidate that knows the truth."""

from pathlib import Path

import pytest

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.procedural.people import Split
from tests.conftest import SMALL
from tests.rendered import rendered_people

COUNT = 8


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("rendered") / "people", COUNT, split=Split.TEST)


@pytest.fixture
def dataset(people: Path) -> TryOnDataset:
    return open_dataset(people, "test", SMALL)
