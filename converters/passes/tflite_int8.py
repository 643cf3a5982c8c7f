"""Integer kernels for TFLite: a dequantize, an operation and a quantize become one operation on integers.

The converter takes activations in int8 as they are quantized, but not weights: with those in int8 it fails, with a
quantize before float32 weights the runtime would quantize them in every process. So it is given float32 weights that
lie on their int8 grid already, and this pass puts them back on it, exactly.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
"""

import hashlib
from collections import defaultdict
from typing import Any

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import fx

from converters.passes.graph import ON_GRID, constant_value, dequantizes

KINDS = schema.BuiltinOperator
OUTPUT_AXIS = {KINDS.CONV_2D: 0, KINDS.DEPTHWISE_CONV_2D: 3, KINDS.TRANSPOSE_CONV: 0}  # of a filter's channels
FILTER, BIAS = 1, 2  # inputs of a convolution; a transposed one has its output's shape first
MOVING = (KINDS.PAD, KINDS.RESHAPE, KINDS.TRANSPOSE)  # integers stay what they are
LEVELS = 127


class IntegerKernels:
    """The two passes, before and after LiteRT's converter. fused: how many operations work on integers."""

    def __init__(self) -> None:
        self._on_grid: set[bytes] = set()
        self.fused = 0

    def before(self, graph: fx.GraphModule) -> None:
        """Replaces dequantized integer weights by what they are as float32, in place."""
        for node in list(graph.graph.nodes):
            if dequantizes(node) and all(source.op == "get_attr" for source in node.all_input_nodes):
                weights, name = constant_value(graph, node), f"{ON_GRID}{node.name}"
                self._on_grid.add(_fingerprint(weights.numpy()))
                graph.register_buffer(name, weights)
                with graph.graph.inserting_before(node):
                    node.replace_all_uses_with(graph.graph.get_attr(name))

    def after(self, content: bytes) -> bytes:
        """The model with integer kernels, without the names that only a debugger reads."""
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        [graph] = model.subgraphs
        self.fused = _Fusion(model, graph, self._on_grid).run()
        _drop_unused(model, graph)
        _drop_names(model, graph)
        return _written(model)


