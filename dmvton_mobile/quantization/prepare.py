"""From a network to its quantized form and on to integers, by torchao's PT2E.

Every convolutional part is traced and becomes a graph module in the part's place, so that the network is still a
`TryOnNetwork`: it trains, it is exported, and its operations are swapped, as any other.
"""

import copy
import warnings
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, fx, nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.networks.folding import fold_batch_norms, names_before_split, split_refinement
from dmvton_mobile.quantization.layers import float_layers, quantizable_layers, quantized_modules

CONVOLUTIONS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv_transpose2d.input)
TRACED_BATCH = 2  # the batch is free; a trace with 1 would fix it


def prepare(network: TryOnNetwork, quantization: Quantization) -> TryOnNetwork:
    """A copy, in eval mode, whose layers compute as they will in eight bits once it is calibrated; its batch norms are
    folded. Raises DmvtonError for a network that cannot be quantized, and where nothing would be."""
    chosen = {layer.layer for layer in float_layers(network, quantization.keep_float)}
    if not set(quantizable_layers(network)) - chosen:
        raise DmvtonError("Nothing would be quantized: every layer is kept float32.")
    network = copy.deepcopy(network).eval()
    fold_batch_norms(network)
    split_refinement(network)
    kept = {layer for layer, before in names_before_split(network).items() if before in chosen}
    for part, inputs in _part_inputs(network, quantization.size).items():
        relative = {layer.removeprefix(part).lstrip(".") for layer in kept if f"{layer}.".startswith(f"{part}.")}
        network.set_submodule(part, _prepared(network.get_submodule(part), inputs, relative))
    network.config = replace(network.config, quantization=quantization)
    return network


def converted(network: TryOnNetwork, *, folded: bool = True) -> TryOnNetwork:
    """A copy of a prepared and calibrated network with quantize and dequantize in its graphs.

    folded: weights are integers; else they are float32 behind a quantize, as LiteRT's converter wants them.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    quantization = network.config.quantization
    if quantization is None or quantization.calibration is None:
        raise DmvtonError(f"This {network.config.name} was not quantized and calibrated.")
    network = copy.deepcopy(network)
    settle_weights(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for part in quantized_modules(network):
            graph = network.get_submodule(part)
            assert isinstance(graph, fx.GraphModule)
            network.set_submodule(part, convert_pt2e(graph, fold_quantize=folded))
    return network


def settle_weights(network: TryOnNetwork) -> None:
    """Gives each channel of weights the range that it has now, in place; in training its range follows with a lag."""
    for part in quantized_modules(network):
        graph = network.get_submodule(part)
        assert isinstance(graph, fx.GraphModule)
        for node in graph.graph.nodes:
            weight = node.args[0] if node.args else None
            if node.op == "call_module" and isinstance(weight, fx.Node) and weight.op == "get_attr":
                _settle(graph.get_submodule(node.target), graph.get_parameter(str(weight.target)))


def _settle(fake: Any, weight: Tensor) -> None:
    observer = fake.activation_post_process
    rate, observer.averaging_constant = observer.averaging_constant, 1.0
    fake.enable_observer()
    fake(weight)
    fake.disable_observer()
    observer.averaging_constant = rate


def _part_inputs(network: TryOnNetwork, size: tuple[int, int]) -> dict[str, tuple[Tensor, ...]]:
    """What every part is given for pictures of that size."""
    inputs: dict[str, tuple[Tensor, ...]] = {}

    def note(part: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, given: inputs.__setitem__(part, given)

    hooks = [network.get_submodule(part).register_forward_pre_hook(note(part)) for part in quantized_modules(network)]
    picture = torch.zeros(TRACED_BATCH, 3, *size)
    with torch.no_grad():
        network(picture, picture, picture[:, :1])
    for hook in hooks:
        hook.remove()
    return inputs


def _prepared(part: nn.Module, inputs: tuple[Tensor, ...], kept: set[str]) -> fx.GraphModule:
    from torchao.quantization.pt2e import allow_exported_model_train_eval
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

    from dmvton_mobile.quantization.quantizer import Int8Quantizer

    free = tuple({0: torch.export.Dim.AUTO} for _ in inputs)
    graph = torch.export.export(part, inputs, dynamic_shapes=free).module()
    _read_weights_once(graph)
    of_inputs = _of_inputs(graph)
    quantizer = Int8Quantizer(
        lambda node: node.op == "get_attr" or (node.name in of_inputs and not _is_kept(node, kept))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare_pt2e(graph, quantizer)
        allow_exported_model_train_eval(prepared)
    return prepared


def _read_weights_once(graph: fx.GraphModule) -> None:
    """A node of its own for every convolution that reads shared weights: the quantizer takes the first reader alone."""
    for node in list(graph.graph.nodes):
        if node.op == "get_attr":
            for reader in list(node.users)[1:]:
                with graph.graph.inserting_before(reader):
                    reader.replace_input_with(node, graph.graph.node_copy(node))
    graph.recompile()


def _of_inputs(graph: fx.GraphModule) -> set[str]:
    """The names of what has only inputs, and what is made of them, for operands: positions are constants, and eight
    bits would coarsen them."""
    follows: set[fx.Node] = set()
    found = set()
    for node in graph.graph.nodes:
        operands = [operand for operand in node.all_input_nodes if operand.op != "get_attr"]
        sized = node.target is torch.ops.aten.sym_size.int  # a shape says nothing of what is on a picture
        if node.op == "placeholder" or (any(operand in follows for operand in operands) and not sized):
            follows.add(node)
        if operands and all(operand in follows for operand in operands) and not _adds_a_constant(node):
            found.add(node.name)
    return found


def _adds_a_constant(node: fx.Node) -> bool:
    return node.target not in CONVOLUTIONS and any(operand.op == "get_attr" for operand in node.all_input_nodes)


def _is_kept(node: fx.Node, kept: set[str]) -> bool:
    stack: dict[str, Any] = node.meta.get("nn_module_stack", {})
    return any(path in kept for path, _ in stack.values())
