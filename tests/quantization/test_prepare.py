"""A quantized network computes nearly what the float one does, in the layers that are chosen and in no others."""

import copy
from collections.abc import Callable

import pytest
import torch
from torch import Tensor, fx, nn

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.metrics import psnr as metrics
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput, build_network, seeded_network
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.quantization import converted, float_layers, layer_roundings, prepare, quantizable_layers
from dmvton_mobile.quantization.layers import matches
from tests.conftest import SMALL

Make = Callable[..., TryOnNetwork]


def tried_on(network: TryOnNetwork, sample: TryOnSample) -> TryOnOutput:
    with torch.no_grad():
        output: TryOnOutput = network(sample.person, sample.garment, sample.garment_mask)
    return output


def psnr_db(first: Tensor, second: Tensor) -> float:
    """Of pictures in [-1, 1]."""
    return metrics.psnr_db(reference=first, candidate=second, peak=2.0)


def integer_weights(network: TryOnNetwork) -> int:
    """How many tensors of weights are integers."""
    graphs = [module for module in network.modules() if isinstance(module, fx.GraphModule)]
    return sum(
        str(node.target) == "quantized_decomposed.dequantize_per_channel.default"
        for graph in graphs
        for node in graph.graph.nodes
    )


def test_it_nearly_does_what_the_float_network_does(
    lite: TryOnNetwork, quantized: TryOnNetwork, samples: list[TryOnSample]
) -> None:
    for sample in samples[-2:]:
        plain, rounded = tried_on(lite, sample), tried_on(quantized, sample)
        assert 30 < psnr_db(plain.tryon, rounded.tryon) < 80
        assert psnr_db(plain.flow, rounded.flow) > 30


def test_integers_compute_what_was_simulated(quantized: TryOnNetwork, samples: list[TryOnSample]) -> None:
    integers = converted(quantized)
    for sample in samples[-2:]:
        assert psnr_db(tried_on(quantized, sample).tryon, tried_on(integers, sample).tryon) > 35


def test_every_chosen_layer_has_integer_weights(lite: TryOnNetwork, quantized: TryOnNetwork) -> None:
    assert integer_weights(converted(quantized)) == len(quantizable_layers(lite))
    assert len(quantizable_layers(lite)) + len(float_layers(lite)) == 125


def test_flow_heads_and_readers_of_positions_stay_float(lite: TryOnNetwork) -> None:
    reasons = {kept.layer: kept.reason for kept in float_layers(lite)}
    assert reasons.keys() == {
        "warp.person.lateral_8",
        "warp.garment.lateral_8",
        "warp.aflow_net.offset_8",
        "warp.aflow_net.offset_4",
    }
    assert "half a pixel" in reasons["warp.aflow_net.offset_4"] and "positions" in reasons["warp.person.lateral_8"]


def test_a_pattern_keeps_its_layers(make: Make, lite: TryOnNetwork, quantized: TryOnNetwork) -> None:
    kept = make(lite, "generator.up_?", "warp.query")
    inside = [layer for layer in quantizable_layers(lite) if layer.startswith("generator.up_") or layer == "warp.query"]
    assert integer_weights(converted(kept)) == integer_weights(converted(quantized)) - len(inside)
    assert {item.layer for item in float_layers(lite, ("warp.query",)) if "chosen" in item.reason} == {"warp.query"}


@pytest.mark.parametrize(
    ("pattern", "layer", "expected"),
    [
        ("generator", "generator.up_2.0", True),
        ("generator.up_2", "generator.up_2.0", True),
        ("generator.up_2", "generator.up_20", False),
        ("*.conv.3", "warp.person.quarter.0.conv.3", True),
        ("up_2", "generator.up_2.0", False),
        ("warp.person.*", "warp.garment.stem.0", False),
    ],
)
def test_matches(pattern: str, layer: str, expected: bool) -> None:
    assert matches(pattern, layer) is expected


def test_any_batch(quantized: TryOnNetwork, samples: list[TryOnSample]) -> None:
    fed = [
        torch.cat([getattr(sample, name) for sample in samples[:3]]) for name in ("person", "garment", "garment_mask")
    ]
    with torch.no_grad():
        together = quantized(*fed).tryon
    for index, sample in enumerate(samples[:3]):
        assert psnr_db(together[index : index + 1], tried_on(quantized, sample).tryon) > 35


def test_the_original_is_as_it_was(lite: TryOnNetwork, quantized: TryOnNetwork) -> None:
    assert lite.config.quantization is None and quantized.config.quantization is not None
    assert not any(isinstance(module, fx.GraphModule) for module in lite.modules())


def test_the_students_parts(make: Make, samples: list[TryOnSample]) -> None:
    student = seeded_network("dmvton-student")
    rounded = make(student)
    assert psnr_db(tried_on(student, samples[-1]).tryon, tried_on(rounded, samples[-1]).tryon) > 25
    assert layer_roundings(rounded).keys() == set(quantizable_layers(student))
    heads = [kept.layer for kept in float_layers(student)]
    assert not set(heads) & layer_roundings(rounded).keys()
    smoothing = layer_roundings(rounded)["warp.image_mobile.smooth_layers.0"]  # one layer that runs at every level
    assert sum(rounding.is_per_channel for rounding in smoothing) == 5
    for layer, roundings in layer_roundings(rounded).items():
        transposed = isinstance(student.get_submodule(layer), nn.ConvTranspose2d)
        assert {each.ch_axis for each in roundings if each.is_per_channel} == {1 if transposed else 0}, layer
    assert len(heads) == 10 and all(".netMain." in head or ".netRefine." in head for head in heads)


def test_a_pattern_that_matches_nothing(lite: TryOnNetwork) -> None:
    with pytest.raises(
        DmvtonError, match=r"'generator.down' matches no convolution of dmvton-lite; a path is one like"
    ):
        prepare(lite, Quantization(size=SMALL, keep_float=("generator.down",)))


def test_nothing_left_to_quantize(lite: TryOnNetwork) -> None:
    with pytest.raises(DmvtonError, match="Nothing would be quantized"):
        prepare(lite, Quantization(size=SMALL, keep_float=("warp", "generator")))


def test_a_network_without_such_parts() -> None:
    with pytest.raises(DmvtonError, match="pfafn-student cannot be quantized"):
        prepare(build_network("pfafn-student"), Quantization(size=SMALL))


def test_conversion_needs_ranges(lite: TryOnNetwork) -> None:
    with pytest.raises(DmvtonError, match="was not quantized and calibrated"):
        converted(copy.deepcopy(lite))
