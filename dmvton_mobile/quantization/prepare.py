"""Prepares a network for int8 and converts it to integers, with torchao's PT2E.

Each of the network's `quantized_modules` is traced and replaced by a graph module. So the network is still a
`TryOnNetwork`: it trains, it is exported, and its flow operations can be replaced, as any other's.
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
    """Inserts fake quantization; `calibrate` sets its ranges.

    Args:
        network: a float network.
        quantization: the size to trace with, and the layers to keep in float32.

    Returns:
        A copy in eval mode, its batch norms folded.

    Raises:
        DmvtonError: the network cannot be quantized, or every layer is kept float32.
    """
    chosen = {layer.layer for layer in float_layers(network, quantization.keep_float)}
    if not set(quantizable_layers(network)) - chosen:
        raise DmvtonError("Nothing would be quantized: every layer is kept float32.")
    network = copy.deepcopy(network).eval()
    fold_batch_norms(network)
    split_refinement(network)
    kept = {layer for layer, before in names_before_split(network).items() if before in chosen}
    for path, inputs in _module_inputs(network, quantization.size).items():
        relative = {layer.removeprefix(path).lstrip(".") for layer in kept if f"{layer}.".startswith(f"{path}.")}
        network.set_submodule(path, _prepared(network.get_submodule(path), inputs, relative))
    network.config = replace(network.config, quantization=quantization)
    return network


def converted(network: TryOnNetwork, *, folded: bool = True) -> TryOnNetwork:
    """Converts a calibrated network to integers.

    Args:
        network: prepared and calibrated.
        folded: whether weights are stored as integers; otherwise they are float32 before a quantize, as LiteRT's
            converter needs them.

    Returns:
        A copy with quantize and dequantize operations in its graphs.

    Raises:
        DmvtonError: the network was not prepared and calibrated.
    """
    from torchao.quantization.pt2e.quantize_pt2e import convert_pt2e

    quantization = network.config.quantization
    if quantization is None or quantization.calibration is None:
        raise DmvtonError(f"This {network.config.name} was not quantized and calibrated.")
    network = copy.deepcopy(network)
    settle_weights(network)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for path in quantized_modules(network):
            graph = network.get_submodule(path)
            assert isinstance(graph, fx.GraphModule)
            network.set_submodule(path, convert_pt2e(graph, fold_quantize=folded))
    return network


def settle_weights(network: TryOnNetwork) -> None:
    """Sets the range of every channel of weights to its present extremes, in place; training updates it with a lag."""
    for path in quantized_modules(network):
        graph = network.get_submodule(path)
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


def _module_inputs(network: TryOnNetwork, size: tuple[int, int]) -> dict[str, tuple[Tensor, ...]]:
    """The inputs of every quantized module, for pictures of that size."""
    inputs: dict[str, tuple[Tensor, ...]] = {}

    def record(path: str) -> Callable[[nn.Module, tuple[Tensor, ...]], None]:
        return lambda module, arguments: inputs.__setitem__(path, arguments)

    hooks = [network.get_submodule(path).register_forward_pre_hook(record(path)) for path in quantized_modules(network)]
    picture = torch.zeros(TRACED_BATCH, 3, *size)
    with torch.no_grad():
        network(picture, picture, picture[:, :1])
    for hook in hooks:
        hook.remove()
    return inputs


def _prepared(module: nn.Module, inputs: tuple[Tensor, ...], kept: set[str]) -> fx.GraphModule:
    from torchao.quantization.pt2e import allow_exported_model_train_eval
    from torchao.quantization.pt2e.quantize_pt2e import prepare_pt2e

    from dmvton_mobile.quantization.quantizer import Int8Quantizer

    free = tuple({0: torch.export.Dim.AUTO} for _ in inputs)
    graph = torch.export.export(module, inputs, dynamic_shapes=free).module()
    _read_weights_once(graph)
    dependent = _input_dependent(graph)
    quantizer = Int8Quantizer(
        lambda node: node.op == "get_attr" or (node.name in dependent and not _is_kept(node, kept))
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        prepared = prepare_pt2e(graph, quantizer)
        allow_exported_model_train_eval(prepared)
    return prepared


def _read_weights_once(graph: fx.GraphModule) -> None:
    """Copies the node of shared weights for every further reader; the quantizer handles the first reader only."""
    for node in list(graph.graph.nodes):
        if node.op == "get_attr":
            for reader in list(node.users)[1:]:
                with graph.graph.inserting_before(reader):
                    reader.replace_input_with(node, graph.graph.node_copy(node))
    graph.recompile()


def _input_dependent(graph: fx.GraphModule) -> set[str]:
    """The names of the nodes whose operands all depend on the inputs.

    Positions are constants, which int8 would make coarser; a node that reads them is not quantized.
    """
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
