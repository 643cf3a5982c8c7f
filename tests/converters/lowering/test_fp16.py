"""fp16 in XNNPACK: float32 outside, convolutions in half inside, flows float32 and near the reference."""

import pytest
import torch

from converters.lowering.fp16 import Fp16Module, Fp16RowGatherOperations, to_fp16
from converters.lowering.variants import lower
from converters.registry import find_exporter, lowered_components
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.components import component_examples
from dmvton_mobile.contract import Component, Components
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.flow import FlowOperations
from dmvton_mobile.targets import Target
from tests.conftest import SMALL
from tests.converters.lowering.test_lowering import flow_of, offset_of, random

FACTS = find_exporter(Target.EXECUTORCH).facts
SIZE = (16, 12)
EPSILON = 2.0**-10  # of half precision, around 1


@pytest.fixture(scope="module")
def network(small_network: TryOnNetwork) -> TryOnNetwork:
    return lower(small_network, FACTS.variant)


def test_samples_of_a_half_map_are_half_and_near() -> None:
    features, flow = random(1, 64, *SIZE), flow_of(SIZE)
    sampled = Fp16RowGatherOperations().warp(features.half(), flow)
    assert sampled.dtype == torch.float16
    torch.testing.assert_close(sampled.float(), FlowOperations().warp(features, flow), atol=4 * EPSILON, rtol=0)


def test_flows_stay_float32() -> None:
    """Composed with an offset in half: as far from the reference as the offset is, no further."""
    flow, offset = random(1, 2, *SIZE), offset_of(SIZE).half()
    for actual, expected in (
        (Fp16RowGatherOperations().compose(flow, offset), FlowOperations().compose(flow, offset.float())),
        (Fp16RowGatherOperations().grid(offset), FlowOperations().grid(offset.float())),
    ):
        assert actual.dtype == torch.float32
        torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)


def test_a_flow_in_half_would_be_seen() -> None:
    flow, offset = random(1, 2, *SIZE), offset_of(SIZE)
    rough = FlowOperations().compose(flow.half().float(), offset)
    with pytest.raises(AssertionError):
        torch.testing.assert_close(rough, FlowOperations().compose(flow, offset), atol=1e-5, rtol=0)


@pytest.mark.parametrize("moved", [False, True], ids=["still", "moved"])
def test_cost_volume_in_half(moved: bool) -> None:
    garment, person = (random(1, 256, *SIZE, seed=seed) for seed in (3, 4))
    flow = flow_of(SIZE) if moved else None
    volume = Fp16RowGatherOperations().cost_volume(garment.half(), person.half(), flow)
    assert volume.dtype == torch.float16
    expected = FlowOperations().cost_volume(garment, person, flow)
    torch.testing.assert_close(volume.float(), expected, atol=4 * EPSILON, rtol=0)


def test_every_weight_is_half_and_the_network_as_before(network: TryOnNetwork) -> None:
    [example] = component_examples(network, (Component.GARMENT_ENCODER,), FACTS.layouts, SMALL)
    graph = to_fp16(example.graph)
    assert {parameter.dtype for parameter in graph.parameters()} == {torch.float16}
    assert {parameter.dtype for parameter in network.parameters()} == {torch.float32}
    with torch.no_grad():
        outputs = graph(*example.inputs)
        expected = example.graph(*example.inputs)
    assert all(output.dtype == torch.float32 for output in outputs)
    assert any(not torch.equal(output, whole) for output, whole in zip(outputs, expected))


def test_a_frame_is_near_the_float32_one(network: TryOnNetwork) -> None:
    """Float32 out, 40 dB from the float32 network, and every part of the warp module in half."""
    [example] = component_examples(network, (Component.TRYON,), FACTS.layouts, SMALL)
    graph = to_fp16(example.graph)
    assert all(isinstance(child, Fp16Module) for child in [*graph.network.warp.children(), graph.network.generator])
    with torch.no_grad():
        outputs, expected = graph(*example.inputs), example.graph(*example.inputs)
    for output, whole in zip(outputs, expected, strict=True):
        assert output.dtype == torch.float32
        assert (output - whole).square().mean().sqrt() < 0.01


def test_lite_finds_its_flow_in_float32() -> None:
    lite = default_network("dmvton-lite")[0]
    garment, frame = lowered_components(lite, FACTS, Components.SPLIT.members, SMALL)
    graph = to_fp16(frame.graph)
    kinds = {name.split(".")[1:3][-1]: value.dtype for name, value in graph.named_parameters()}
    assert kinds["aflow_net"] == torch.float32
    assert all(kind == torch.float16 for name, kind in kinds.items() if name != "aflow_net")
    with torch.no_grad():
        for example in (garment, frame):
            for output, whole in zip(to_fp16(example.graph)(*example.inputs), example.graph(*example.inputs)):
                assert output.dtype == torch.float32
                assert (output - whole).abs().mean() < 0.02 * whole.abs().mean().clamp(min=0.05)
