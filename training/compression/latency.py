"""The latency of convolutions on this machine, in float32 and int8: each shape is timed alone in ONNX Runtime, once."""

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

WARM_UP_RUNS = 2
RUNS = 50
OPSET = 20
IR_VERSION = 10  # the newest that the pinned runtime reads


@dataclass(frozen=True)
class ConvShape:
    """What the latency of a convolution depends on.

    Attributes:
        inputs: Input channels.
        outputs: Output channels.
        kernel: Height and width of the kernel.
        stride: The stride in both directions.
        padding: The padding on all four sides.
        depthwise: Whether every channel is a group of its own.
        transposed: Whether it is a transposed convolution.
        height: The height of the input map.
        width: The width of the input map.
    """

    inputs: int
    outputs: int
    kernel: int
    stride: int
    padding: int
    depthwise: bool
    transposed: bool
    height: int
    width: int

    def with_channels(self, inputs: int, outputs: int) -> "ConvShape":
        """The same convolution with other channels."""
        return replace(self, inputs=inputs, outputs=outputs)

    @property
    def macs(self) -> int:
        """The multiply-accumulate operations of one run."""
        pixels = self.height * self.width // (1 if self.transposed else self.stride**2)
        return pixels * self.kernel**2 * self.outputs * (1 if self.depthwise else self.inputs)


_EMPTY = ConvShape(1, 1, 1, 1, 0, False, False, 1, 1)  # its latency is that of a call


class ConvLatencies:
    """Times convolutions by shape, each once.

    A latency is the fastest of 50 runs, after two that warm up, less the latency of a run that computes nothing.

    Args:
        threads: The number of CPU threads of ONNX Runtime.
    """

    def __init__(self, threads: int):
        self._options = onnxruntime.SessionOptions()
        self._options.intra_op_num_threads = threads
        self._seconds: dict[tuple[ConvShape, bool], float] = {}
        self._call = self._measure(_EMPTY, int8=False)

    def seconds(self, shape: ConvShape, *, int8: bool = False) -> float:
        """The latency of a convolution in seconds.

        Args:
            shape: The convolution.
            int8: Whether it reads and writes integers, as between two other int8 layers.
        """
        if (shape, int8) not in self._seconds:
            self._seconds[shape, int8] = max(0.0, self._measure(shape, int8) - self._call)
        return self._seconds[shape, int8]

    def measure_again(self) -> None:
        """Times everything once more and keeps the faster time, which corrects what a busy machine slowed down."""
        self._call = min(self._call, self._measure(_EMPTY, int8=False))
        for (shape, int8), before in self._seconds.items():
            again = max(0.0, self._measure(shape, int8) - self._call)
            self._seconds[shape, int8] = min(before, again)

    def _measure(self, shape: ConvShape, int8: bool) -> float:
        model = _int8_model(shape) if int8 else _float_model(shape)
        session = onnxruntime.InferenceSession(model, self._options, providers=["CPUExecutionProvider"])
        dtype = np.uint8 if int8 else np.float32
        inputs = {"x": np.zeros((1, shape.inputs, shape.height, shape.width), dtype)}
        seconds = []
        for _ in range(WARM_UP_RUNS + RUNS):
            started = time.perf_counter()
            session.run(None, inputs)
            seconds.append(time.perf_counter() - started)
        return min(seconds[WARM_UP_RUNS:])


def conv_shapes(network: TryOnNetwork, height: int, width: int) -> dict[str, ConvShape]:
    """The shapes of all convolutions that run for a frame, by layer; those of the garment run once, and are left out.

    A layer that runs several times, like the smoothing of a mobile pyramid, counts with its largest map.

    Args:
        network: The network.
        height: The height of the person's image in pixels.
        width: Its width.
    """
    shapes: dict[str, ConvShape] = {}
    names = {module: name for name, module in network.named_modules()}

    def record(layer: nn.Module, inputs: tuple[Tensor], output: Tensor) -> None:
        shape, name = _shape_of(layer, inputs[0]), names[layer]
        if name not in shapes or shape.macs > shapes[name].macs:
            shapes[name] = shape

    image = torch.zeros(1, 3, height, width)
    with torch.no_grad():
        features = network.encode_garment(image, image[:, :1])
        hooks = [layer.register_forward_hook(record) for layer in _convolutions(network)]
        try:
            network(image, garment_features=features)
        finally:
            for hook in hooks:
                hook.remove()
    return shapes


def _convolutions(network: nn.Module) -> Iterator[nn.Module]:
    return (layer for layer in network.modules() if isinstance(layer, Convolution))


def _shape_of(layer: nn.Module, x: Tensor) -> ConvShape:
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


def _float_model(shape: ConvShape) -> bytes:
    constants = {"weight": np.zeros(_weight_shape(shape), np.float32), "bias": np.zeros(shape.outputs, np.float32)}
    return _serialized(shape, TensorProto.FLOAT, [_conv_node(shape, "x", "y")], constants)


def _int8_model(shape: ConvShape) -> bytes:
    """Dequantize, convolution, quantize, which the runtime fuses into one integer kernel.

    It does so where activations are uint8 and there is a bias, which it stores as int32.
    """
    nodes = [
        helper.make_node("DequantizeLinear", ["x", "scale", "zero"], ["x_float"]),
        helper.make_node(
            "DequantizeLinear", ["weight_int8", "scales", "zeros"], ["weight"], axis=1 if shape.transposed else 0
        ),
        _conv_node(shape, "x_float", "y_float"),
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
    return _serialized(shape, TensorProto.UINT8, nodes, constants)


def _weight_shape(shape: ConvShape) -> tuple[int, ...]:
    groups = shape.inputs if shape.depthwise else 1
    rows, columns = (shape.inputs, shape.outputs) if shape.transposed else (shape.outputs, shape.inputs)
    return rows, columns // groups, shape.kernel, shape.kernel


def _conv_node(shape: ConvShape, x: str, y: str) -> onnx.NodeProto:
    return helper.make_node(
        "ConvTranspose" if shape.transposed else "Conv",
        [x, "weight", "bias"],
        [y],
        group=shape.inputs if shape.depthwise else 1,
        strides=[shape.stride] * 2,
        pads=[shape.padding] * 4,
    )


def _serialized(shape: ConvShape, dtype: int, nodes: list[onnx.NodeProto], constants: dict[str, np.ndarray]) -> bytes:
    graph = helper.make_graph(
        nodes,
        "convolution",
        [helper.make_tensor_value_info("x", dtype, [1, shape.inputs, shape.height, shape.width])],
        [helper.make_tensor_value_info("y", dtype, ["b", "c", "h", "w"])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = IR_VERSION
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
