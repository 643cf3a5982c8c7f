"""Passes that shrink a .tflite file: nothing that nobody reads, and equal vectors only once."""

from typing import Any

import flatbuffers
import numpy as np


def drop_unused(model: Any, graph: Any) -> None:
    """Drops operations whose output nobody reads, and tensors and buffers that no operation uses."""
    needed = set(graph.outputs)
    kept = []
    for operation in reversed(graph.operators):
        if needed.intersection(operation.outputs):
            needed.update(tensor for tensor in operation.inputs if tensor >= 0)
            kept.append(operation)
    graph.operators = kept[::-1]
    needed.update(graph.inputs)
    needed.update(tensor for operation in kept for tensor in operation.outputs)
    renumbered = {old: new for new, old in enumerate(sorted(needed))}
    graph.tensors = [graph.tensors[old] for old in sorted(needed)]
    for operation in graph.operators:
        operation.inputs = [renumbered.get(tensor, tensor) for tensor in operation.inputs]
        operation.outputs = [renumbered[tensor] for tensor in operation.outputs]
    graph.inputs, graph.outputs = ([renumbered[t] for t in tensors] for tensors in (graph.inputs, graph.outputs))
    for named in (tensor for signature in model.signatureDefs for tensor in (*signature.inputs, *signature.outputs)):
        named.tensorIndex = renumbered[named.tensorIndex]
    buffers = sorted({0, *(tensor.buffer for tensor in graph.tensors), *(entry.buffer for entry in model.metadata)})
    places = {old: new for new, old in enumerate(buffers)}
    model.buffers = [model.buffers[old] for old in buffers]
    for holder in (*graph.tensors, *model.metadata):
        holder.buffer = places[holder.buffer]


def drop_names(model: Any, graph: Any) -> None:
    """Drops the names of all tensors but inputs and outputs, which the signature refers to."""
    for index, tensor in enumerate(graph.tensors):
        if index not in (*graph.inputs, *graph.outputs):
            tensor.name = b""


class _SharingBuilder(flatbuffers.Builder):
    """Writes a vector of numbers once, however often it occurs: the zero points of all weights are zeros."""

    def __init__(self) -> None:
        super().__init__(1 << 20)
        self._written: dict[tuple[str, bytes], int] = {}

    def CreateNumpyVector(self, x: np.ndarray) -> int:  # noqa: N802 (flatbuffers' name)
        key = (x.dtype.str, x.tobytes())
        if key not in self._written:
            self._written[key] = super().CreateNumpyVector(x)
        return self._written[key]


def serialize(model: Any) -> bytes:
    """The model as the bytes of a .tflite file."""
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
