"""ExecuTorch's XNNPACK graphs, without the copies that its lowering leaves behind.

Its layout pass keeps a convolution's output channels last, but turns it back before every reshape: a permute to a table
[H * W, C] becomes two transposes that undo each other, and a batched product with a transposed operand transposes it
first although XNNPACK reads it as it is (XNN_FLAG_TRANSPOSE_B of xnnpack.h). A slice of two axes becomes two slices.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import fields
from types import SimpleNamespace
from typing import Any

from executorch.backends.xnnpack import xnnpack_preprocess
from executorch.backends.xnnpack.operators import node_visitor
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNBatchMatrixMultiply,
    XNNGraph,
    XNNStaticSlice,
    XNNStaticTranspose,
)
from torch import fx

from converters.passes.graph import PERMUTE

TO_NHWC, TO_NCHW = [0, 2, 3, 1], [0, 3, 1, 2]
TRANSPOSE_B = 1  # XNN_FLAG_TRANSPOSE_B
SWAP_LAST = [0, 2, 1]
KEY_DIGITS = 16


@contextmanager
def without_copies() -> Iterator[None]:
    """Within it, what the XNNPACK partitioner takes is written without those copies."""
    serialize = xnnpack_preprocess.serialize_xnnpack_binary

    def tidied(graph: XNNGraph, constants: bytearray) -> bytes:
        drop_copies(graph)
        return serialize(graph, constants)

    xnnpack_preprocess.serialize_xnnpack_binary = tidied
    try:
        yield
    finally:
        xnnpack_preprocess.serialize_xnnpack_binary = serialize


@contextmanager
def with_short_keys() -> Iterator[None]:
    """Within it, constants are stored under 16 digits of their digest, not 64: an int8 network has hundreds of small
    ones, each named twice. Two of one name would be refused when they are written."""
    digest = node_visitor.hashlib
    node_visitor.hashlib = SimpleNamespace(sha256=lambda data: _ShortDigest(digest.sha256(data)))
    try:
        yield
    finally:
        node_visitor.hashlib = digest


class _ShortDigest:
    def __init__(self, digest: Any):
        self._digest = digest

    def hexdigest(self) -> str:
        return str(self._digest.hexdigest()[:KEY_DIGITS])


def carry_channels_last(graph: fx.GraphModule) -> None:
    """A map that is read both as a table and by convolutions is read as one table by both, in place.

    Where the readers end up in different delegated parts, it then passes between them without a transpose.
    """
    for node in list(graph.graph.nodes):
        tables = [user for user in node.users if user.target is PERMUTE and user.args[1] == TO_NHWC]
        others = [user for user in node.users if user not in tables]
        if tables and others and node.op == "call_function":
            node.append(tables[0])  # right behind it, before whoever reads it first
            with graph.graph.inserting_after(tables[0]):
                carried = graph.graph.call_function(PERMUTE, (tables[0], TO_NCHW))
            for user in others:
                user.replace_input_with(node, carried)


def drop_copies(graph: XNNGraph) -> None:
    """Joins transposes and slices in a row, drops transposes that move nothing, and lets batched products read theirs.

    In place.
    """
    made_by: dict[int, Any] = {}
    same: dict[int, int] = {}  # what a transpose that moves nothing writes -> what it reads
    for node in graph.xnodes:
        operation: Any = node.xnode_union
        _rename(operation, _inputs(operation), same)
        before = made_by.get(getattr(operation, "input2_id", getattr(operation, "input_id", -1)))
        match before, operation:
            case XNNStaticTranspose(), XNNStaticTranspose():
                operation.perm = [before.perm[axis] for axis in operation.perm]
                operation.input_id = before.input_id
            case XNNStaticSlice(), XNNStaticSlice():
                operation.offsets = [first + second for first, second in zip(before.offsets, operation.offsets)]
                operation.input_id = before.input_id
            case XNNStaticTranspose(perm=perm), XNNBatchMatrixMultiply() if perm == SWAP_LAST:
                operation.input2_id = before.input_id
                operation.flags |= TRANSPOSE_B
        if isinstance(operation, XNNStaticTranspose) and operation.perm == sorted(operation.perm):
            same[operation.output_id] = operation.input_id
        made_by[operation.output_id] = operation
    for output, source in same.items():
        if output in graph.output_ids and source in made_by and source not in graph.output_ids:
            for node in graph.xnodes:  # who made the source writes the output at once
                _rename(node.xnode_union, [*_inputs(node.xnode_union), "output_id"], {source: output})
    _drop_unread(graph)


def _drop_unread(graph: XNNGraph) -> None:
    read = set(graph.output_ids)
    kept = []
    for node in reversed(graph.xnodes):
        operation: Any = node.xnode_union
        unread = operation.output_id not in read or operation.output_id == getattr(operation, "input_id", None)
        if unread and isinstance(operation, XNNStaticTranspose | XNNStaticSlice):
            continue
        read |= {getattr(operation, name) for name in _inputs(operation)}
        kept.append(node)
    graph.xnodes = kept[::-1]


def _inputs(operation: object) -> list[str]:
    """The fields that name values an operation reads."""
    names = [field.name for field in fields(operation)]  # type: ignore[arg-type]
    return [name for name in names if name.endswith("_id") and name != "output_id"]


def _rename(operation: object, names: list[str], values: dict[int, int]) -> None:
    for name in names:
        value = getattr(operation, name)
        setattr(operation, name, values.get(value, value))
