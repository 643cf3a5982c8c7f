"""The four stages of both papers on a batch of rendered people: what they minimise, whom it reaches, who steps it."""

import copy
import functools
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn

from dmvton_mobile.checkpoints.states import CheckpointError
from dmvton_mobile.datasets.parser_inputs import generator_input, person_clothes, warp_condition
from dmvton_mobile.datasets.sample import DataError, TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network, seeded_network
from tests.rendered import rendered_batch
from training.losses.perceptual import PerceptualLoss, StructuralPerceptual
from training.stages.build import build_stage
from training.stages.forward import TrainingWarp
from training.stages.paper_config import DMVTON, PAPERS, PFAFN, PaperConfig
from training.stages.paper_stage import PaperStage
from training.stages.stage import StageConfig
from training.stages.student_stages import StudentWarp, inherit
from training.stages.teacher import DistillationTeacher

TEACHER_STAGES = ("teacher-warp", "teacher-tryon")
STUDENT_STAGES = ("student-warp", "student-tryon")
STAGES = [*TEACHER_STAGES, *STUDENT_STAGES]
WARP_TERMS = {"warp_l1", "warp_perceptual", "warp_mask", "warp_smoothness", "warp_variation"}
GENERATOR_TERMS = {"tryon_l1", "tryon_perceptual", "rendered_l1", "rendered_perceptual", "composition"}
SKIN_TERMS = {"skin_l1", "skin_perceptual"}
DISTILLED = {"distilled_condition", "distilled_flow"}
CONFIG = StageConfig(DMVTON, StructuralPerceptual(), warp_rate=3e-4, constant_epochs=5, generator_rate=1e-3)


@pytest.fixture(scope="module")
def batch(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 2)


@pytest.fixture(scope="module")
def person(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    """A batch of one."""
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 1)


@functools.cache
def seeded_mobile(name: str) -> TryOnNetwork:
    return seeded_network(name)


def mobile(name: str) -> TryOnNetwork:
    """A seeded network to train: drawing the numbers takes longer than copying them."""
    return copy.deepcopy(seeded_mobile(name))


def mobile_stage(name: str, paper: PaperConfig = DMVTON) -> PaperStage:
    """Teacher and student are the mobile networks, seeded; so their warps are alike, but for what sees the person."""
    config = replace(CONFIG, paper=paper)
    if name in TEACHER_STAGES:
        stage = build_stage(name, mobile("dmvton-teacher"), config)
    else:
        stage = build_stage(name, mobile("dmvton-student"), config, teacher=mobile("dmvton-teacher"))
    assert isinstance(stage, PaperStage)
    return stage


@torch.no_grad()
def losses_of(name: str, batch: TryOnSample, paper: PaperConfig = DMVTON, epoch: int = 1) -> dict[str, Tensor]:
    """The losses in eval mode, which depend on the weights alone."""
    return mobile_stage(name, paper).eval()(batch, epoch)


def total(losses: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(losses.values())).sum()


@pytest.mark.parametrize("paper", ["dmvton", "pfafn"])
@pytest.mark.parametrize("name", STAGES)
def test_one_step(name: str, paper: str, batch: TryOnSample) -> None:
    """All terms are there and finite, gradients reach all that is trained and nothing else, and every step moves it."""
    stage = mobile_stage(name, PAPERS[paper])
    losses = stage(batch, 6)
    assert losses.keys() == (
        WARP_TERMS
        | (GENERATOR_TERMS if name.endswith("tryon") else set())
        | (DISTILLED if name.startswith("student") else set())
        | ({"distilled_garment"} if name.startswith("student") and paper == "dmvton" else set())
        | (SKIN_TERMS if name == "student-tryon" else set())
    )
    assert all(value.ndim == 0 and torch.isfinite(value) for value in losses.values())
    total(losses).backward()
    active = [group for group in stage.optimiser_groups() if group.first_epoch <= 6 and group.last_epoch is None]
    trained = {id(value) for group in active for value in group.parameters}
    for key, value in stage.named_parameters():
        assert (value.grad is not None) == (id(value) in trained), key
    expected = [stage.network.warp, stage.network.generator] if name.endswith("tryon") else [stage.network.warp]
    assert trained == {id(value) for module in expected for value in module.parameters()}
    for module in expected:
        for child_name, child in module.named_children():
            gradients = [value.grad for value in child.parameters() if value.grad is not None]
            assert all(torch.isfinite(gradient).all() for gradient in gradients)
            assert not gradients or any(gradient.any() for gradient in gradients), child_name


