"""Lowering: the same weights and the same function, in the operations that a runtime runs best.

A bilinear warp becomes four rows gathered from a channels-last table, a cost volume a batched matrix product per tile,
a nearest upsampling a concatenation, a convolution over a concatenation two convolutions; batch norms fold into
convolutions. All of it equals the reference up to rounding; `dmvton bench peers` shows what it buys.
"""

import copy
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.flow import COST_VOLUME_CHANNELS, COST_VOLUME_RADIUS, COST_VOLUME_WINDOW, FlowOperations
from dmvton_mobile.networks.folding import fold_batch_norms, split_refinement

HALO = 2 * COST_VOLUME_RADIUS
TILE = (8, 12)  # rows, columns of garment features per matrix product
MOST_JOINED = 5  # parts in one of XNNPACK's concatenations
BAND_BYTES = 4 << 20  # of samples at a time: what stays in a phone's last-level cache


@dataclass(frozen=True)
class BorderOperations(FlowOperations):
    """The garment and its mask in one warp, for runtimes with a native sampler: Core ML, and Vulkan, which only repeats
    borders."""

    def picture(self, garment: Tensor, garment_mask: Tensor) -> Tensor:
        """With one pixel around: the garment's border repeated, nothing around the mask. [B, 4, H + 2, W + 2].

        Beyond that pixel neither changes any more, so a warp that repeats borders gives the mask its zeros.
        """
        garment = torch.cat([garment[..., :1], garment, garment[..., -1:]], 3)
        garment = torch.cat([garment[:, :, :1], garment, garment[:, :, -1:]], 2)
        return torch.cat([garment, F.pad(garment_mask, (1, 1, 1, 1))], 1)

    def warp_picture(self, picture: Tensor, flow: Tensor) -> tuple[Tensor, Tensor]:
        height, width = picture.shape[2] - 2, picture.shape[3] - 2
        edge = 1 if self.align_corners else 0  # -1 and 1 are the centres of the outer pixels, or their outer edges
        shrink = torch.tensor([(width - edge) / (width + 2 - edge), (height - edge) / (height + 2 - edge)])
        warped = self.warp(picture, flow * shrink.view(1, 2, 1, 1))
        return warped[:, :3], warped[:, 3:]


Positions = tuple[Tensor, Tensor]  # columns and rows in pixels of the map that is sampled, each [h, w]


