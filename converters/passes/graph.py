"""From a module to the exported graph that every target starts from: constants computed once, held once, no permute
undone by another."""

import hashlib
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, fx, nn

FOLDED_WEIGHT = "folded_weight_"  # a buffer computed from the network's weights
FOLDED_TABLE = "folded_table_"  # a buffer computed from nothing but shapes
INTEGER_WEIGHT = "_frozen_param"  # torchao's name for a weight in int8
ON_GRID = "on_grid_"  # a weight in float32 that lies on the grid of its integers
PERMUTE = torch.ops.aten.permute.default
ELEMENTWISE = (torch.ops.aten.leaky_relu.default,)  # what a network does to a map right after a permute
DEQUANTIZE = "quantized_decomposed.dequantize"  # of weights as of activations
IDENTITIES = (torch.ops.aten.detach.default, torch.ops.aten.alias.default, torch.ops.aten.lift_fresh_copy.default)


def export_program(
    module: nn.Module, inputs: tuple[Tensor, ...], last_pass: Callable[[fx.GraphModule], None] | None = None
) -> torch.export.ExportedProgram:
    """The module as an ExportedProgram with static shapes.

    What depends on no input is computed here and stored once, however often it is used; two permutes that undo each
    other are dropped, so that channels-last tables pass between operations as they are. last_pass: what one target
    rewrites besides, in place.
    """
    with torch.no_grad():
        graph = torch.export.export(module, inputs).module()
        _fold_constants(graph)
        _share_equal_constants(graph)
        _drop_identities(graph)
        _share_equal_operations(graph)
        _dequantize_for_each_reader(graph)
        _sink_permutes(graph)
        _cancel_permutes(graph)
        if last_pass is not None:
            last_pass(graph)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        return torch.export.export(graph, inputs)


def dequantizes(node: fx.Node) -> bool:
    """Whether integers become numbers here: backends find their kernels by these, one before each reader."""
    return str(node.target).startswith(DEQUANTIZE)


def _fold_constants(graph: fx.GraphModule) -> None:
    """Replaces every operation on constants alone by its result."""
    values: dict[fx.Node, object] = {}
    for node in list(graph.graph.nodes):
        if node.op == "get_attr":
            values[node] = _attribute(graph, node.target)
        elif node.op == "call_function" and not dequantizes(node) and all(x in values for x in node.all_input_nodes):
            with torch.enable_grad():  # so that what comes from a weight can be told
                values[node] = _evaluate(node, values)
    for index, (node, value) in enumerate(values.items()):
        if node.op == "call_function" and isinstance(value, Tensor) and not all(user in values for user in node.users):
            name = f"{FOLDED_WEIGHT if value.requires_grad else FOLDED_TABLE}{index}"
            graph.register_buffer(name, value.detach().clone(), persistent=True)
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(graph.graph.get_attr(name))


def constant_value(graph: fx.GraphModule, node: fx.Node) -> Any:
    """What an operation on constants alone gives."""
    return _evaluate(node, {source: _attribute(graph, str(source.target)) for source in node.all_input_nodes})


def _evaluate(node: fx.Node, values: dict[fx.Node, object]) -> object:
    def value(source: fx.Node) -> Any:
        return values[source]

    return node.target(*fx.map_arg(node.args, value), **fx.map_arg(node.kwargs, value))  # type: ignore[operator]


def _share_equal_constants(graph: fx.GraphModule) -> None:
    first: dict[str, str] = {}
    for node in graph.graph.nodes:
        if node.op != "get_attr":
            continue
        value = _attribute(graph, node.target)
        if isinstance(value, Tensor):
            node.target = first.setdefault(_digest(value), node.target)


def _share_equal_operations(graph: fx.GraphModule) -> None:
    """One of the operations that do the same with the same: a map that is sampled in bands becomes a table once."""
    first: dict[tuple[str, str, str], fx.Node] = {}
    for node in list(graph.graph.nodes):
        if node.op in ("call_function", "get_attr") and not dequantizes(node):
            # as text, where 1 and 1.0 are two numbers
            same = first.setdefault((str(node.target), repr(node.args), repr(node.kwargs)), node)
            if same is not node:
                node.replace_all_uses_with(same)
                graph.graph.erase_node(node)


def _dequantize_for_each_reader(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and dequantizes(node):
            for reader in list(node.users)[1:]:
                with graph.graph.inserting_after(node):
                    reader.replace_input_with(node, graph.graph.node_copy(node))


def _drop_identities(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and node.target in IDENTITIES:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)


def _sink_permutes(graph: fx.GraphModule) -> None:
    """Moves a permute behind the elementwise operation that alone reads it, nearer to the one that undoes it."""
    for node in list(graph.graph.nodes):
        if node.op != "call_function" or node.target not in ELEMENTWISE:
            continue
        permute = node.args[0]
        if permute.op != "call_function" or permute.target is not PERMUTE or len(permute.users) > 1:
            continue
        node.replace_input_with(permute, permute.args[0])
        readers = list(node.users)
        with graph.graph.inserting_after(node):
            moved = graph.graph.call_function(PERMUTE, (node, permute.args[1]))
        for reader in readers:
            reader.replace_input_with(node, moved)


def _cancel_permutes(graph: fx.GraphModule) -> None:
    for node in list(graph.graph.nodes):
        if node.op != "call_function" or node.target is not PERMUTE:
            continue
        source, order = node.args[0], node.args[1]
        if source.op != "call_function" or source.target is not PERMUTE:
            continue
        composed = [source.args[1][axis] for axis in order]
        if composed == list(range(len(composed))):
            node.replace_all_uses_with(source.args[0])
            graph.graph.erase_node(node)


def _attribute(graph: fx.GraphModule, path: str) -> object:
    value: object = graph
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _digest(value: Tensor) -> str:
    content = value.detach().contiguous().numpy()
    return hashlib.sha256(f"{content.dtype}{content.shape}".encode() + content.tobytes()).hexdigest()
