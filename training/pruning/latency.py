"""What a convolution costs on this machine: measured alone in ONNX Runtime, once for every shape."""

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
from training.pruning.dependencies import Convolution

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
        self._measured: dict[ConvShape, float] = {}
        self._call = self._measure(NOTHING)

    def seconds(self, shape: ConvShape) -> float:
        if shape not in self._measured:
            self._measured[shape] = max(0.0, self._measure(shape) - self._call)
        return self._measured[shape]

    def _measure(self, shape: ConvShape) -> float:
        session = onnxruntime.InferenceSession(_model(shape), self._options, providers=["CPUExecutionProvider"])
        fed = {"x": np.zeros((1, shape.inputs, shape.height, shape.width), np.float32)}
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
    groups = shape.inputs if shape.depthwise else 1
    rows, columns = (shape.inputs, shape.outputs) if shape.transposed else (shape.outputs, shape.inputs)
    weight = np.zeros((rows, columns // groups, shape.kernel, shape.kernel), np.float32)
    node = helper.make_node(
        "ConvTranspose" if shape.transposed else "Conv",
        ["x", "weight"],
        ["y"],
        group=groups,
        strides=[shape.stride] * 2,
        pads=[shape.padding] * 4,
    )
    graph = helper.make_graph(
        [node],
        "convolution",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, shape.inputs, shape.height, shape.width])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["b", "c", "h", "w"])],
        [numpy_helper.from_array(weight, "weight")],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", OPSET)])
    model.ir_version = 10  # what the pinned runtime reads
    onnx.checker.check_model(model)
    return bytes(model.SerializeToString())
