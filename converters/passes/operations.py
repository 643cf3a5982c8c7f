"""Passes on operations: none that does nothing, none twice, and one dequantize for each reader."""

import torch
from torch import fx

DEQUANTIZE = "quantized_decomposed.dequantize"  # of weights as of activations
IDENTITIES = (torch.ops.aten.detach.default, torch.ops.aten.alias.default, torch.ops.aten.lift_fresh_copy.default)


def drop_identities(graph: fx.GraphModule) -> None:
    """Removes operations that return their input."""
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and node.target in IDENTITIES:
            node.replace_all_uses_with(node.args[0])
            graph.graph.erase_node(node)


def share_equal_operations(graph: fx.GraphModule) -> None:
    """Keeps one of the operations that do the same with the same: a map sampled in bands becomes a table once."""
    first: dict[tuple[str, str, str], fx.Node] = {}
    for node in list(graph.graph.nodes):
        if node.op in ("call_function", "get_attr") and not dequantizes(node):
            # as text, where 1 and 1.0 are two numbers
            same = first.setdefault((str(node.target), repr(node.args), repr(node.kwargs)), node)
            if same is not node:
                node.replace_all_uses_with(same)
                graph.graph.erase_node(node)


def dequantize_for_each_reader(graph: fx.GraphModule) -> None:
    """Copies a dequantize for each of its readers: backends look for an integer kernel between two such nodes."""
    for node in list(graph.graph.nodes):
        if node.op == "call_function" and dequantizes(node):
            for reader in list(node.users)[1:]:
                with graph.graph.inserting_after(node):
                    reader.replace_input_with(node, graph.graph.node_copy(node))


def dequantizes(node: fx.Node) -> bool:
    """Whether integers become floats here."""
    return str(node.target).startswith(DEQUANTIZE)