@dataclass(frozen=True)
class RowOperations(BorderOperations):
    """Warp and cost volume for runtimes without a native sampler (LiteRT, XNNPACK) or with a slow one (ONNX Runtime).
    Batch 1.

    Feature maps are read as tables [H * W, C]: a sample is four rows and three linear interpolations. Large maps go in
    bands that wait for each other, or all their rows would be in memory at once (see `_constant_after`).

    delegated: whether the runtime hands what it can to a delegate, as early as it can.
    """

    delegated: bool = True

    def warp(self, features: Tensor, flow: Tensor) -> Tensor:
        return _map(self._sample_map(features, self._positions(flow, features)), flow)

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        height, width = offset.shape[2:]
        x, y = _planes(offset)
        columns = torch.arange(width, dtype=offset.dtype) + x
        rows = torch.arange(height, dtype=offset.dtype).view(-1, 1) + y
        if not self.align_corners:  # an offset's grid is in the other convention: see FlowOperations.grid
            columns, rows = columns * (width / (width - 1)) - 0.5, rows * (height / (height - 1)) - 0.5
        return _map(self._sample_map(flow, (columns, rows)), offset)

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        """One batched matrix product per strip of tiles: a tile's garment features with all person features in reach.

        The wanted entries lie on diagonals, which a reshape to a longer row turns into columns.
        """
        _, channels, height, width = person.shape
        rows, columns = _divisor(height, TILE[0]), _divisor(width, TILE[1])
        down, radius = height // rows, COST_VOLUME_RADIUS
        below = (rows if down > 1 else HALO) - radius
        # Three dimensions before the padding: LiteRT's converter would turn a padding of four back to NCHW.
        padded = F.pad(person.permute(0, 2, 3, 1).flatten(0, 1), (0, 0, radius, radius, radius, below))
        positions = None if flow is None else self._positions(flow, garment)
        strips: list[Tensor] = []
        for left in range(0, width, columns):
            strip = slice(left, left + columns)
            if positions is None:
                moved = garment.permute(0, 2, 3, 1).flatten(0, 1)[:, strip].reshape(-1, channels)
            else:
                at = positions[0][:, strip], positions[1][:, strip]
                moved = self._sample_map(garment, at, after=strips[-1:])
            reached = padded[:, left : left + columns + HALO]
            if self.delegated:
                reached = reached * _constant_after(1 / channels, [moved])
            windows = _overlapping(reached, down, rows).reshape(down, -1, channels)
            products = _products(moved.reshape(down, -1, channels), windows)
            strips.append(_diagonals(products, rows, columns).reshape(height, columns, COST_VOLUME_CHANNELS))
        volume = _map(_side_by_side(strips), person)
        return volume if self.delegated else volume * (1 / channels)

    def _positions(self, flow: Tensor, features: Tensor) -> Positions:
        """Where flow [1, 2, h, w] points to in features [1, C, H, W]."""
        height, width = features.shape[2:]
        x, y = _planes(flow)
        if self.align_corners:
            return x * ((width - 1) / 2) + (width - 1) / 2, y * ((height - 1) / 2) + (height - 1) / 2
        return x * (width / 2) + (width - 1) / 2, y * (height / 2) + (height - 1) / 2

    def _sample_map(self, features: Tensor, positions: Positions, after: list[Tensor] | None = None) -> Tensor:
        """features [1, C, H, W] at positions, borders repeated -> [h * w, C], in bands of at most BAND_BYTES."""
        table = _table(features)
        columns, rows = (position.reshape(1, -1) for position in positions)
        samples = BAND_BYTES // (4 * table.shape[1])
        bands: list[Tensor] = []
        for first in range(0, columns.shape[1], samples):
            at = columns[:, first : first + samples], rows[:, first : first + samples]
            bands.append(_sample_table(table, *at, features.shape[2:], bands[-1:] or after))
        return _joined(bands, 0)


def _sample_table(table: Tensor, columns: Tensor, rows: Tensor, size: torch.Size, after: list[Tensor] | None) -> Tensor:
    """Table [H * W, C] of a map of size (H, W), at columns and rows [1, N] clamped to it, bilinear -> [N, C].

    Not [N, 1]: ONNX Runtime takes fifty times as long over a constant and a column.
    """
    height, width = size
    start = _like(_constant_after(0.0, after), columns)
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


def _overlapping(x: Tensor, count: int, size: int) -> Tensor:
    """Windows of size + HALO rows, one every `size`: [(count + 1) * size, ...] -> [count, size + HALO, ...]."""
    if count == 1:
        return x.reshape(1, *x.shape)
    blocks = x.unflatten(0, (count + 1, size))
    return torch.cat([blocks[:-1], blocks[1:, :HALO]], 1)


def _products(garment: Tensor, person: Tensor) -> Tensor:
    """[n, g, C] x [n, p, C] -> [n, g, p]. A single tile goes in two halves of its channels: LiteRT makes a batch of 1 a
    fully connected layer with varying weights, which XNNPACK does not take."""
    if garment.shape[0] > 1:
        return torch.bmm(garment, person.transpose(1, 2))
    halves = [x.reshape(x.shape[1], 2, -1).permute(1, 0, 2) for x in (garment, person)]
    products = torch.bmm(halves[0], halves[1].transpose(1, 2))
    return products[:1] + products[1:]


def _diagonals(products: Tensor, rows: int, columns: int) -> Tensor:
    """[tiles, rows * columns, (rows + HALO) * (columns + HALO)] -> the 49 wanted of each garment feature, [tiles * rows
    * columns, 49].

    Feature (u, v) of a tile wants the entries (u + dy, v + dx). Read with lines longer by one row of the reach, u drops
    out; read with lines longer by one entry, v does.
    """
    tiles, reach = products.shape[0], columns + HALO
    line = columns * (rows + HALO) * reach
    flat = F.pad(products.reshape(tiles, rows * line), (0, rows * reach))
    aligned = flat.reshape(tiles, rows, line + reach)[:, :, : line + columns]
    entries = aligned.reshape(tiles * rows, columns, (rows + HALO) * reach + 1)[:, :, : COST_VOLUME_WINDOW * reach]
    return entries.reshape(-1, COST_VOLUME_WINDOW, reach)[:, :, :COST_VOLUME_WINDOW].reshape(-1, COST_VOLUME_CHANNELS)


