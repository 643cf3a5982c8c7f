"""Passes on constants: what depends on no input is computed once and stored once."""

import hashlib
from typing import Any

import torch
from torch import Tensor, fx

from converters.passes.operations import dequantizes

FOLDED_WEIGHT = "folded_weight_"  # a buffer computed from the network's weights
FOLDED_TABLE = "folded_table_"  # a buffer computed from nothing but shapes
INTEGER_WEIGHT = "_frozen_param"  # torchao's name for a weight in int8
ON_GRID = "on_grid_"  # a weight in float32 that lies on the grid of its integers


def fold_constants(graph: fx.GraphModule) -> None:
    """Replaces every operation on constants alone by its result."""
    values: dict[fx.Node, object] = {}
    for node in list(graph.graph.nodes):
        if node.op == "get_attr":
            values[node] = _attribute(graph, node.target)
        elif node.op == "call_function" and not dequantizes(node) and all(x in values for x in node.all_input_nodes):
            with torch.enable_grad():  # so that results computed from a weight are recognised
                values[node] = _evaluate(node, values)
    for index, (node, value) in enumerate(values.items()):
        if node.op == "call_function" and isinstance(value, Tensor) and not all(user in values for user in node.users):
            name = f"{FOLDED_WEIGHT if value.requires_grad else FOLDED_TABLE}{index}"
            graph.register_buffer(name, value.detach().clone(), persistent=True)
            with graph.graph.inserting_before(node):
                node.replace_all_uses_with(graph.graph.get_attr(name))


def share_equal_constants(graph: fx.GraphModule) -> None:
    """Lets the readers of constants that are equal, bit by bit, read the first of them."""
    first: dict[str, str] = {}
    for node in graph.graph.nodes:
        if node.op != "get_attr":
            continue
        value = _attribute(graph, node.target)
        if isinstance(value, Tensor):
            node.target = first.setdefault(_digest(value), node.target)


def constant_value(graph: fx.GraphModule, node: fx.Node) -> Any:
    """The result of an operation on constants alone."""
    return _evaluate(node, {source: _attribute(graph, str(source.target)) for source in node.all_input_nodes})


def _evaluate(node: fx.Node, values: dict[fx.Node, object]) -> object:
    def value(source: fx.Node) -> Any:
        return values[source]

    return node.target(*fx.map_arg(node.args, value), **fx.map_arg(node.kwargs, value))  # type: ignore[operator]


def _attribute(graph: fx.GraphModule, path: str) -> object:
    value: object = graph
    for name in path.split("."):
        value = getattr(value, name)
    return value


def _digest(value: Tensor) -> str:
    content = value.detach().contiguous().numpy()
    return hashlib.sha256(f"{content.dtype}{content.shape}".encode() + content.tobytes()).hexdigest()
