"""Which layer of the network each convolution of an .onnx file is, and which additions lie between such layers."""

from collections.abc import Collection

import numpy as np
import onnx
from onnx import numpy_helper
from torch import nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.folding import names_before_split

CONVOLUTIONS = {"Conv": nn.Conv2d, "ConvTranspose": nn.ConvTranspose2d}
PASSED_ON = ("Clip", "Relu", "LeakyRelu", "Resize")  # what a layer's output may go through before it is added
TOLERANCE = 1e-4  # of a weight among those of its channel: float32, multiplied once


def layers_of(model: onnx.ModelProto, lowered: TryOnNetwork) -> dict[str, str]:
    """The layer behind each convolution: node name -> layer, as the network called it before the lowering.

    Layers are recognised by their weights, not by their names: what scales a layer's output is folded into its weights,
    which get a new name.

    Args:
        model: A float32 .onnx file of a component.
        lowered: The network that it was exported from.

    Raises:
        DmvtonError: A convolution has the weights of no layer.
    """
    constants = {constant.name: constant for constant in model.graph.initializer}
    names = names_before_split(lowered)
    layers = [
        (names[path], type(module), _normalised(module.weight.detach().numpy()))
        for path, module in lowered.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    found = {}
    for node in convolutions(model):
        weights, kind = _normalised(numpy_helper.to_array(constants[node.input[1]])), CONVOLUTIONS[node.op_type]
        layer = next((name for name, of_kind, other in layers if of_kind is kind and _close(weights, other)), None)
        if layer is None:
            raise DmvtonError(
                f"The convolution {node.name} of the .onnx file has the weights of no layer of {lowered.config.name}, "
                "so nobody can say whether it may be quantized: use --quantizer pt2e."
            )
        found[node.name] = layer
    return found


def convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    """The nodes that are convolutions, transposed ones too, in the graph's order."""
    return [node for node in model.graph.node if node.op_type in CONVOLUTIONS]


def additions_between(model: onnx.ModelProto, chosen: Collection[str]) -> list[str]:
    """The names of the additions whose operands all come from chosen convolutions.

    A runtime adds int8 values where these produce them and the next ones take them. An addition of a position or a flow
    is none of them.

    Args:
        model: The float32 file.
        chosen: Names of convolutions that are quantized.
    """
    follows: set[str] = set()
    found = []
    for node in model.graph.node:
        operands = node.input[:1] if node.op_type in PASSED_ON else node.input
        passes = node.op_type in (*PASSED_ON, "Add") and all(operand in follows for operand in operands)
        if passes and node.op_type == "Add":
            found.append(node.name)
        if passes or node.name in chosen:
            follows.update(node.output)
    return found


def _normalised(weights: np.ndarray) -> np.ndarray:
    """The weights with every output channel divided by its norm.

    The output channels of a transposed convolution are its second dimension, but no factor of theirs is folded.
    """
    rows = weights.reshape(len(weights), -1)
    scale = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(scale == 0, 1, scale)).reshape(weights.shape)


def _close(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and np.allclose(first, second, rtol=0, atol=TOLERANCE)
