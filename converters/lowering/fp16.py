"""fp16 for XNNPACK: convolutions and feature maps in half precision, flows and sampling positions in float32.

A position in half precision would be off by up to 1/30 pixel at 256x192, and five levels compose them.
"""

import copy
from typing import Any

from torch import Tensor, nn

from converters.lowering.row_gather import RowGatherOperations
from dmvton_mobile.components import ComponentGraph
from dmvton_mobile.networks.warp import FlowEstimator

KEPT_FLOAT32 = (
    "flows (all that finds them in dmvton-lite), sampling positions and the picture that is sampled: half precision "
    "moves a sample by up to 1/30 pixel",
)


class Fp16RowGatherOperations(RowGatherOperations):
    """Row gathers whose offsets come from fp16 heads; flows and positions stay float32."""

    def grid(self, offset: Tensor) -> Tensor:
        """The float32 flow of an fp16 offset [1, 2, H, W]."""
        return super().grid(offset.float())

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        """The float32 flow that an fp16 offset leads to; both [1, 2, H, W]."""
        return super().compose(flow, offset.float())


class Fp16Module(nn.Module):
    """A module in fp16, whatever precision its inputs have."""

    def __init__(self, module: nn.Module):
        super().__init__()
        self.module = module.half()

    def forward(self, *inputs: Tensor | list[Tensor]) -> Any:
        """The module's outputs, in fp16."""
        return self.module(*map(_to_fp16, inputs))


class Fp16FlowEstimator(Fp16Module):
    """A flow estimator whose heads compute in fp16: fp16 feature maps in, float32 flows out."""

    def __init__(self, estimator: FlowEstimator, operations: Fp16RowGatherOperations):
        super().__init__(estimator)
        self.operations = estimator.operations = operations


class Float32FlowEstimator(nn.Module):
    """A flow estimator that stays float32 (see `FlowEstimator.float32_only`), though its feature maps are fp16."""

    def __init__(self, estimator: FlowEstimator, operations: RowGatherOperations):
        super().__init__()
        self.module, self.operations = estimator, operations

    def forward(self, garment: list[Tensor], person: list[Tensor]) -> Any:
        """The estimator's flows, in float32."""
        return self.module([each.float() for each in garment], [each.float() for each in person])


class Fp16Generator(Fp16Module):
    """A generator in fp16 whose picture is float32 again: the composition is pixel arithmetic."""

    def forward(self, *inputs: Tensor | list[Tensor]) -> Tensor:
        """The generator's picture, in float32."""
        return super().forward(*inputs).float()


def to_fp16(graph: ComponentGraph) -> ComponentGraph:
    """A copy of a graph in a row-gather variant that computes in fp16 between float32 inputs and outputs."""
    network = copy.deepcopy(graph.network)
    estimator = network.warp.aflow_net
    operations = estimator.operations
    assert isinstance(operations, RowGatherOperations)
    for name, child in list(network.warp.named_children()):
        if child is not estimator:
            network.warp.register_module(name, Fp16Module(child))
        elif estimator.float32_only:
            network.warp.register_module(name, Float32FlowEstimator(estimator, operations))
        else:
            fp16_operations = Fp16RowGatherOperations(operations.align_corners, operations.delegated)
            network.warp.register_module(name, Fp16FlowEstimator(estimator, fp16_operations))
    network.generator = Fp16Generator(network.generator)
    return ComponentGraph(network, graph.component, graph.layouts).eval()


def _to_fp16(value: Tensor | list[Tensor]) -> Tensor | list[Tensor]:
    return value.half() if isinstance(value, Tensor) else [each.half() for each in value]
