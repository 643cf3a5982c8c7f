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
    """The layer behind each convolution, by its node's name; layers as the network called them before the lowering.

    Told by their weights and not by their names: what scales a layer's output is folded into its weights, which get a
    new name. Raises DmvtonError for a convolution that has the weights of no layer.
    """
    constants = {constant.name: constant for constant in model.graph.initializer}
    named = names_before_split(lowered)
    modules = [
        (named[path], type(module), _channels(module.weight.detach().numpy()))
        for path, module in lowered.named_modules()
        if isinstance(module, nn.Conv2d | nn.ConvTranspose2d)
    ]
    found = {}
    for node in convolutions(model):
        weights = _channels(numpy_helper.to_array(constants[node.input[1]]))
        alike = (name for name, kind, of in modules if kind is CONVOLUTIONS[node.op_type] and _alike(weights, of))
        layer = next(alike, None)
        if layer is None:
            raise DmvtonError(
                f"The convolution {node.name} of the .onnx file has the weights of no layer of {lowered.config.name}, "
                "so nobody can say whether it may be quantized: use --quantizer pt2e."
            )
        found[node.name] = layer
    return found


def convolutions(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    return [node for node in model.graph.node if node.op_type in CONVOLUTIONS]


def additions_between(model: onnx.ModelProto, chosen: Collection[str]) -> list[str]:
    """The names of the additions whose operands all come from chosen convolutions: a runtime adds integers where these
    give and the next ones take them. An addition of a position or a flow is none of them."""
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


def _channels(weights: np.ndarray) -> np.ndarray:
    """Each output channel's weights but for their factor; a transposed convolution's lie in its second dimension, and
    no factor of theirs is folded."""
    rows = weights.reshape(len(weights), -1)
    scale = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows / np.where(scale == 0, 1, scale)).reshape(weights.shape)


def _alike(first: np.ndarray, second: np.ndarray) -> bool:
    return first.shape == second.shape and np.allclose(first, second, rtol=0, atol=TOLERANCE)
