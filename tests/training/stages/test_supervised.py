"""The supervised stages: steps of them on real rendered people."""

import pytest
import torch

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network
from tests.rendered import rendered_batch
from training.losses.perceptual import StructuralPerceptual
from training.stages.build import build_stage
from training.stages.paper_config import RENDERED
from training.stages.stage import Stage, StageConfig

SIZE = (128, 96)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2, SIZE)


def stage() -> Stage:
    torch.manual_seed(0)
    config = StageConfig(RENDERED, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    return build_stage("supervised-tryon", build_network("dmvton-lite"), config)


def test_other_networks_are_refused() -> None:
    config = StageConfig(RENDERED, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    with pytest.raises(DmvtonError, match="trains dmvton-lite, not dmvton-student"):
        build_stage("supervised-tryon", build_network("dmvton-student"), config)


def test_twenty_steps_on_one_batch_lower_every_loss_that_leads(batch: TryOnSample) -> None:
    trained = stage()
    optimiser = torch.optim.AdamW([p for group in trained.optimiser_groups() for p in group.parameters], 2e-3)
    history = []
    for _ in range(20):
        losses = trained(batch, 1)
        assert all(value.isfinite() for value in losses.values())
        optimiser.zero_grad()
        torch.stack(list(losses.values())).sum().backward()
        optimiser.step()
        history.append({name: float(value) for name, value in losses.items()})
    for name in ("flow_matched", "flow_fine", "tryon_l1", "composition"):
        assert sum(row[name] for row in history[-3:]) < 0.9 * sum(row[name] for row in history[:3]), name


def test_its_checkpoint_is_the_network_and_nothing_else() -> None:
    trained = stage()
    assert {key.removeprefix("network.") for key in trained.state_dict()} == set(trained.network.state_dict())


def test_its_preview_disturbs_nothing(batch: TryOnSample) -> None:
    trained = stage()
    before = {key: value.clone() for key, value in trained.state_dict().items()}
    titles = [title for title, _ in trained.preview(batch)]
    assert titles == ["person", "garment", "warped garment", "try-on", "truth"]
    assert trained.network.training
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())
