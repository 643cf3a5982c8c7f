"""XNNPACK's quantizer, with ReLU6 fused into its convolution and with small scales for weights.

A ReLU6 of its own would need a second quantization, of values that it is about to clip. The quantizer's own smallest
scale, 2^-12, would leave few of the 255 levels to a channel whose weights are below 0.03, as many are once batch norms
are folded into them.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import ClassVar

import torch
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer import XNNPACKQuantizer, get_symmetric_quantization_config
from executorch.backends.xnnpack.quantizer.xnnpack_quantizer_utils import QuantizationConfig
from torch import fx
from torchao.quantization.pt2e.fake_quantize import FakeQuantize, FusedMovingAvgObsFakeQuantize
from torchao.quantization.pt2e.observer import MovingAverageMinMaxObserver, MovingAveragePerChannelMinMaxObserver
from torchao.quantization.pt2e.quantizer import QuantizationAnnotation

ANNOTATION = "quantization_annotation"  # the key that torchao's passes read
SMALLEST_SCALE = 2.0**-24
CONVOLUTIONS = (torch.ops.aten.conv2d.default, torch.ops.aten.conv_transpose2d.input)


class PerChannelFakeQuantize(FakeQuantize):
    """Fake quantization along the channel axis, which for a transposed convolution is the second.

    torchao passes the axis only to classes with `PerChannel` in their name; its fused class always takes the first.
    """


class Int8Quantizer(XNNPACKQuantizer):
    """Weights per output channel, symmetric; activations per tensor, affine.

    Args:
        chosen: whether a node is quantized.
    """

    # batch norms are already folded, and the quantizer would trace a hundred small networks to find them
    SUPPORTED_PATTERNS: ClassVar = [each for each in XNNPACKQuantizer.SUPPORTED_PATTERNS if "bn" not in each.name]

    def __init__(self, chosen: Callable[[fx.Node], bool]):
        super().__init__()
        self._chosen = chosen
        self.set_global(_config())
        self.set_filter_function(chosen)

    def annotate(self, model: fx.GraphModule) -> fx.GraphModule:
        """Marks in place what is quantized and how; torchao calls it."""
        model = super().annotate(model)
        for node in model.graph.nodes:
            if node.target is torch.ops.aten.hardtanh.default:
                _fuse(node)
            if node.target is torch.ops.aten.cat.default and not self._chosen(node):
                node.meta.pop(ANNOTATION, None)  # XNNPACKQuantizer marks every concatenation
        return model


def _fuse(relu6: fx.Node) -> None:
    """Quantizes a convolution's output after the ReLU6, where nothing else reads it."""
    convolution = relu6.args[0]
    assert isinstance(convolution, fx.Node)
    annotation = convolution.meta.get(ANNOTATION)
    if convolution.target in CONVOLUTIONS and len(convolution.users) == 1 and annotation and annotation.output_qspec:
        relu6.meta[ANNOTATION] = QuantizationAnnotation(output_qspec=annotation.output_qspec, _annotated=True)
        annotation.output_qspec = None


def _config() -> QuantizationConfig:
    theirs = get_symmetric_quantization_config(is_per_channel=True, is_qat=True)
    activation = FusedMovingAvgObsFakeQuantize.with_args(observer=MovingAverageMinMaxObserver, eps=SMALLEST_SCALE)
    weight = PerChannelFakeQuantize.with_args(observer=MovingAveragePerChannelMinMaxObserver, eps=SMALLEST_SCALE)
    specs = {
        "input_activation": replace(theirs.input_activation, observer_or_fake_quant_ctr=activation),
        "output_activation": replace(theirs.output_activation, observer_or_fake_quant_ctr=activation),
        "weight": replace(theirs.weight, observer_or_fake_quant_ctr=weight),
    }
    return replace(theirs, **specs)
