"""What a convolution costs on this machine, in float32 or in eight bits: measured alone in ONNX Runtime, once for every
shape."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

from dmvton_mobile.networks import TryOnNetwork
from training.compression.pruning.dependencies import Convolution

RUNS = 50
OPSET = 20


@dataclass(frozen=True)
class ConvShape:
    """height, width: of its input."""

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    depthwise: bool
    transposed: bool
    height: int
    width: int

    def resized(self, inputs: int, outputs: int) -> "ConvShape":
        return replace(self, inputs=inputs, outputs=outputs)

    @property
    def macs(self) -> int:
        """Multiplications with accumulation."""
        pixels = self.height * self.width // (1 if self.transposed else self.stride**2)
        return pixels * self.kernel**2 * self.outputs * (1 if self.depthwise else self.inputs)


NOTHING = ConvShape(1, 1, 1, 1, 0, False, False, 1, 1)


class Latencies:
    """Seconds of convolutions by shape, beyond those of a run of nothing: the fastest of RUNS, after two that do not
    count."""

    def __init__(self, threads: int):
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._measured: dict[tuple[ConvShape, bool], float] = {}
        self._call = self._measure(NOTHING, int8=False)

    def seconds(self, shape: ConvShape, *, int8: bool = False) -> float:
        """int8: from integers to integers, as between two others in eight bits."""
        if (shape, int8) not in self._measured:
            self._measured[shape, int8] = max(0.0, self._measure(shape, int8) - self._call)
        return self._measured[shape, int8]

    def measure_again(self) -> None:
        """Once more all that was measured; the faster stands. What a busy moment of the machine slowed comes right."""
        self._call = min(self._call, self._measure(NOTHING, int8=False))
        for (shape, int8), before in self._measured.items():
            again = max(0.0, self._measure(shape, int8) - self._call)
            self._measured[shape, int8] = min(before, again)

    def _measure(self, shape: ConvShape, int8: bool) -> float:
        model = _int8_model(shape) if int8 else _model(shape)
        session = onnxruntime.InferenceSession(model, self._options, providers=["CPUExecutionProvider"])
        held = np.uint8 if int8 else np.float32
        fed = {"x": np.zeros((1, shape.inputs, shape.height, shape.width), held)}
        taken = []
        for _ in range(2 + RUNS):
            started = time.perf_counter()
            session.run(None, fed)
            taken.append(time.perf_counter() - started)
        return min(taken[2:])


def conv_shapes(network: TryOnNetwork, height: int, width: int) -> dict[str, ConvShape]:
    """Of every convolution that a frame runs, in pictures of that size. A layer that runs several times (the smoothing
    of a mobile pyramid) counts with its largest map."""
    shapes: dict[str, ConvShape] = {}
    names = {module: name for name, module in network.named_modules()}

    def note(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        shape = _shape(layer, inputs[0])
        if names[layer] not in shapes or shape.macs > shapes[names[layer]].macs:
            shapes[names[layer]] = shape

    picture = torch.zeros(1, 3, height, width)
    with torch.no_grad():
        features = network.encode_garment(picture, picture[:, :1])
        hooks = [layer.register_forward_hook(note) for layer in _convolutions(network)]
        try:
            network(picture, garment_features=features)
        finally:
            for hook in hooks:
                hook.remove()
    return shapes


def _convolutions(network: nn.Module) -> Iterator[nn.Module]:
    return (layer for layer in network.modules() if isinstance(layer, Convolution))


def _shape(layer: nn.Module, x: Tensor) -> ConvShape:
    assert isinstance(layer, Convolution) and isinstance(layer.padding[0], int)
    return ConvShape(
        inputs=layer.in_channels,
        outputs=layer.out_channels,
        kernel=layer.kernel_size[0],
        stride=layer.stride[0],
        padding=layer.padding[0],
        depthwise=layer.groups > 1,
        transposed=isinstance(layer, nn.ConvTranspose2d),
        height=x.shape[2],
        width=x.shape[3],
    )


def _model(shape: ConvShape) -> bytes:
    constants = {"weight": np.zeros(_weight_shape(shape), np.float32), "bias": np.zeros(shape.outputs, np.float32)}
    return _checked(shape, TensorProto.FLOAT, [_convolution(shape, "x", "y")], constants)


def _int8_model(shape: ConvShape) -> bytes:
    """Dequantize, convolution, quantize: what the runtime makes one integer kernel of, where activations are uint8 and
    there is a bias to hold in int32."""
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["x_float"]),
        helper.make_node(
            "DequantizeLinear", ["weight_int8", "scales", "zeros"], ["weight"], axis=1 if shape.transposed else 0
        ),
        _convolution(shape, "x_float", "y_float"),
        helper.make_node("QuantizeLinear", ["y_float", "scale", "zero"], ["y"]),
    ]
    constants: dict[str, np.ndarray] = {
        "weight_int8": np.zeros(_weight_shape(shape), np.int8),
        "bias": np.zeros(shape.outputs, np.float32),
        "scale": np.array(1, np.float32),
        "zero": np.array(0, np.uint8),
        "scales": np.ones(shape.outputs, np.float32),
        "zeros": np.zeros(shape.outputs, np.int8),
    }
    return _checked(shape, TensorProto.UINT8, nodes, constants)


def _weight_shape(shape: ConvShape) -> tuple[int, ...]:
    groups = shape.inputs if shape.depthwise else 1
    rows, columns = (shape.inputs, shape.outputs) if shape.transposed else (shape.outputs, shape.inputs)
    return rows, columns // groups, shape.kernel, shape.kernel


def _convolution(shape: ConvShape, x: str, y: str) -> onnx.NodeProto:
    return helper.make_node(
        "ConvTranspose" if shape.transposed else "Conv",
        [x, "weight", "bias"],
        [y],
        group=shape.inputs if shape.depthwise else 1,
        strides=[shape.stride] * 2,
        pads=[shape.padding] * 4,
    )


def _checked(shape: ConvShape, kind: int, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("x", kind, [1, shape.inputs, shape.height, shape.width])],
        [helper.make_tensor_value_info("y", kind, ["b", "c", "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 10  # what the pinned runtime reads
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
