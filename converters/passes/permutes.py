"""Passes on permutes: those that undo each other meet and go."""

import torch
from torch import fx

PERMUTE = torch.ops.aten.permute.default
TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
ELEMENTWISE = (torch.ops.aten.leaky_relu.default,)  # what a network does to a map right after a permute


def sink_permutes(graph: fx.GraphModule) -> None:
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


def cancel_permutes(graph: fx.GraphModule) -> None:
    """Removes a permute that undoes the one before it."""
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


def carry_channels_last(graph: fx.GraphModule) -> None:
    """Lets all readers of a map that is read both as a table and by convolutions read the one table.

    For ExecuTorch: where the readers end up in different delegated graphs, the map then passes between them without a
    transpose.
    """
    for node in list(graph.graph.nodes):
        tables = [user for user in node.users if user.target is PERMUTE and user.args[1] == TO_NHWC]
        others = [user for user in node.users if user not in tables]
        if tables and others and node.op == "call_function":
            node.append(tables[0])  # right behind it, before its first other reader
            with graph.graph.inserting_after(tables[0]):
                carried = graph.graph.call_function(PERMUTE, (tables[0], TO_NCHW))
            for user in others:
                user.replace_input_with(node, carried)
