"""The fake quantizations that belong to each layer of a prepared network: of its weights, inputs and outputs."""

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import fx

from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.networks.folding import names_before_split, split_refinement
from dmvton_mobile.quantization.calibrate import switch
from dmvton_mobile.quantization.layers import quantized_modules
from dmvton_mobile.quantization.prepare import CONVOLUTIONS

WEIGHT = ".weight"


def layer_roundings(network: TryOnNetwork) -> dict[str, list[Any]]:
    """The fake quantizations of every quantized layer, by the layer's path in the float network."""
    with torch.device("meta"):  # only its names are needed
        named = build_network(network.config.name)
    split_refinement(named)  # as `prepare` does
    before = names_before_split(named)
    found: dict[str, list[Any]] = {}
    for path in quantized_modules(network):
        graph = network.get_submodule(path)
        assert isinstance(graph, fx.GraphModule)
        for node in graph.graph.nodes:
            if node.target not in CONVOLUTIONS or not _rounds(node.args[1]):
                continue
            layer = before[f"{path}.{node.args[1].args[0].target}".removesuffix(WEIGHT)]
            roundings = [each for each in (*node.args[:2], *_readers(node)) if _rounds(each)]
            # a layer that runs several times, or is split, has the ones of every run
            found.setdefault(layer, []).extend(graph.get_submodule(each.target) for each in roundings)
    return found


@contextmanager
def rounding_only(network: TryOnNetwork, layers: Collection[str]) -> Iterator[None]:
    """Within the block, the network rounds inputs, weights and outputs of these layers only; afterwards, of all."""
    switch(network, observe=False, fake=False)
    try:
        for layer, roundings in layer_roundings(network).items():
            for rounding in roundings if layer in layers else ():
                rounding.enable_fake_quant()
        yield
    finally:
        switch(network, observe=False, fake=True)


def _readers(convolution: fx.Node) -> Iterator[fx.Node]:
    """The readers of the convolution's output, or of the ReLU6 that is fused into it."""
    for reader in convolution.users:
        yield from reader.users if "hardtanh" in str(reader.target) else (reader,)


def _rounds(node: Any) -> bool:
    return isinstance(node, fx.Node) and node.op == "call_module" and "activation_post_process" in str(node.target)
