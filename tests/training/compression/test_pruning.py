"""Pruning: which channels go together, how important each is and what it costs, and that what is left is a network."""

import copy
from dataclasses import dataclass
from functools import partial

import onnxruntime
import pytest
import torch
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network, seeded_network
from dmvton_mobile.networks.flow import FlowOperations
from dmvton_mobile.networks.widths import widths_of
from tests.rendered import rendered_batch
from training.compression import latency
from training.compression.latency import ConvLatencies, ConvShape, conv_shapes
from training.compression.pruning.dependencies import ChannelGroup, Convolution, Dependencies
from training.compression.pruning.importance import channel_importance
from training.compression.pruning.prune import PruningResult, prune
from training.losses.perceptual import StructuralPerceptual
from training.stages.paper_config import RENDERED
from training.stages.self_distillation import SelfDistillation
from training.stages.stage import StageConfig

SIZE = (64, 64)
NETWORKS = ("dmvton-lite", "dmvton-student")
LAST = {"dmvton-lite": "generator.out", "dmvton-student": "generator.conv_last"}
Groups = dict[str, list[ChannelGroup]]
Halves = dict[str, tuple[SelfDistillation, PruningResult]]


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> TryOnSample:
    return rendered_batch(tmp_path_factory.mktemp("rendered") / "people", 1, SIZE)


@pytest.fixture(scope="module")
def groups() -> Groups:
    return {name: Dependencies(seeded_network(name)).groups() for name in NETWORKS}


def stage(name: str) -> SelfDistillation:
    """A network that copies another."""
    original = seeded_network(name)
    network = copy.deepcopy(original)
    random = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.mul_(1 + 0.1 * torch.randn(parameter.shape, generator=random))
    config = StageConfig(RENDERED, StructuralPerceptual(), warp_rate=1e-3, constant_epochs=1, generator_rate=1e-3)
    return SelfDistillation(network, config, original)


def run(network: TryOnNetwork, size: tuple[int, int] = SIZE) -> tuple[Tensor, ...]:
    random = torch.Generator().manual_seed(1)
    person, garment = (torch.rand(1, 3, *size, generator=random) * 2 - 1 for _ in range(2))
    with torch.no_grad():
        output: tuple[Tensor, ...] = network.eval()(person, garment, torch.ones(1, 1, *size))
    assert [tuple(made.shape) for made in output] == [(1, channels, *size) for channels in (3, 3, 1, 2, 1, 3)]
    return output


def group_of(found: list[ChannelGroup], maker: str) -> ChannelGroup:
    """The group of a layer's outputs."""
    (group,) = (group for group in found if maker in makers(group))
    return group


def makers(group: ChannelGroup) -> set[str]:
    return {member.layer for member in group.members if member.is_output}


def readers(group: ChannelGroup) -> dict[str, list[tuple[int, int]]]:
    """The first and the last channel of each thing that a layer reads."""
    found: dict[str, list[tuple[int, int]]] = {}
    for member in group.members:
        if not member.is_output:
            found.setdefault(member.layer, []).append((member.channels[0], member.channels[-1]))
    return {layer: sorted(places) for layer, places in found.items()}


@pytest.mark.parametrize("name", NETWORKS)
def test_all_but_flows_pictures_and_inputs_can_go(name: str, groups: Groups) -> None:
    network = seeded_network(name)
    layers = {layer: module for layer, module in network.named_modules() if isinstance(module, nn.Conv2d)}
    heads = network.warp.aflow_net.offset_layers()
    kept = {layer for layer, module in layers.items() if module in heads} | {LAST[name]}
    assert len(kept) == {"dmvton-lite": 2, "dmvton-student": 10}[name] + 1
    assert {layer for layer in layers if not any(layer in makers(group) for group in groups[name])} == kept
    read = {layer for group in groups[name] for layer in readers(group)}
    unread = {layer for layer, module in layers.items() if layer not in read and module.groups == 1}
    assert unread == {layer for layer, module in layers.items() if module.in_channels in (3, 4, 7, 49)}


@pytest.mark.parametrize("name", NETWORKS)
def test_depthwise_layers_go_with_their_makers(name: str, groups: Groups) -> None:
    convolutions = [layer for layer, each in seeded_network(name).named_modules() if getattr(each, "groups", 1) > 1]
    hidden = [layer for layer in convolutions if layer.endswith("conv.3")]
    assert len(hidden) == 24  # of blocks
    assert all(makers(group_of(groups[name], layer)) == {layer, layer[:-1] + "0"} for layer in hidden)


