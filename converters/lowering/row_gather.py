"""Flow operations and upsampling for LiteRT, ExecuTorch's XNNPACK and ONNX Runtime: rows gathered from tables."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from converters.lowering.cost_volume import tiled_cost_volume
from converters.lowering.native_sampler import NativeSamplerOperations
from converters.lowering.sampling import Positions, sample_map, split_axes, to_map


@dataclass(frozen=True)
class RowGatherOperations(NativeSamplerOperations):
    """Warp and cost volume for runtimes without a bilinear sampler (LiteRT, XNNPACK) or with a slow one (ONNX Runtime).

    Batch 1. All of it equals the reference up to rounding.

    Attributes:
        delegated: Whether the runtime hands what it can to a delegate, as early as it can.
    """

    delegated: bool = True

    def warp(self, features: Tensor, flow: Tensor) -> Tensor:
        """[1, C, H, W] at flow [1, 2, h, w] -> [1, C, h, w], borders repeated."""
        return to_map(sample_map(features, self._positions(flow, features)), flow)

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        """The flow [1, 2, H, W], sampled where each pixel's offset [1, 2, H, W] leads."""
        height, width = offset.shape[2:]
        x, y = split_axes(offset)
        columns = torch.arange(width, dtype=offset.dtype) + x
        rows = torch.arange(height, dtype=offset.dtype).view(-1, 1) + y
        if not self.align_corners:  # an offset's grid is in the other convention: see FlowOperations.grid
            columns, rows = columns * (width / (width - 1)) - 0.5, rows * (height / (height - 1)) - 0.5
        return to_map(sample_map(flow, (columns, rows)), offset)

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        """[1, C, H, W] twice -> [1, 49, H, W]; see `tiled_cost_volume`."""
        positions = None if flow is None else self._positions(flow, garment)
        return tiled_cost_volume(garment, person, positions, delegated=self.delegated)

    def _positions(self, flow: Tensor, features: Tensor) -> Positions:
        """Where flow [1, 2, h, w] points to in features [1, C, H, W]."""
        height, width = features.shape[2:]
        x, y = split_axes(flow)
        if self.align_corners:
            return x * ((width - 1) / 2) + (width - 1) / 2, y * ((height - 1) / 2) + (height - 1) / 2
        return x * (width / 2) + (width - 1) / 2, y * (height / 2) + (height - 1) / 2


class RepeatPixels(nn.Module):
    """Nearest upsampling by two as two concatenations, which every delegate takes.

    The product with 1 makes a second tensor: ExecuTorch's XNNPACK takes no concatenation of a tensor with itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[1, C, H, W] -> [1, C, 2H, 2W]."""
        _, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1)
        rows = torch.cat([rows, rows * 1.0], 3).reshape(height, 2 * width * channels)
        doubled = torch.cat([rows, rows * 1.0], 1).reshape(1, 2 * height, 2 * width, channels)
        return doubled.permute(0, 3, 1, 2)
