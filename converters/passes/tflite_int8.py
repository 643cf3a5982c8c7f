"""Integer kernels for TFLite: a dequantize, an operation and a quantize become one operation on integers.

LiteRT's converter takes int8 activations, but fails on int8 weights; with a quantize before float32 weights, the
runtime would quantize them in every process. So it gets float32 weights that lie on their int8 grid already, and the
pass over its output makes them int8 again, exactly.

Source: https://ai.google.dev/edge/litert/conversion/tensorflow/quantization/quantization_spec
"""

import hashlib
from collections import defaultdict
from typing import Any

import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.tools import flatbuffer_utils
from torch import fx

from converters.passes.constants import ON_GRID, constant_value
from converters.passes.operations import dequantizes
from converters.passes.tflite_file import drop_names, drop_unused, serialize
from converters.passes.weight_only_int8 import LEVELS

KINDS = schema.BuiltinOperator
OUTPUT_AXIS = {KINDS.CONV_2D: 0, KINDS.DEPTHWISE_CONV_2D: 3, KINDS.TRANSPOSE_CONV: 0}  # of a filter's channels
FILTER, BIAS = 1, 2  # inputs of a convolution; a transposed one has its output's shape first
MOVING = (KINDS.PAD, KINDS.RESHAPE, KINDS.TRANSPOSE)  # integers stay what they are


class IntegerKernels:
    """The pass before LiteRT's converter and the pass after it.

    Attributes:
        fused: How many operations compute on integers, after `after`.
    """

    def __init__(self) -> None:
        self._on_grid: set[bytes] = set()
        self.fused = 0

    def before(self, graph: fx.GraphModule) -> None:
        """Replaces dequantized integer weights by their float32 values, in place."""
        for node in list(graph.graph.nodes):
            if dequantizes(node) and all(source.op == "get_attr" for source in node.all_input_nodes):
                weights, name = constant_value(graph, node), f"{ON_GRID}{node.name}"
                self._on_grid.add(_fingerprint(weights.numpy()))
                graph.register_buffer(name, weights)
                with graph.graph.inserting_before(node):
                    node.replace_all_uses_with(graph.graph.get_attr(name))

    def after(self, content: bytes) -> bytes:
        """The file with integer kernels, without names that only a debugger reads."""
        model = flatbuffer_utils.read_model_from_bytearray(bytearray(content))
        [graph] = model.subgraphs
        self.fused = _Fusion(model, graph, self._on_grid).run()
        drop_unused(model, graph)
        drop_names(model, graph)
        return serialize(model)


class _Fusion:
    """One pass over a graph in its order of execution.

    It remembers which integers every float32 tensor was dequantized from.
    """

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
        """Moves the integers before the dequantize, where only convolutions read the result."""
        moved = operation.outputs[0]
        if any(self._kind(reader) not in OUTPUT_AXIS for reader in self._readers[moved]) or moved in self._outputs:
            return
        source = self._integers[operation.inputs[0]]
        integers = self._new_tensor(self._graph.tensors[moved].shape, self._graph.tensors[source].quantization)
        operation.inputs[0], operation.outputs[0] = source, integers
        self._integers[moved] = integers

    def _fuse(self, operation: Any, places: Any, same_scale: bool = False) -> int:
        """Makes it an operation on integers if its inputs were dequantized and its output is quantized."""
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
        quantize.inputs = quantize.outputs = []  # nothing is left for it to do
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
        constant = self._graph.tensors[tensor]
        data = self._model.buffers[constant.buffer].data
        return None if data is None else np.frombuffer(bytes(data), np.float32).reshape(constant.shape)

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