def test_what_a_skip_joins_is_one_group(groups: Groups) -> None:
    group = group_of(groups["dmvton-lite"], "generator.eighth.0.conv.6")
    assert makers(group) == {"generator.eighth.0.conv.6", "generator.eighth.1.conv.6"}
    read = {"generator.eighth.1.conv.0": [(0, 47)], "generator.sixteenth.0.conv.0": [(0, 47)]}
    assert readers(group) == read | {"generator.up_8.0": [(80, 127)]}
    pyramid = "warp.cond_mobile"
    laterals = group_of(groups["dmvton-student"], f"{pyramid}.top_layer")
    assert makers(laterals) == {f"{pyramid}.top_layer", *(f"{pyramid}.lateral_layers.{level}" for level in range(5))}
    assert readers(laterals) == {f"{pyramid}.smooth_layers.0": [(0, 255)]}


def test_what_is_compared_is_one_group(groups: Groups) -> None:
    """Query and key, but not what they read; two pyramids, which every refinement reads in two halves."""
    lite, student = ([group for group in groups[name] if group.compared] for name in NETWORKS)
    assert [makers(group) for group in lite] == [{"warp.query", "warp.key"}] and not readers(lite[0])
    person, garment = (group_of(groups["dmvton-lite"], f"warp.{side}.smooth_8.2") for side in ("person", "garment"))
    read = ("warp.aflow_net.refine_8.0", "warp.person.narrow", "warp.query")
    assert readers(person) == {layer: [(0, 63)] for layer in read}
    assert readers(garment)["warp.aflow_net.refine_8.0"] == [(64, 127)]
    smooth = {f"warp.{pyramid}.smooth_layers.0" for pyramid in ("image_mobile", "cond_mobile")}
    assert [makers(group) for group in student] == [smooth]
    assert readers(student[0]) == {f"warp.aflow_net.netRefine.{level}.0": [(0, 255), (256, 511)] for level in range(5)}


@pytest.mark.parametrize("name", NETWORKS)
def test_without_a_few_channels_of_every_group_it_is_a_network(name: str) -> None:
    network = seeded_network(name)
    before, dependencies = widths_of(network), Dependencies(network)
    gone: dict[str, list[int]] = {layer: [0, 0] for layer in before}
    for group in dependencies.groups():
        dependencies.remove(group, [0, 3, group.channels - 1])
        for member in group.members:
            gone[member.layer][member.is_output] += 3
    for layer, (inputs, outputs) in widths_of(network).items():
        module = network.get_submodule(layer)
        if isinstance(module, Convolution):
            assert before[layer][1] - outputs == gone[layer][1]
            assert before[layer][0] - inputs == gone[layer][module.groups > 1]
    assert len(run(network)) == len(run(network, (128, 96)))


@pytest.mark.parametrize("maker", ["warp.garment.smooth_8.2", "generator.joined.3.conv.6"])
def test_what_nobody_reads_has_no_importance_and_is_not_missed(maker: str, sample: TryOnSample) -> None:
    trained, unread = stage("dmvton-lite"), [2, 5]
    dependencies = Dependencies(trained.network)
    group = group_of(dependencies.groups(), maker)
    for member in (member for member in group.members if not member.is_output):
        weight = trained.network.get_parameter(f"{member.layer}.weight")
        weight.data[:, [member.channels[index] for index in unread]] = 0
    importance = channel_importance(trained, [group], [sample])[group.root]
    assert not importance[unread].any() and (importance > 0).float().mean() > 0.8
    before = run(trained.network)
    dependencies.remove(group, unread)
    assert all(torch.allclose(*pair, atol=1e-4) for pair in zip(before, run(trained.network), strict=True))


@dataclass(frozen=True, kw_only=True)
class Gated(FlowOperations):
    gate: Tensor

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        return super().cost_volume(garment * self.gate.view(1, -1, 1, 1), person, flow)


def scaled(places: tuple[int, ...], gate: Tensor, layer: nn.Module, inputs: tuple[Tensor]) -> Tensor:
    scale = torch.ones(inputs[0].shape[1]).index_put((torch.tensor(places),), gate)
    return inputs[0] * scale.view(1, -1, 1, 1)


