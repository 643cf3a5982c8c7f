"""`dmvton-lite` under a teacher: what it is drawn to, whom the gate lets through, and that nothing reaches the
teacher."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network, seeded_network
from tests.rendered import rendered_batch
from training.losses.perceptual import StructuralPerceptual
from training.stages.build import build_stage
from training.stages.forward import TrainingWarp
from training.stages.lite_student import LiteStudent
from training.stages.paper_config import DMVTON, PaperConfig
from training.stages.stage import StageConfig

KNOWN_TERMS = {"match", "flow_matched", "flow_refined", "flow_fine", "light"}
TRYON_TERMS = {"tryon_l1", "tryon_gradient", "tryon_perceptual", "composition", "kept", "worn"}


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2)


@pytest.fixture(scope="module")
def teacher() -> TryOnNetwork:
    return seeded_network("dmvton-teacher")


def stage(teacher: TryOnNetwork, paper: PaperConfig = DMVTON) -> LiteStudent:
    torch.manual_seed(0)
    config = StageConfig(paper, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    made = build_stage("student-tryon", build_network("dmvton-lite"), config, teacher=copy.deepcopy(teacher))
    assert isinstance(made, LiteStudent)
    return made


class Knowing:
    """A teacher that warps the first person's garment perfectly and the second's not at all."""

    def __init__(self, stage: LiteStudent):
        self.fake, self._paired = stage.teacher.fake, stage.teacher.paired
        self.network = stage.teacher.network

    def paired(self, batch: TryOnSample) -> TrainingWarp:
        assert batch.truth is not None
        clothes, _ = person_clothes(batch)
        garment = torch.stack([clothes[0], torch.full_like(clothes[1], 9.0)])
        return self._paired(batch)._replace(garment=garment, flow=batch.truth.grid)


@pytest.mark.parametrize("distil", [True, False])
def test_one_step_reaches_the_student_and_nobody_else(teacher: TryOnNetwork, batch: TryOnSample, distil: bool) -> None:
    trained = stage(teacher, replace(DMVTON, distil=distil, gate=False))
    before = copy.deepcopy(trained.teacher.network.state_dict())
    losses = trained(batch, 1)
    assert losses.keys() == TRYON_TERMS | (KNOWN_TERMS if distil else set())
    assert all(value.ndim == 0 and value.isfinite() for value in losses.values())
    torch.stack(list(losses.values())).sum().backward()
    assert all(parameter.grad is not None for parameter in trained.network.parameters())
    assert not trained.teacher.network.training
    assert all(parameter.grad is None for parameter in trained.teacher.network.parameters())
    assert all(torch.equal(value, before[key]) for key, value in trained.teacher.network.state_dict().items())
    assert {key.removeprefix("network.") for key in trained.state_dict()} == set(trained.network.state_dict())


def test_a_batch_leads_from_the_fake_to_the_photo(teacher: TryOnNetwork, batch: TryOnSample) -> None:
    trained = stage(teacher)
    supervised, (_, worn) = trained.supervise(batch), person_clothes(batch)
    assert torch.equal(supervised.person, trained.teacher.fake(batch).person)
    assert torch.equal(supervised.target, batch.person) and torch.equal(supervised.garment, batch.garment)
    assert torch.equal(supervised.truth.grid, trained.teacher.paired(batch).flow)
    assert torch.equal(supervised.truth.visible, worn)


@pytest.mark.parametrize("term", ["flow_fine", "light"])
@torch.no_grad()
def test_the_gate_lets_through_whom_the_teacher_does_better(
    teacher: TryOnNetwork, batch: TryOnSample, term: str
) -> None:
    """Of two persons the first alone: their flow counts, the other's does not."""

    def losses_of(gate: bool, only: int | None = None) -> Tensor:
        trained = stage(teacher, replace(DMVTON, gate=gate)).eval()
        trained.teacher = Knowing(trained)  # type: ignore[assignment]
        if only is not None:
            label = batch.label
            assert label is not None
            label = label.clone()
            label[1 - only] = 0  # no clothes, so nothing to compare
            return trained(replace(batch, label=label), 1)[term]
        return trained(batch, 1)[term]

    first, second = losses_of(gate=False, only=0), losses_of(gate=False, only=1)
    assert first != second
    assert torch.allclose(losses_of(gate=True), first)
    assert not torch.allclose(losses_of(gate=False), first)


def test_there_is_one_stage_of_it(teacher: TryOnNetwork) -> None:
    config = StageConfig(DMVTON, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1)
    with pytest.raises(DmvtonError, match="dmvton-lite does not warp in the five levels"):
        build_stage("student-warp", build_network("dmvton-lite"), config, teacher=copy.deepcopy(teacher))
