"""Bilinear sampling without a sampler: a feature map is a table [H * W, C], a sample is four of its rows.

Large maps are sampled in bands that wait for each other, or the rows of all bands would be in memory at once (see
`constant_after`).
"""

import torch
import torch.nn.functional as F
from torch import Tensor

BAND_BYTES = 4 << 20  # of samples at a time: what stays in a phone's last-level cache

Positions = tuple[Tensor, Tensor]  # columns and rows in pixels of the map that is sampled, each [h, w]


def sample_map(features: Tensor, positions: Positions, after: list[Tensor] | None = None) -> Tensor:
    """Bilinear samples of a feature map, borders repeated, in bands of at most BAND_BYTES.

    Args:
        features: [1, C, H, W].
        positions: Where to sample.
        after: The first band waits for the first of these tensors.

    Returns:
        [h * w, C].
    """
    table = to_table(features)
    columns, rows = (position.reshape(1, -1) for position in positions)
    samples = BAND_BYTES // (4 * table.shape[1])
    bands: list[Tensor] = []
    for first in range(0, columns.shape[1], samples):
        at = columns[:, first : first + samples], rows[:, first : first + samples]
        bands.append(_sample_table(table, *at, features.shape[2:], bands[-1:] or after))
    return concatenate(bands, 0)


def constant_after(value: float, awaited: list[Tensor] | None) -> Tensor:
    """A constant [1, 1] that is available only once the first of the awaited tensors [N, ...] is, in its precision.

    A runtime with delegates runs everything it can before the next operation outside of them: without this, all bands'
    rows, and all levels' person windows, would be in memory together.
    """
    constant = torch.full((1, 1), value, dtype=awaited[0].dtype if awaited else torch.float32)
    if not awaited:
        return constant
    token = awaited[0].flatten(1)[:1, :1]
    return torch.minimum(torch.maximum(token, constant), constant)


def split_axes(grid: Tensor) -> Positions:
    """[1, 2, H, W] -> x and y, each [H, W]; by slices, because XNNPACK takes no selection."""
    return grid[:, :1].reshape(grid.shape[2:]), grid[:, 1:].reshape(grid.shape[2:])


def to_table(features: Tensor) -> Tensor:
    """[1, C, H, W] -> [H * W, C]."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def to_map(table: Tensor, like: Tensor) -> Tensor:
    """[H * W, C] -> [1, C, H, W], with the height and width of another map."""
    return table.reshape(1, *like.shape[2:], -1).permute(0, 3, 1, 2)


def concatenate(tensors: list[Tensor], dim: int) -> Tensor:
    """torch.cat, but a single tensor is returned as it is: XNNPACK takes no concatenation of one."""
    return torch.cat(tensors, dim) if len(tensors) > 1 else tensors[0]


def _sample_table(table: Tensor, columns: Tensor, rows: Tensor, size: torch.Size, after: list[Tensor] | None) -> Tensor:
    """Table [H * W, C] of a map of size (H, W), at columns and rows [1, N] clamped to it, bilinear -> [N, C].

    Not [N, 1]: ONNX Runtime takes fifty times as long over a constant and a column.
    """
    height, width = size
    start = _like(constant_after(0.0, after), columns)
    x = torch.maximum(columns, start).clamp(max=width - 1.0)
    y = torch.maximum(rows, start).clamp(max=height - 1.0)
    left, top = x.floor().clamp(max=width - 2.0), y.floor().clamp(max=height - 2.0)
    corner = (top * float(width) + left).reshape(-1)

    def between(first: float, second: float, weight: Tensor) -> Tensor:
        row = F.embedding((corner + first).to(torch.int32), table)
        return row + (F.embedding((corner + second).to(torch.int32), table) - row) * weight

    right, down = (_like(weight, table).reshape(-1, 1) for weight in (x - left, y - top))
    upper, lower = between(0.0, 1.0, right), between(float(width), width + 1.0, right)
    return upper + (lower - upper) * down


def _like(x: Tensor, other: Tensor) -> Tensor:
    return x if x.dtype == other.dtype else x.to(other.dtype)