def gated_slope(trained: SelfDistillation, group: ChannelGroup, sample: TryOnSample) -> Tensor:
    """d loss / d gate, where all that reads the group reads it through a gate of 1."""
    gate = torch.ones(group.channels, requires_grad=True)
    for member in (member for member in group.members if not member.is_output):
        layer = trained.network.get_submodule(member.layer)
        layer.register_forward_pre_hook(partial(scaled, member.channels, gate))
    if "warp.query" in makers(group):
        layer = trained.network.get_submodule("warp.query")
        layer.register_forward_hook(lambda layer, inputs, output: output * gate.view(1, -1, 1, 1))
    elif group.compared:
        trained.network.warp.aflow_net.operations = Gated(gate=gate)
    loss = torch.stack(list(trained.eval()(sample, 1).values())).sum()
    return torch.autograd.grad(loss, gate)[0]


@pytest.mark.parametrize(
    ("name", "maker"),
    [
        ("dmvton-lite", "generator.eighth.1.conv.3"),  # hidden in a block
        ("dmvton-lite", "generator.stem.0"),  # read at once and after a skip
        ("dmvton-lite", "warp.garment.smooth_8.2"),  # carried by the matching
        ("dmvton-lite", "warp.query"),  # multiplied
        ("dmvton-student", "warp.cond_mobile.smooth_layers.0"),  # multiplied, and read twice
        ("dmvton-student", "generator.invres2.conv.6"),  # read by a transposed convolution
    ],
)
def test_importance_is_the_square_of_the_slope_at_a_gate(name: str, maker: str, sample: TryOnSample) -> None:
    trained = stage(name)
    group = group_of(Dependencies(trained.network).groups(), maker)
    importance = channel_importance(trained, [group], [sample, sample])[group.root]
    assert all(parameter.grad is None for parameter in trained.network.parameters())
    expected = 2 * gated_slope(trained, group, sample).square()  # the sample counts twice
    assert (largest := float(expected.max())) > 0
    assert torch.allclose(importance, expected, rtol=1e-2, atol=1e-4 * largest)


def cut(trained: SelfDistillation, sample: TryOnSample, time: float) -> PruningResult:
    return prune(trained, [sample], time=time, size=SIZE, threads=1, seconds=lambda shape: float(shape.macs))


@pytest.fixture(scope="module")
def halves(sample: TryOnSample) -> Halves:
    """Networks pruned to half their work."""
    return {name: (trained := stage(name), cut(trained, sample, 0.5)) for name in NETWORKS}


@pytest.mark.parametrize("name", NETWORKS)
def test_pruning_reaches_the_share(name: str, halves: Halves, groups: Groups) -> None:
    (trained, pruned), whole = halves[name], widths_of(seeded_network(name))
    after = widths_of(trained.network)
    assert 0.45 < pruned.predicted <= 0.5
    assert pruned.macs / pruned.macs_before == pytest.approx(pruned.predicted)
    assert pruned.macs == sum(shape.macs for shape in conv_shapes(trained.network, *SIZE).values())
    assert pruned.record()["removed_channels"] == pruned.removed != {}
    for group in groups[name]:
        left = group.channels - pruned.removed.get(group.root, 0)
        assert after[group.root][1] == left
        assert left == group.channels or (left % 8 == 0 and left >= group.channels / 3)
    assert trained.network.config.widths == {layer: after[layer] for layer in after if after[layer] != whole[layer]}
    assert run(trained.network, (128, 96))


@pytest.mark.parametrize("name", ["dmvton-lite", "dmvton-student"])
def test_a_pruned_network_is_built_and_pruned_again(name: str, halves: Halves, sample: TryOnSample) -> None:
    network = halves[name][0].network
    again = build_network(name, widths=network.config.widths)
    again.load_state_dict(network.state_dict())
    assert all(torch.equal(*pair) for pair in zip(run(again), run(network), strict=True))
    before = widths_of(again)
    cut(SelfDistillation(again, halves[name][0].config, seeded_network(name)), sample, 0.9)
    after = widths_of(again)
    assert after != before and all(after[layer] <= before[layer] for layer in before)
    assert widths_of(build_network(name, widths=again.config.widths)) == after


