"""Half precision for XNNPACK: convolutions and feature maps in half, flows and sampling positions in float32.

A position in half precision would be off by up to 1/30 pixel at 256x192, and five levels compose them.
"""

import copy
from typing import Any

from torch import Tensor, nn

from converters.lowering.lowering import RowOperations
from dmvton_mobile.components import ComponentGraph
from dmvton_mobile.networks.lite_warp import LiteFlow, LiteFlows
from dmvton_mobile.networks.warp import AppearanceFlow

KEPT_FLOAT32 = (
    "flows (all that finds them in dmvton-lite), sampling positions and the picture that is sampled: half precision "
    "moves a sample by up to 1/30 pixel",
)


class HalfRowOperations(RowOperations):
    """Row operations whose offsets come from half-precision heads; flows and positions stay float32."""

    def grid(self, offset: Tensor) -> Tensor:
        return super().grid(offset.float())

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        return super().compose(flow, offset.float())


class InHalf(nn.Module):
    """A module in half precision, whatever precision it is given."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module.half()

    def forward(self, *inputs: Tensor | list[Tensor]) -> Any:
        return self.module(*map(_half, inputs))


class HalfFlow(InHalf):
    """The flow estimator: half-precision features in, float32 flows out."""

    def __init__(self, estimator: AppearanceFlow, operations: HalfRowOperations):
        super().__init__(estimator)
        self.operations = estimator.operations = operations


class FloatFlow(nn.Module):
    """The flow estimator of dmvton-lite, which matches by coordinates: float32, though its features are half."""

    def __init__(self, estimator: LiteFlow):
        super().__init__()
        self.module, self.operations = estimator, estimator.operations

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> LiteFlows:
        return self.module([each.float() for each in garment], [each.float() for each in person])


class HalfGenerator(InHalf):
    """The generator, its picture float32 again: the composition is pixel arithmetic."""

    def forward(self, *inputs: Tensor | list[Tensor]) -> Tensor:
        return super().forward(*inputs).float()


def halved(graph: ComponentGraph) -> ComponentGraph:
    """A copy of a graph in the row form that computes in half precision between float32 inputs and outputs."""
    network = copy.deepcopy(graph.network)
    operations = network.warp.aflow_net.operations
    assert isinstance(operations, RowOperations)
    half_operations = HalfRowOperations(operations.align_corners, operations.delegated)
    for name, child in list(network.warp.named_children()):
        network.warp.register_module(name, _half_form(child, half_operations))
    network.generator = HalfGenerator(network.generator)
    return ComponentGraph(network, graph.component, graph.layouts).eval()


def _half_form(child: nn.Module, operations: HalfRowOperations) -> nn.Module:
    if isinstance(child, AppearanceFlow):
        return HalfFlow(child, operations)
    return FloatFlow(child) if isinstance(child, LiteFlow) else InHalf(child)


def _half(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return value.half() if isinstance(value, Tensor) else [each.half() for each in value]
