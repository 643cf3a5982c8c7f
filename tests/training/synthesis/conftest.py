"""Rendered people of split train, what the renderer's poses look like in clusters, and an untrained teacher."""

from pathlib import Path

import pytest

from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.evaluation.candidates import CheckpointCandidate
from dmvton_mobile.networks.seeded import seeded_network
from tests.conftest import SMALL
from tests.rendered import rendered_people
from training.synthesis.clusters import PoseClusters, fit_clusters
from training.synthesis.poses import Poses
from training.synthesis.quality_filter import QualityFilter
from training.synthesis.renderer import renderer_poses

COUNT, CLUSTERS = 10, 5


@pytest.fixture(scope="session")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("rendered") / "people", COUNT)


@pytest.fixture
def dataset(people: Path) -> TryOnDataset:
    return open_dataset(people, "train", SMALL)


@pytest.fixture(scope="session")
def reference() -> Poses:
    return renderer_poses(300)


@pytest.fixture(scope="session")
def clusters(reference: Poses) -> PoseClusters:
    return fit_clusters(reference, CLUSTERS)


@pytest.fixture(scope="session")
def teacher(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("teacher") / "teacher.safetensors"
    save_checkpoint(seeded_network("dmvton-teacher"), path, trained=False)
    return path


@pytest.fixture(scope="session")
def quality_filter(teacher: Path) -> QualityFilter:
    return QualityFilter(CheckpointCandidate(teacher))
