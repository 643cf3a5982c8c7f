"""ExecuTorch's XNNPACK graphs, without the copies that its lowering leaves behind.

Its layout pass keeps a convolution's output channels last, but turns it back before every reshape: a permute to a table
[H * W, C] becomes two transposes that undo each other, and a batched product with a transposed operand transposes it
first although XNNPACK reads it as it is (XNN_FLAG_TRANSPOSE_B of xnnpack.h). A slice of two axes becomes two slices.

`exporters/vendor_executorch.py` puts `drop_copies` in its place.
"""

from dataclasses import fields
from typing import Any

from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNBatchMatrixMultiply,
    XNNGraph,
    XNNStaticSlice,
    XNNStaticTranspose,
)

TRANSPOSE_B = 1  # XNN_FLAG_TRANSPOSE_B
SWAP_LAST = [0, 2, 1]


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
            for node in graph.xnodes:  # the producer of the source writes the output directly
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
