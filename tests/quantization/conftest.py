"""A quantized dmvton-lite, calibrated on rendered people."""

from collections.abc import Callable
from pathlib import Path

import pytest

from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.datasets.dataset import TryOnDataset, evenly_spaced_samples
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.quantization import calibrate, prepare
from tests.conftest import SMALL
from tests.rendered import rendered_people

IMAGES = 16


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("people") / "people", IMAGES + 2)


@pytest.fixture(scope="session")
def dataset(people: Path) -> TryOnDataset:
    return open_dataset(people, "train", SMALL)


@pytest.fixture(scope="session")
def samples(dataset: TryOnDataset) -> list[TryOnSample]:
    return evenly_spaced_samples(dataset, IMAGES + 2)


@pytest.fixture(scope="session")
def lite() -> TryOnNetwork:
    return default_network("dmvton-lite")[0]


@pytest.fixture(scope="session")
def quantized(lite: TryOnNetwork, samples: list[TryOnSample]) -> TryOnNetwork:
    """Calibrated on all but the last two samples."""
    return made(lite, samples)


@pytest.fixture(scope="session")
def make(samples: list[TryOnSample]) -> Callable[..., TryOnNetwork]:
    return lambda network, *keep_float: made(network, samples, keep_float)


def made(network: TryOnNetwork, samples: list[TryOnSample], keep_float: tuple[str, ...] = ()) -> TryOnNetwork:
    prepared = prepare(network, Quantization(size=SMALL, keep_float=keep_float))
    calibrate(prepared, samples[:IMAGES])
    return prepared
