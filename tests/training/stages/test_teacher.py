"""The teacher: what it makes, and that nothing a stage does reaches it."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.parser_inputs import generator_input, warp_condition
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from tests.rendered import rendered_batch
from training.losses.perceptual import StructuralPerceptual
from training.stages.build import build_stage
from training.stages.paper_config import DMVTON
from training.stages.stage import StageConfig
from training.stages.teacher import DistillationTeacher


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2)


@pytest.fixture(scope="module")
def network() -> TryOnNetwork:
    return seeded_network("dmvton-teacher")


def tensors(value: object) -> Iterator[Tensor]:
    """All of them in nested tuples and lists."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, (tuple, list)):
        for item in value:
            yield from tensors(item)


def test_the_fake_is_the_networks_own_tryon_of_the_unpaired_garment(network: TryOnNetwork, batch: TryOnSample) -> None:
    """The warped mask of that garment says which arms are covered."""
    fake = DistillationTeacher(network).fake(batch)
    assert batch.unpaired is not None
    blank = torch.zeros_like(batch.person)
    uncovered = generator_input(batch, blank, blank[:, :1], covered=blank[:, :1])
    with torch.no_grad():
        expected = network(
            warp_condition(batch),
            batch.unpaired.garment,
            batch.unpaired.garment_mask,
            preserved=uncovered[:, :3],
            arms=uncovered[:, 7:] * (1 - fake.garment_mask),
        )
    torch.testing.assert_close(fake.garment_mask, expected.warped_mask)
    torch.testing.assert_close(fake.person, expected.tryon)


def test_the_paired_garment_is_warped_as_the_network_warps_it(network: TryOnNetwork, batch: TryOnSample) -> None:
    warped = DistillationTeacher(network).paired(batch)
    with torch.no_grad():
        mask = (batch.garment_mask > 0.5).float()
        expected = network.warp(warp_condition(batch), batch.garment * mask)
    torch.testing.assert_close(warped.flow, expected.flow)
    torch.testing.assert_close(warped.garment, expected.warped_garment)
    torch.testing.assert_close(warped.levels.flows[-1], expected.flow)
    torch.testing.assert_close(warped.mask, network.warp.aflow_net.operations.warp_mask(mask, expected.flow))


def test_no_graph_is_kept(network: TryOnNetwork, batch: TryOnSample) -> None:
    teacher = DistillationTeacher(network)
    made = [*tensors(teacher.fake(batch)), *tensors(teacher.paired(batch))]
    assert len(made) > 40 and not any(tensor.requires_grad for tensor in made)


def test_a_parser_free_network_cannot_teach(small_network: TryOnNetwork) -> None:
    with pytest.raises(DmvtonError, match="dmvton-student cannot teach"):
        DistillationTeacher(small_network)


def test_a_batch_without_another_garment_is_refused(network: TryOnNetwork, batch: TryOnSample) -> None:
    with pytest.raises(DataError, match="other garments"):
        DistillationTeacher(network).fake(replace(batch, unpaired=None))


def test_training_a_student_leaves_the_teacher_as_it_was(batch: TryOnSample) -> None:
    """Bit by bit, running statistics included; and every module of it stays in eval mode."""
    network = seeded_network("dmvton-teacher").train()
    before = {key: value.clone() for key, value in network.state_dict().items()}
    config = StageConfig(DMVTON, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1)
    stage = build_stage("student-warp", seeded_network("dmvton-student"), config, teacher=network)
    stage.train()
    optimiser = torch.optim.Adam([value for group in stage.optimiser_groups() for value in group.parameters], 1e-3)
    sum(stage(batch, 1).values()).backward()
    optimiser.step()
    assert not any(module.training for module in network.modules()) and stage.network.training
    assert all(torch.equal(value, before[key]) for key, value in network.state_dict().items())
    assert all(value.grad is None and not value.requires_grad for value in network.parameters())
    theirs = {id(value) for value in network.parameters()}
    assert not theirs & {id(value) for value in stage.parameters()}
    assert stage.state_dict().keys() == {f"network.{key}" for key in stage.network.state_dict()}


def test_the_teacher_goes_where_the_stage_goes() -> None:
    network = seeded_network("dmvton-teacher")
    config = StageConfig(DMVTON, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1)
    stage = build_stage("student-warp", seeded_network("dmvton-student"), config, teacher=network)
    stage.to(torch.float64)
    assert {value.dtype for value in (*network.parameters(), *stage.parameters())} == {torch.float64}