def test_a_third_of_every_group_stays(sample: TryOnSample, groups: Groups) -> None:
    trained = stage("dmvton-lite")
    before = copy.deepcopy(trained.network.state_dict())
    with pytest.raises(DmvtonError, match=r"still need 0\.\d\d of their time, not 0\.05: ask for less") as caught:
        cut(trained, sample, 0.05)
    assert all(torch.equal(value, before[key]) for key, value in trained.network.state_dict().items())
    removed = cut(trained, sample, float(str(caught.value).split("need ")[1][:4]) + 0.02).removed
    left = [(group.channels, group.channels - removed.get(group.root, 0)) for group in groups["dmvton-lite"]]
    assert all(channels / 3 <= stay for channels, stay in left)
    assert sum(stay < channels / 3 + 8 for channels, stay in left) > 20


def test_macs_by_hand() -> None:
    assert ConvShape(3, 8, 3, 1, 1, depthwise=False, transposed=False, height=4, width=6).macs == 4 * 6 * 9 * 3 * 8
    assert ConvShape(3, 8, 3, 2, 1, False, False, 4, 6).macs == 2 * 3 * 9 * 3 * 8
    assert ConvShape(8, 8, 3, 1, 1, True, False, 4, 6).macs == 4 * 6 * 9 * 8
    assert ConvShape(3, 8, 4, 2, 1, False, True, 4, 6).macs == 4 * 6 * 16 * 3 * 8  # every input pixel, all it touches


@torch.no_grad()
def test_the_shapes_of_a_frame_are_what_torch_counts() -> None:
    network = seeded_network("dmvton-lite")
    shapes = conv_shapes(network, 128, 96)
    assert shapes["generator.stem.0"] == ConvShape(7, 16, 3, 2, 1, False, False, 128, 96)
    assert not [layer for layer in shapes if layer.startswith("warp.garment") or layer == "warp.key"]  # once
    features = network.encode_garment(torch.zeros(1, 3, 128, 96), torch.ones(1, 1, 128, 96))
    with FlopCounterMode(display=False) as counter:
        network(torch.zeros(1, 3, 128, 96), garment_features=features)
    counted = counter.get_flop_counts()["Global"]
    assert 2 * sum(shape.macs for shape in shapes.values()) == counted[torch.ops.aten.convolution]
    shapes = conv_shapes(seeded_network("dmvton-student"), 128, 96)  # one layer runs five times
    assert shapes["warp.cond_mobile.smooth_layers.0"] == ConvShape(256, 256, 3, 1, 1, False, False, 64, 48)
    assert shapes["generator.dconv1"] == ConvShape(512, 96, 4, 2, 1, False, True, 4, 3)


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(8, 12, 3, 2, 1), nn.Conv2d(8, 8, 3, 1, 1, groups=8), nn.ConvTranspose2d(8, 12, 4, 2, 1)],
)
def test_what_is_timed_is_that_convolution(layer: Convolution, monkeypatch: pytest.MonkeyPatch) -> None:
    x = torch.rand(1, 8, 16, 12)
    shape = latency._shape_of(layer, x)
    session = onnxruntime.InferenceSession(latency._float_model(shape), providers=["CPUExecutionProvider"])
    assert session.run(None, {"x": x.numpy()})[0].shape == layer(x).shape
    latencies = ConvLatencies(threads=1)
    assert (seconds := latencies.seconds(shape)) >= 0
    monkeypatch.setattr(latencies, "_measure", lambda shape, int8: pytest.fail("measured again"))
    assert latencies.seconds(shape) == seconds


def test_a_busy_moment_does_not_stay_in_the_table(monkeypatch: pytest.MonkeyPatch) -> None:
    latencies = ConvLatencies(threads=1)
    shape = latency._shape_of(nn.Conv2d(8, 12, 3, 2, 1), torch.rand(1, 8, 16, 12))
    monkeypatch.setattr(latencies, "_measure", lambda shape, int8: 5.0)
    slow = latencies.seconds(shape)
    monkeypatch.setattr(latencies, "_measure", lambda shape, int8: 1.0 if shape is latency._EMPTY else 2.0)
    latencies.measure_again()
    assert latencies.seconds(shape) < slow
    quiet = latencies.seconds(shape)
    monkeypatch.setattr(latencies, "_measure", lambda shape, int8: 9.0)
    latencies.measure_again()
    assert latencies.seconds(shape) == quiet
