"""Self-distillation: what a copy of itself costs, whom the losses reach, and that nothing reaches the original."""

import copy
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput, build_network, seeded_network
from tests.rendered import rendered_batch
from training.losses.perceptual import StructuralPerceptual
from training.stages.paper_config import RENDERED
from training.stages.self_distillation import (
    SelfDistillation,
    SupervisedSelfDistillation,
    build_self_distillation,
    self_distillation_losses,
)
from training.stages.stage import StageConfig
from training.stages.supervised import SupervisedTryOn

TERMS = {"distilled_tryon", "distilled_flow", "distilled_composition", "distilled_rendered"}
Kind = type[SelfDistillation] | type[SupervisedSelfDistillation]
STAGES: list[tuple[Kind, str]] = [
    (SelfDistillation, "dmvton-student"),
    (SelfDistillation, "dmvton-lite"),
    (SupervisedSelfDistillation, "dmvton-lite"),
]


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2)


def config(generator_rate: float | None = 2e-3) -> StageConfig:
    return StageConfig(RENDERED, StructuralPerceptual(), 1e-3, constant_epochs=1, generator_rate=generator_rate)


def changed(network: TryOnNetwork) -> TryOnNetwork:
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=random))
    return network


def stage(kind: Kind, name: str) -> SelfDistillation | SupervisedSelfDistillation:
    """It learns from what it was before it was changed."""
    original = seeded_network(name).train()
    return kind(changed(copy.deepcopy(original)), config(), original).train()


def output(value: float) -> TryOnOutput:
    """The garment lies on the left half."""
    flow, mask = torch.zeros(1, 2, 5, 9), torch.zeros(1, 1, 5, 9)
    mask[..., :4] = 1
    tryon = torch.full((1, 3, 5, 9), value)
    return TryOnOutput(tryon, tryon, mask, flow, mask * value, mask - value)


def test_the_losses_by_hand() -> None:
    """A flow two pixels to the right and three down, where the garment lies; elsewhere nobody looks."""
    original = output(0.0)
    flow = torch.tensor([2 * 2 / 8, 3 * 2 / 4]).view(1, 2, 1, 1) * original.warped_mask
    flow = flow + 9 * (1 - original.warped_mask)
    losses = self_distillation_losses(output(0.25)._replace(flow=flow, warped_mask=torch.ones(1, 1, 5, 9)), original)
    expected = {
        "distilled_tryon": 2 * 0.25,
        "distilled_flow": 0.05 * (2 + 3),
        "distilled_composition": 0.5 * 0.25 * 4 / 9,
        "distilled_rendered": 0.5 * 0.25,
    }
    assert {name: float(value) for name, value in losses.items()} == pytest.approx(expected)


def test_without_a_garment_the_flow_costs_nothing() -> None:
    nowhere = output(0.0)._replace(warped_mask=torch.zeros(1, 1, 5, 9))
    assert (
        float(self_distillation_losses(output(0.0)._replace(flow=torch.ones(1, 2, 5, 9)), nowhere)["distilled_flow"])
        == 0
    )


@pytest.mark.parametrize(("kind", "name"), STAGES)
@torch.no_grad()
def test_a_copy_of_itself_costs_nothing(kind: Kind, name: str, batch: TryOnSample) -> None:
    network = seeded_network(name)
    losses = kind(copy.deepcopy(network), config(), network).eval()(batch, 1)
    assert {key: float(losses[key]) for key in TERMS} == dict.fromkeys(TERMS, 0.0)
    other = stage(kind, name).eval()(batch, 1)
    assert all(float(other[key]) > 0 for key in TERMS)


@pytest.mark.parametrize(("kind", "name"), STAGES)
def test_a_step_reaches_the_network_and_nobody_else(kind: Kind, name: str, batch: TryOnSample) -> None:
    torch.manual_seed(0)
    trained = stage(kind, name)
    original = trained.original.network
    before, network = copy.deepcopy(original.state_dict()), copy.deepcopy(trained.network.state_dict())
    parameters = [parameter for group in trained.optimiser_groups() for parameter in group.parameters]
    assert {id(parameter) for parameter in parameters} == {id(each) for each in trained.network.parameters()}
    optimiser = torch.optim.SGD(parameters, 1e-3)
    torch.stack(list(trained(batch, 1).values())).sum().backward()
    silent = [key for key, parameter in trained.network.named_parameters() if parameter.grad is None]
    assert not silent
    assert any(bool(parameter.grad.any()) for parameter in parameters if parameter.grad is not None)
    optimiser.step()
    assert not original.training and trained.network.training
    assert all(parameter.grad is None and not parameter.requires_grad for parameter in original.parameters())
    assert all(torch.equal(value, before[key]) for key, value in original.state_dict().items())
    assert not all(torch.equal(value, network[key]) for key, value in trained.network.state_dict().items())


