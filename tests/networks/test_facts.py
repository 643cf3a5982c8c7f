"""What a network says of itself names modules that it has."""

import pytest
import torch
from torch import nn

from dmvton_mobile.networks import build_network, network_names
from dmvton_mobile.networks.warp import FlowKind


@pytest.mark.parametrize("name", network_names())
def test_facts_name_modules_of_the_network(name: str) -> None:
    with torch.device("meta"):
        network = build_network(name)
    modules = dict(network.named_modules())
    assert modules.keys() >= {*network.quantized_modules, *network.float32_layers, *network.compared_layers}
    assert all(isinstance(modules[path], nn.Conv2d) for path in (*network.float32_layers, *network.compared_layers))
    outputs = network.output_layers()
    assert outputs[-1] is network.picture_layer() and all(layer.out_channels == 2 for layer in outputs[:-1])
    heads = {path for path, layer in modules.items() if layer in outputs[:-1]}
    assert network.float32_reasons().keys() == heads | network.float32_layers.keys()
    keys = network.warp.state_dict()
    assert all(any(fragment in key for key in keys) for fragment in network.warp.fresh_in_student)


def test_kinds_of_flow() -> None:
    with torch.device("meta"):
        kinds = {name: build_network(name).warp.aflow_net.kind for name in network_names()}
    assert {name for name, kind in kinds.items() if kind is FlowKind.MATCHING} == {"dmvton-lite"}