class _Fusion:
    """One pass over a graph in its order of execution. A float32 tensor that a dequantize made is known by the integers
    that it came from."""

    def __init__(self, model: Any, graph: Any, on_grid: set[bytes]):
        self._model, self._graph, self._on_grid = model, graph, on_grid
        self._kinds = [max(code.builtinCode, code.deprecatedBuiltinCode) for code in model.operatorCodes]
        self._integers: dict[int, int] = {}  # float32 tensor -> the int8 tensor that it was dequantized from
        self._readers: dict[int, list[Any]] = defaultdict(list)
        for operation in graph.operators:
            for tensor in operation.inputs:
                self._readers[tensor].append(operation)
        self._outputs = set(graph.outputs)

    def run(self) -> int:
        fused = 0
        for operation in self._graph.operators:
            kind = self._kind(operation)
            if kind == KINDS.DEQUANTIZE:
                self._integers[operation.outputs[0]] = operation.inputs[0]
            elif kind in MOVING and operation.inputs[0] in self._integers:
                self._move(operation)
            elif kind in OUTPUT_AXIS:
                fused += self._fuse(operation, [2 if kind == KINDS.TRANSPOSE_CONV else 0])
            elif kind == KINDS.ADD:
                fused += self._fuse(operation, [0, 1])
            elif kind in (KINDS.CONCATENATION, KINDS.AVERAGE_POOL_2D):
                fused += self._fuse(operation, range(len(operation.inputs)), same_scale=True)
        return fused

    def _kind(self, operation: Any) -> int:
        return int(self._kinds[operation.opcodeIndex])

    def _move(self, operation: Any) -> None:
        """Moves the integers; whoever reads the numbers gets them by a dequantize of the moved ones."""
        moved = operation.outputs[0]
        if any(self._kind(reader) not in OUTPUT_AXIS for reader in self._readers[moved]) or moved in self._outputs:
            return
        source = self._integers[operation.inputs[0]]
        integers = self._new_tensor(self._graph.tensors[moved].shape, self._graph.tensors[source].quantization)
        operation.inputs[0], operation.outputs[0] = source, integers
        self._integers[moved] = integers

    def _fuse(self, operation: Any, places: Any, same_scale: bool = False) -> int:
        """Makes it an operation on integers where its inputs were, and its output is to be; else leaves it."""
        chain = self._chain(operation)
        if chain is None or any(operation.inputs[place] not in self._integers for place in places):
            return 0
        activation, quantize = chain
        result = quantize.outputs[0]
        sources = [self._integers[operation.inputs[place]] for place in places]
        if same_scale and any(self._scale(source) != self._scale(result) for source in sources):
            return 0
        weighted = self._kind(operation) in OUTPUT_AXIS
        if weighted and not self._integer_weights(operation, self._scale(sources[0])[0]):
            return 0
        for place, source in zip(places, sources, strict=True):
            operation.inputs[place] = source
        if activation is not None:
            operation.builtinOptions.fusedActivationFunction = activation
        operation.outputs[0] = result
        quantize.inputs = quantize.outputs = []  # its work is done
        return 1

    def _chain(self, operation: Any) -> tuple[int | None, Any] | None:
        """The activation that follows (None: its own) and the quantize behind it, if nothing else reads in between."""
        activation = None
        [reader] = self._readers[operation.outputs[0]] if len(self._readers[operation.outputs[0]]) == 1 else [None]
        if reader is not None and self._kind(reader) == KINDS.RELU6:
            activation, followed = schema.ActivationFunctionType.RELU6, self._readers[reader.outputs[0]]
            reader = followed[0] if len(followed) == 1 else None
        if reader is None or self._kind(reader) != KINDS.QUANTIZE:
            return None
        return activation, reader

    def _integer_weights(self, operation: Any, input_scale: float) -> bool:
        axis, filters = OUTPUT_AXIS[self._kind(operation)], self._values(operation.inputs[FILTER])
        if filters is None or _fingerprint(filters) not in self._on_grid:
            return False
        others = tuple(other for other in range(filters.ndim) if other != axis)
        scales = np.abs(filters).max(others) / LEVELS
        scales = np.where(scales > 0, scales, 1).astype(np.float32)
        shape = [-1 if other == axis else 1 for other in range(filters.ndim)]
        integers = np.rint(filters / scales.reshape(shape)).astype(np.int8)
        operation.inputs[FILTER] = self._new_constant(integers, scales, axis, schema.TensorType.INT8)
        place = BIAS + (self._kind(operation) == KINDS.TRANSPOSE_CONV)
        if len(operation.inputs) > place and operation.inputs[place] >= 0:
            bias, units = self._values(operation.inputs[place]), (scales * input_scale).astype(np.float32)
            assert bias is not None
            operation.inputs[place] = self._new_constant(
                np.rint(bias / units).astype(np.int32), units, 0, schema.TensorType.INT32
            )
        return True

    def _scale(self, tensor: int) -> tuple[float, int]:
        quantization = self._graph.tensors[tensor].quantization
        return float(quantization.scale[0]), int(quantization.zeroPoint[0])

    def _values(self, tensor: int) -> np.ndarray | None:
        held = self._graph.tensors[tensor]
        data = self._model.buffers[held.buffer].data
        return None if data is None else np.frombuffer(bytes(data), np.float32).reshape(held.shape)

    def _new_constant(self, values: np.ndarray, scales: np.ndarray, axis: int, kind: int) -> int:
        quantization = schema.QuantizationParametersT()
        quantization.scale, quantization.zeroPoint = scales, np.zeros(len(scales), np.int64)
        quantization.quantizedDimension = axis
        buffer = schema.BufferT()
        buffer.data = np.frombuffer(values.tobytes(), np.uint8)
        self._model.buffers.append(buffer)
        return self._new_tensor(values.shape, quantization, kind, len(self._model.buffers) - 1)

    def _new_tensor(self, shape: Any, quantization: Any, kind: int = schema.TensorType.INT8, buffer: int = 0) -> int:
        tensor = schema.TensorT()
        tensor.shape, tensor.type, tensor.buffer = np.array(shape, np.int32), kind, buffer
        tensor.quantization, tensor.hasRank, tensor.name = quantization, True, b""
        self._graph.tensors.append(tensor)
        return len(self._graph.tensors) - 1


def _fingerprint(weights: np.ndarray) -> bytes:
    """The same for the same weights in any order of axes."""
    return hashlib.sha256(np.sort(weights, axis=None).tobytes()).digest()


def _drop_unused(model: Any, graph: Any) -> None:
    """Operations that nobody reads any more, and tensors and buffers that no operation has."""
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


def _drop_names(model: Any, graph: Any) -> None:
    """But those of inputs and outputs, by which a signature's tensors are known."""
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


def _written(model: Any) -> bytes:
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), b"TFL3")
    return bytes(builder.Output())
