"""The frozen companions of every stage: they go where it goes, and nothing that trains reaches them."""

import copy
import functools
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from tests.rendered import rendered_batch
from training.losses.perceptual import PerceptualLoss
from training.stages.build import build_stage
from training.stages.paper_config import DMVTON
from training.stages.self_distillation import build_self_distillation
from training.stages.stage import Stage, StageConfig

NAMES = [
    "teacher-warp", "teacher-tryon", "student-warp", "student-tryon", "lite student-tryon",
    "supervised-warp", "supervised-tryon", "self-distillation", "lite self-distillation",
]  # fmt: skip


@functools.cache
def seeded(name: str) -> TryOnNetwork:
    return seeded_network(name)


def network_of(name: str) -> TryOnNetwork:
    """A seeded network, in training mode: drawing the numbers takes longer than copying them."""
    return copy.deepcopy(seeded(name)).train()


class Weighted(PerceptualLoss):
    """Like VGG's, it has weights, and layers that behave otherwise in training."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))
        self.norm = nn.BatchNorm2d(3)

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.weight * (self.norm(first) - self.norm(second)).abs().mean()


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2)


def make(name: str) -> tuple[Stage, list[nn.Module]]:
    """A stage, and the companions that it was given: in training mode, with gradients."""
    perceptual = Weighted().train()
    config = StageConfig(DMVTON, perceptual, warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    kind, stage_name = ("dmvton-lite", name[5:]) if name.startswith("lite ") else ("dmvton-student", name)
    if stage_name == "self-distillation":
        original = network_of(kind)
        return build_self_distillation(network_of(kind), config, original).train(), [perceptual, original]
    if stage_name.startswith("student"):
        teacher = network_of("dmvton-teacher")
        return build_stage(stage_name, network_of(kind), config, teacher=teacher), [perceptual, teacher]
    trained = network_of("dmvton-teacher" if stage_name.startswith("teacher") else "dmvton-lite")
    return build_stage(stage_name, trained, config), [perceptual]


@pytest.mark.parametrize("name", NAMES)
def test_companions_are_frozen_and_no_part_of_the_stage(name: str) -> None:
    stage, companions = make(name)
    assert list(map(id, stage.companions)) == list(map(id, companions))
    theirs = {id(each) for companion in companions for each in [*companion.parameters(), *companion.buffers()]}
    assert theirs and not theirs & {id(each) for each in [*stage.parameters(), *stage.buffers()]}
    assert not set(stage.modules()) & {module for companion in companions for module in companion.modules()}
    assert stage.state_dict().keys() == {f"network.{key}" for key in stage.network.state_dict()}
    stepped = {id(each) for group in stage.optimiser_groups() for each in group.parameters}
    assert stepped and not stepped & theirs
    for companion in companions:
        assert not any(parameter.requires_grad for parameter in companion.parameters())
        stage.eval().train()
        assert not any(module.training for module in companion.modules())


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("move", [lambda stage: stage.to(torch.float64), lambda stage: stage.double()])
def test_companions_go_where_the_stage_goes(name: str, move: Callable[[Stage], Stage]) -> None:
    stage, companions = make(name)
    move(stage)
    assert {value.dtype for companion in companions for value in companion.parameters()} == {torch.float64}
    assert {value.dtype for value in stage.parameters()} == {torch.float64}


@pytest.mark.parametrize("name", NAMES)
def test_a_step_leaves_companions_as_they_were(name: str, batch: TryOnSample) -> None:
    """Bit by bit, the running statistics of their normalisation included."""
    stage, companions = make(name)
    before = [copy.deepcopy(companion.state_dict()) for companion in companions]
    parameters = [value for group in stage.optimiser_groups() for value in group.parameters]
    torch.stack(list(stage(batch, 1).values())).sum().backward()
    torch.optim.SGD(parameters, 1e-3).step()
    for companion, state in zip(companions, before, strict=True):
        assert all(torch.equal(value, state[key]) for key, value in companion.state_dict().items())
        assert all(parameter.grad is None for parameter in companion.parameters())
