"""Which variant of a network a runtime gets, and how a network is turned into it."""

import copy
from enum import StrEnum
from typing import assert_never

from torch import nn

from converters.lowering.native_sampler import NativeSamplerOperations
from converters.lowering.row_gather import RepeatPixels, RowGatherOperations
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.folding import fold_batch_norms, split_refinement


class LoweringVariant(StrEnum):
    """The operations of warp and cost volume, one set per kind of runtime.

    NATIVE_SAMPLER: the runtime's own bilinear sampler. For Core ML (`resample`), and for ExecuTorch's Vulkan and Core
        ML delegates, which take the sampler but not the row gathers.
    ROW_GATHER: rows of tables and matrix products. For ONNX Runtime: its sampler is slower than its gathers.
    DELEGATED_ROW_GATHER: the same, with operations that wait for each other. For LiteRT and ExecuTorch's XNNPACK:
        XNNPACK has no sampler, and runs whatever is ready before the next operation outside of it, which costs memory.
    """

    NATIVE_SAMPLER = "native sampler"
    ROW_GATHER = "row gather"
    DELEGATED_ROW_GATHER = "delegated row gather"


def lower(network: TryOnNetwork, variant: LoweringVariant) -> TryOnNetwork:
    """A copy of the network in that variant, in eval mode, its batch norms folded into convolutions."""
    lowered = copy.deepcopy(network).eval()
    align_corners = network.config.align_corners
    match variant:
        case LoweringVariant.NATIVE_SAMPLER:
            lowered.warp.aflow_net.operations = NativeSamplerOperations(align_corners)
            fold_batch_norms(lowered)
        case LoweringVariant.ROW_GATHER | LoweringVariant.DELEGATED_ROW_GATHER:
            delegated = variant is LoweringVariant.DELEGATED_ROW_GATHER
            lowered.warp.aflow_net.operations = RowGatherOperations(align_corners, delegated)
            fold_batch_norms(lowered)
            split_refinement(lowered)
            _repeat_pixels(lowered)
        case _:
            assert_never(variant)
    return lowered


def _repeat_pixels(network: nn.Module) -> None:
    """Replaces every nearest upsampling, in place."""
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Upsample):
                module.register_module(name, RepeatPixels())