@pytest.mark.parametrize("name", STAGES)
def test_twenty_steps_on_one_batch_lower_the_total(name: str, person: TryOnSample) -> None:
    """Without the gate, which adds the distillation in one go where the teacher comes to be the better one."""
    stage = mobile_stage(name, replace(DMVTON, gate=False))
    optimisers = [
        torch.optim.Adam(group.parameters, group.learning_rate, betas=(0.5, 0.999))
        for group in stage.optimiser_groups()
    ]
    totals = []
    for _ in range(20):
        loss = total(stage(person, 1))
        stage.zero_grad()
        loss.backward()
        for optimiser in optimisers:
            optimiser.step()
        totals.append(loss.item())
    assert sum(totals[-3:]) < 0.95 * sum(totals[:3]), totals


class WithWeights(PerceptualLoss):
    """As VGG's, it has a weight of its own."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(()))

    def forward(self, first: Tensor, second: Tensor) -> Tensor:
        return self.weight * (first - second).abs().mean()


@pytest.mark.parametrize("name", STAGES)
def test_a_stage_holds_its_network_and_nothing_else(name: str) -> None:
    """In what it saves and in what it lists; the rest goes to other devices and types with it nevertheless."""
    perceptual = WithWeights()
    config = replace(CONFIG, perceptual=perceptual)
    student = name in STUDENT_STAGES
    teacher = build_network("dmvton-teacher") if student else None
    network = build_network("dmvton-student" if student else "dmvton-teacher")
    keys = {f"network.{key}" for key in network.state_dict()}
    stage = build_stage(name, network, config, teacher=teacher)
    assert stage.state_dict().keys() == keys
    assert {id(value) for value in stage.parameters()} == {id(value) for value in network.parameters()}
    stage.to(torch.float64)
    assert perceptual.weight.dtype == next(stage.parameters()).dtype == torch.float64


def test_the_teacher_is_trained_on_the_real_pair(batch: TryOnSample) -> None:
    """Its own forward pass, where the clothes as worn say which arms are covered, against the real picture."""
    network = mobile("dmvton-teacher").eval()
    clothes, mask = person_clothes(batch)
    inputs = generator_input(batch, clothes, mask, covered=mask)
    with torch.no_grad():
        output = network(
            warp_condition(batch),
            batch.garment,
            batch.garment_mask,
            preserved=inputs[:, :3],
            arms=inputs[:, 7:],
        )
    losses = losses_of("teacher-tryon", batch)
    torch.testing.assert_close(losses["tryon_l1"], 5 * (output.tryon - batch.person).abs().mean())
    torch.testing.assert_close(losses["rendered_l1"], 5 * (output.rendered - batch.person).abs().mean())
    torch.testing.assert_close(losses["composition"], 1 - output.composition.mean())


def test_the_student_sees_the_fake_and_is_to_bring_back_the_real_person(batch: TryOnSample) -> None:
    """In the paired garment; most of all where the other one had hidden the skin."""
    fake = DistillationTeacher(mobile("dmvton-teacher")).fake(batch)
    _, mask = person_clothes(batch)
    with torch.no_grad():
        output = mobile("dmvton-student").eval()(fake.person, batch.garment, batch.garment_mask)
    losses = losses_of("student-tryon", batch)
    torch.testing.assert_close(losses["tryon_l1"], 5 * (output.tryon - batch.person).abs().mean())
    torch.testing.assert_close(losses["rendered_l1"], 5 * (output.rendered - batch.person).abs().mean())
    torch.testing.assert_close(losses["composition"], 1 - output.composition.mean())
    skin = fake.garment_mask * (1 - mask)
    assert skin.any()
    torch.testing.assert_close(losses["skin_l1"], 30 * ((output.rendered - batch.person) * skin).abs().mean())


@pytest.mark.parametrize(("warp", "tryon", "factor"), [(*TEACHER_STAGES, 0.5), (*STUDENT_STAGES, 0.25)])
def test_what_the_warps_losses_count_beside_the_generators(
    warp: str, tryon: str, factor: float, batch: TryOnSample
) -> None:
    alone, beside = losses_of(warp, batch), losses_of(tryon, batch)
    for name, value in alone.items():
        torch.testing.assert_close(beside[name], factor * value)


def test_the_skin_weights_by_epoch(batch: TryOnSample) -> None:
    """Five epochs at the full rate: DM-VTON doubles after the fifth, PF-AFN with it."""
    for paper, first_strong in ((DMVTON, 6), (PFAFN, 5)):
        weights = [paper.skin_weights(epoch, 5) for epoch in range(1, 9)]
        assert weights == [(30, 2)] * (first_strong - 1) + [(60, 4)] * (9 - first_strong)
    early, strong = (losses_of("student-tryon", batch, epoch=epoch) for epoch in (5, 6))
    assert early["skin_l1"] > 0
    for name in SKIN_TERMS:
        torch.testing.assert_close(strong[name], 2 * early[name])


@pytest.mark.parametrize("name", ["teacher-tryon", "student-tryon"])
def test_pf_afn_composes_within_the_clothes_alone(name: str, batch: TryOnSample) -> None:
    """Where nobody wears any, nothing is taken from the garment; DM-VTON takes what it wants."""
    assert batch.label is not None
    bare = replace(batch, label=torch.zeros_like(batch.label))
    losses = losses_of(name, bare, PFAFN)
    assert losses["composition"] == 1 and losses["tryon_l1"] == losses["rendered_l1"]
    assert losses_of(name, bare, DMVTON)["composition"] < 1


def test_the_gate_and_the_distillation_can_be_left_out(batch: TryOnSample, monkeypatch: pytest.MonkeyPatch) -> None:
    """A teacher that warps the first garment perfectly, and the second to where it is of no use."""
    clothes, _ = person_clothes(batch)
    paired = DistillationTeacher.paired

    def one_good(teacher: DistillationTeacher, batch: TryOnSample) -> TrainingWarp:
        return paired(teacher, batch)._replace(garment=torch.stack([clothes[0], clothes[1] + 2]))

    monkeypatch.setattr(DistillationTeacher, "paired", one_good)
    gated, ungated, alone = (
        losses_of("student-warp", batch, paper)
        for paper in (DMVTON, replace(DMVTON, gate=False), replace(DMVTON, distil=False))
    )
    assert alone.keys() == WARP_TERMS
    for name in WARP_TERMS:
        assert gated[name] == ungated[name] == alone[name]
    stage = mobile_stage("student-warp").eval()
    assert isinstance(stage, StudentWarp)
    with torch.no_grad():
        teacher, student = stage.teacher.paired(batch), stage.warp(batch, stage.teacher.fake(batch))
    features = zip(student.levels.condition_features, teacher.levels.condition_features, strict=True)
    distances = [0.04 * (5 - n) * (ours - theirs).square().mean((1, 2, 3)) for n, (ours, theirs) in enumerate(features)]
    first, second = torch.stack(distances).sum(0)
    assert first > 0 and second > 0
    torch.testing.assert_close(gated["distilled_condition"], first)
    torch.testing.assert_close(ungated["distilled_condition"], (first + second) / 2)


def test_the_true_flow(batch: TryOnSample) -> None:
    paper = replace(DMVTON, flow_truth_weight=0.5)
    once, twice = (losses_of("teacher-warp", batch, replace(paper, flow_truth_weight=weight)) for weight in (0.5, 1.0))
    assert once.keys() == WARP_TERMS | {"flow_truth"}
    assert 0 < once["flow_truth"] and twice["flow_truth"] == 2 * once["flow_truth"]
    with pytest.raises(DataError, match="flow_truth_weight needs the true flow"):
        mobile_stage("teacher-warp", paper)(replace(batch, truth=None), 1)


def changed_keys(before: dict[str, Tensor], module: nn.Module) -> set[str]:
    return {key for key, value in module.state_dict().items() if not torch.equal(value, before[key])}


@pytest.mark.parametrize(("tutor", "student"), [("pfafn-tutor", "pfafn-student"), ("dmvton-teacher", "dmvton-student")])
def test_pf_afns_student_starts_as_its_tutor_but_for_what_sees_the_person(tutor: str, student: str) -> None:
    teacher, network = build_network(tutor), build_network(student)
    fill(teacher, 0)
    fill(network, 200)
    before = {key: value.clone() for key, value in network.state_dict().items()}
    build_stage("student-warp", network, replace(CONFIG, paper=PFAFN), teacher=teacher)
    theirs, copied = teacher.state_dict(), set()
    for key, value in network.state_dict().items():
        fresh = not key.startswith("warp.") or "cond_" in key or "aflow_net.netRefine" in key
        assert torch.equal(value, before[key] if fresh else theirs[key]), key
        copied |= set() if fresh else {key}
    assert changed_keys(before, network) == copied and len(copied) > 100


@torch.no_grad()
def fill(module: nn.Module, low: int) -> None:
    """Every tensor, counters included, with numbers from low to low + 100."""
    for value in module.state_dict().values():
        value.copy_(torch.rand(value.shape) * 100 + low)


def test_a_student_of_another_kind_cannot_start_as_its_tutor() -> None:
    student, tutor = build_network("dmvton-student"), build_network("pfafn-tutor")
    before = {key: value.clone() for key, value in student.state_dict().items()}
    with pytest.raises(CheckpointError, match="missing: image_mobile"):
        inherit(student.warp, tutor.warp)
    assert not changed_keys(before, student)


@pytest.mark.parametrize("name", ["student-tryon", "teacher-warp"])
def test_only_the_students_warp_starts_as_its_tutors(name: str) -> None:
    stage, other = mobile_stage(name, PFAFN), mobile_stage(name, DMVTON)
    assert not changed_keys(other.network.state_dict(), stage.network)


def test_pf_afns_student_trains_its_fresh_parts_first() -> None:
    stage = mobile_stage("student-warp", PFAFN)
    first, second = stage.optimiser_groups()
    assert (first.first_epoch, first.last_epoch, second.first_epoch, second.last_epoch) == (1, 4, 5, None)
    assert first.learning_rate == second.learning_rate == CONFIG.warp_rate
    warp = dict(stage.network.warp.named_parameters())
    fresh = {key for key in warp if key.startswith(("cond_mobile.", "aflow_net.netRefine."))}
    assert {id(value) for value in first.parameters} == {id(warp[key]) for key in fresh}
    assert {id(value) for value in second.parameters} == {id(value) for value in warp.values()}


@pytest.mark.parametrize("constant_epochs", [0, 1])
def test_without_an_epoch_for_them_there_is_no_first_phase(constant_epochs: int) -> None:
    config = replace(CONFIG, paper=PFAFN, constant_epochs=constant_epochs)
    networks = (build_network(name) for name in ("dmvton-student", "dmvton-teacher"))
    (group,) = build_stage("student-warp", next(networks), config, teacher=next(networks)).optimiser_groups()
    assert group.first_epoch == 1 and group.last_epoch is None


def test_warp_and_generator_have_their_own_learning_rates() -> None:
    warp, generator = mobile_stage("student-tryon").optimiser_groups()
    assert (warp.name, warp.learning_rate) == ("warp", 3e-4)
    assert (generator.name, generator.learning_rate) == ("generator", 1e-3)
    config = replace(CONFIG, generator_rate=None)
    stage = build_stage("teacher-tryon", build_network("dmvton-teacher"), config)
    with pytest.raises(DmvtonError, match="learning rate"):
        stage.optimiser_groups()


@pytest.mark.parametrize("name", STAGES)
def test_a_preview_shows_pictures_and_disturbs_nothing(name: str, batch: TryOnSample) -> None:
    stage = mobile_stage(name)
    before = {key: value.clone() for key, value in stage.state_dict().items()}
    shown = dict(stage.preview(batch))
    assert torch.equal(shown["person"], batch.person) and {"garment", "warped garment"} <= shown.keys()
    assert ("fake" in shown) == (name in STUDENT_STAGES) and ("try-on" in shown) == name.endswith("tryon")
    for picture in shown.values():
        assert picture.shape == batch.person.shape and picture.abs().max() <= 1 and not picture.requires_grad
    assert all(module.training for module in stage.modules()) and not changed_keys(before, stage)
    stage.eval()
    assert torch.equal(dict(stage.preview(batch))["warped garment"], shown["warped garment"]) and not stage.training


@pytest.mark.parametrize(
    ("name", "network", "teacher", "message"),
    [
        (
            "teacher",
            "dmvton-teacher",
            None,
            "no stage 'teacher'. Known: teacher-warp, teacher-tryon, student-warp, stud",
        ),
        ("teacher-warp", "dmvton-student", None, "dmvton-student is parser-free"),
        ("teacher-tryon", "dmvton-teacher", "dmvton-teacher", "teacher-tryon has no teacher"),
        ("student-warp", "dmvton-student", None, "student-warp needs a teacher"),
        ("student-tryon", "dmvton-teacher", "dmvton-teacher", "dmvton-teacher is parser-based"),
        ("student-tryon", "dmvton-student", "dmvton-student", "dmvton-student cannot teach"),
        ("student-warp", "dmvton-lite", "dmvton-teacher", "dmvton-lite does not warp in the five levels"),
    ],
)
def test_what_does_not_fit_together(name: str, network: str, teacher: str | None, message: str) -> None:
    with pytest.raises(DmvtonError, match=message):
        build_stage(name, build_network(network), CONFIG, teacher=build_network(teacher) if teacher else None)


@pytest.mark.slow
@pytest.mark.parametrize("name", STAGES)
def test_the_papers_teacher_and_its_student(name: str, tmp_path_factory: pytest.TempPathFactory) -> None:
    """FS-VTON takes 256x192 alone; one person, one step."""
    batch = rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 1, (256, 192))
    teacher = build_network("fsvton-teacher")
    if name in TEACHER_STAGES:
        stage = build_stage(name, teacher, CONFIG)
    else:
        stage = build_stage(name, build_network("dmvton-student"), CONFIG, teacher=teacher)
    losses = stage(batch, 1)
    assert all(torch.isfinite(value) for value in losses.values())
    total(losses).backward()
    trained = {id(value) for group in stage.optimiser_groups() for value in group.parameters}
    for key, value in stage.named_parameters():
        assert (value.grad is not None and bool(torch.isfinite(value.grad).all())) == (id(value) in trained), key