def _constant_after(value: float, tokens: list[Tensor] | None) -> Tensor:
    """The constant [1, 1] in the precision of the token [N, ...], available only once that is.

    A runtime with delegates runs everything it can before the next operation outside of them: without this, all bands'
    rows, and all levels' person windows, would be in memory together.
    """
    constant = torch.full((1, 1), value, dtype=tokens[0].dtype if tokens else torch.float32)
    if not tokens:
        return constant
    token = tokens[0].flatten(1)[:1, :1]
    return torch.minimum(torch.maximum(token, constant), constant)


def _like(x: Tensor, other: Tensor) -> Tensor:
    """In the other's precision."""
    return x if x.dtype == other.dtype else x.to(other.dtype)


def _divisor(length: int, limit: int) -> int:
    """The largest divisor of length up to limit that leaves room for the halo; length itself where none does."""
    return next((size for size in range(min(limit, length), HALO - 1, -1) if length % size == 0), length)


def _joined(parts: list[Tensor], dim: int) -> Tensor:
    """torch.cat, but a single part is left as it is: XNNPACK takes no concatenation of one."""
    return torch.cat(parts, dim) if len(parts) > 1 else parts[0]


def _side_by_side(strips: list[Tensor]) -> Tensor:
    """Strips [h, w, c], at most 25, next to each other -> [h, sum of w, c].

    In groups that XNNPACK takes; each in another shape than the whole, or LiteRT's converter makes one concatenation
    of all.
    """
    groups = [strips[first : first + MOST_JOINED] for first in range(0, len(strips), MOST_JOINED)]
    height, _, channels = strips[0].shape
    return _joined([_joined(group, 1).flatten(1) for group in groups], 1).reshape(height, -1, channels)


def _planes(grid: Tensor) -> Positions:
    """[1, 2, H, W] -> x and y, each [H, W]; by slices, as XNNPACK takes no selection."""
    return grid[:, :1].reshape(grid.shape[2:]), grid[:, 1:].reshape(grid.shape[2:])


def _table(features: Tensor) -> Tensor:
    """[1, C, H, W] -> [H * W, C]."""
    return features.permute(0, 2, 3, 1).reshape(-1, features.shape[1])


def _map(table: Tensor, like: Tensor) -> Tensor:
    """[H * W, C] -> [1, C, H, W], the height and width of another map."""
    return table.reshape(1, *like.shape[2:], -1).permute(0, 3, 1, 2)


class RepeatPixels(nn.Module):
    """Nearest upsampling by two as two concatenations, which every delegate takes. [1, C, H, W] -> [1, C, 2H, 2W].

    The product with 1 makes a second tensor: ExecuTorch's XNNPACK takes no concatenation of a tensor with itself.
    """

    def forward(self, x: Tensor) -> Tensor:
        _, channels, height, width = x.shape
        rows = x.permute(0, 2, 3, 1)
        rows = torch.cat([rows, rows * 1.0], 3).reshape(height, 2 * width * channels)
        doubled = torch.cat([rows, rows * 1.0], 1).reshape(1, 2 * height, 2 * width, channels)
        return doubled.permute(0, 3, 1, 2)


def lower_to_rows(network: TryOnNetwork, *, delegated: bool) -> TryOnNetwork:
    """A copy of the network in the row form: for LiteRT, ExecuTorch's XNNPACK and ONNX Runtime; see RowOperations."""
    network = lower_to_native(network)
    network.warp.aflow_net.operations = RowOperations(network.config.align_corners, delegated)
    split_refinement(network)
    for module in list(network.modules()):
        for name, child in list(module.named_children()):
            if isinstance(child, nn.Upsample):
                module.register_module(name, RepeatPixels())
    return network


def lower_to_native(network: TryOnNetwork) -> TryOnNetwork:
    """A copy with its batch norms folded and the runtime's own sampler kept: for Core ML and Vulkan."""
    network = copy.deepcopy(network).eval()
    network.warp.aflow_net.operations = BorderOperations(network.config.align_corners)
    fold_batch_norms(network)
    return network