@pytest.mark.parametrize(("kind", "name"), STAGES)
def test_the_original_is_no_part_of_the_stage(kind: Kind, name: str) -> None:
    trained = stage(kind, name)
    assert {key.removeprefix("network.") for key in trained.state_dict()} == set(trained.network.state_dict())
    original = trained.original.network
    assert not {id(each) for each in trained.parameters()} & {id(each) for each in original.parameters()}
    assert original not in set(trained.modules())
    assert not trained.train().original.network.training
    trained.double()  # but it goes where the stage goes
    assert {parameter.dtype for parameter in original.parameters()} == {torch.float64}


@pytest.mark.parametrize("name", ["dmvton-student", "dmvton-lite"])
@torch.no_grad()
def test_people_are_shown_in_their_own_garment_and_in_another(name: str, batch: TryOnSample) -> None:
    other = batch.unpaired
    assert other is not None
    trained = stage(SelfDistillation, name).eval()
    exchanged = replace(batch, garment=other.garment, garment_mask=other.garment_mask, unpaired=None)
    both, worn, unworn = (trained(each, 1) for each in (batch, replace(batch, unpaired=None), exchanged))
    assert both.keys() == worn.keys() == TERMS
    for key in TERMS - {"distilled_flow"}:
        assert not torch.equal(worn[key], unworn[key])
        assert torch.allclose(both[key], (worn[key] + unworn[key]) / 2, rtol=1e-4)
    flows = sorted((worn["distilled_flow"], unworn["distilled_flow"]))
    assert flows[0] < both["distilled_flow"] < flows[1]  # by where the garments lie


@torch.no_grad()
def test_supervised_as_well_it_has_the_losses_of_both(batch: TryOnSample) -> None:
    trained = stage(SupervisedSelfDistillation, "dmvton-lite").eval()
    alone = SupervisedTryOn(trained.network, trained.config).eval()

    def losses_of(by: SupervisedTryOn | SelfDistillation | SupervisedSelfDistillation) -> dict[str, Tensor]:
        torch.manual_seed(0)  # samples are mirrored, or not
        return by(batch, 1)

    both, truth = losses_of(trained), losses_of(alone)
    assert both.keys() == truth.keys() | TERMS and not truth.keys() & TERMS
    assert all(torch.equal(both[key], value) for key, value in truth.items())


def test_the_truth_needs_rendered_people(batch: TryOnSample) -> None:
    with pytest.raises(DataError, match="render the data"):
        stage(SupervisedSelfDistillation, "dmvton-lite")(replace(batch, truth=None), 1)
    assert stage(SelfDistillation, "dmvton-lite")(replace(batch, truth=None), 1).keys() == TERMS


@pytest.mark.parametrize("kind", [SelfDistillation, SupervisedSelfDistillation])
def test_an_original_with_a_parser_is_refused(kind: Kind) -> None:
    with pytest.raises(DmvtonError, match="dmvton-teacher needs a parser"):
        kind(build_network("dmvton-lite"), config(), build_network("dmvton-teacher"))


def test_one_network_is_supervised_as_well() -> None:
    with pytest.raises(DmvtonError, match="trains dmvton-lite, not dmvton-student"):
        SupervisedSelfDistillation(build_network("dmvton-student"), config(), build_network("dmvton-student"))


def test_the_generators_rate_is_needed() -> None:
    trained = SelfDistillation(build_network("dmvton-lite"), config(generator_rate=None), build_network("dmvton-lite"))
    with pytest.raises(DmvtonError, match="give its learning rate"):
        trained.optimiser_groups()


@pytest.mark.parametrize(("kind", "name"), STAGES)
def test_its_preview_disturbs_nothing(kind: Kind, name: str, batch: TryOnSample) -> None:
    trained = stage(kind, name)
    before = copy.deepcopy(trained.state_dict())
    shown = dict(trained.preview(batch))
    last = "original" if kind is SelfDistillation else "truth"
    assert list(shown)[:2] == ["person", "garment"] and list(shown)[-2:] == ["try-on", last]
    assert len({picture.shape for picture in shown.values()}) == 1
    assert trained.network.training and not trained.original.network.training
    assert all(torch.equal(value, before[key]) for key, value in trained.state_dict().items())


def test_a_network_whose_flows_can_be_compared_is_supervised_as_well() -> None:
    kinds = {"dmvton-student": SelfDistillation, "dmvton-lite": SupervisedSelfDistillation}
    for name, kind in kinds.items():
        assert type(build_self_distillation(build_network(name), config(), build_network(name))) is kind
