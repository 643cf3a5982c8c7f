"""The cost volume as batched matrix products: one per strip of tiles, instead of 49 products of shifted maps.

A tile's garment features are multiplied with all person features in their reach; the 49 wanted entries of each lie on
diagonals, which a reshape to a longer row turns into columns.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from converters.lowering.sampling import Positions, concatenate, constant_after, sample_map, to_map
from dmvton_mobile.networks.flow import COST_VOLUME_CHANNELS, COST_VOLUME_RADIUS, COST_VOLUME_WINDOW

HALO = 2 * COST_VOLUME_RADIUS
TILE = (8, 12)  # rows, columns of garment features per matrix product
MAX_CONCATENATED = 5  # tensors in one of XNNPACK's concatenations


def tiled_cost_volume(garment: Tensor, person: Tensor, positions: Positions | None, *, delegated: bool) -> Tensor:
    """What `FlowOperations.cost_volume` computes.

    Args:
        garment: [1, C, H, W].
        person: [1, C, H, W].
        positions: Where each garment feature is taken from; None where it stays.
        delegated: Whether the runtime hands operations to a delegate. Then the mean's factor scales the windows, one
            strip after the other, so that they are not all cut beforehand.

    Returns:
        [1, 49, H, W].
    """
    _, channels, height, width = person.shape
    rows, columns = _divisor(height, TILE[0]), _divisor(width, TILE[1])
    down, radius = height // rows, COST_VOLUME_RADIUS
    below = (rows if down > 1 else HALO) - radius
    # Three dimensions before the padding: LiteRT's converter would turn a padding of four back to NCHW.
    padded = F.pad(person.permute(0, 2, 3, 1).flatten(0, 1), (0, 0, radius, radius, radius, below))
    strips: list[Tensor] = []
    for left in range(0, width, columns):
        strip = slice(left, left + columns)
        if positions is None:
            moved = garment.permute(0, 2, 3, 1).flatten(0, 1)[:, strip].reshape(-1, channels)
        else:
            at = positions[0][:, strip], positions[1][:, strip]
            moved = sample_map(garment, at, after=strips[-1:])
        reached = padded[:, left : left + columns + HALO]
        if delegated:
            reached = reached * constant_after(1 / channels, [moved])
        windows = _overlapping(reached, down, rows).reshape(down, -1, channels)
        products = _products(moved.reshape(down, -1, channels), windows)
        strips.append(_diagonals(products, rows, columns).reshape(height, columns, COST_VOLUME_CHANNELS))
    volume = to_map(_side_by_side(strips), person)
    return volume if delegated else volume * (1 / channels)


def _overlapping(x: Tensor, count: int, size: int) -> Tensor:
    """Windows of size + HALO rows, one every `size`: [(count + 1) * size, ...] -> [count, size + HALO, ...]."""
    if count == 1:
        return x.reshape(1, *x.shape)
    blocks = x.unflatten(0, (count + 1, size))
    return torch.cat([blocks[:-1], blocks[1:, :HALO]], 1)


def _products(garment: Tensor, person: Tensor) -> Tensor:
    """[n, g, C] x [n, p, C] -> [n, g, p].

    A single tile goes in two halves of its channels: LiteRT makes a batch of 1 a fully connected layer with varying
    weights, which XNNPACK does not take.
    """
    if garment.shape[0] > 1:
        return torch.bmm(garment, person.transpose(1, 2))
    halves = [x.reshape(x.shape[1], 2, -1).permute(1, 0, 2) for x in (garment, person)]
    products = torch.bmm(halves[0], halves[1].transpose(1, 2))
    return products[:1] + products[1:]


def _diagonals(products: Tensor, rows: int, columns: int) -> Tensor:
    """The 49 wanted products of each garment feature.

    [tiles, rows * columns, (rows + HALO) * (columns + HALO)] -> [tiles * rows * columns, 49]. Feature (u, v) of a tile
    wants the entries (u + dy, v + dx). Read with lines longer by one row of the reach, u drops out; read with lines
    longer by one entry, v does.
    """
    tiles, reach = products.shape[0], columns + HALO
    line = columns * (rows + HALO) * reach
    flat = F.pad(products.reshape(tiles, rows * line), (0, rows * reach))
    aligned = flat.reshape(tiles, rows, line + reach)[:, :, : line + columns]
    entries = aligned.reshape(tiles * rows, columns, (rows + HALO) * reach + 1)[:, :, : COST_VOLUME_WINDOW * reach]
    return entries.reshape(-1, COST_VOLUME_WINDOW, reach)[:, :, :COST_VOLUME_WINDOW].reshape(-1, COST_VOLUME_CHANNELS)


def _divisor(length: int, limit: int) -> int:
    """The largest divisor of length up to limit that leaves room for the halo; length itself where none does."""
    return next((size for size in range(min(limit, length), HALO - 1, -1) if length % size == 0), length)


def _side_by_side(strips: list[Tensor]) -> Tensor:
    """Strips [h, w, c], at most 25, next to each other -> [h, sum of w, c].

    In groups that XNNPACK takes; each in another shape than the complete map, or LiteRT's converter makes one
    concatenation of all.
    """
    groups = [strips[first : first + MAX_CONCATENATED] for first in range(0, len(strips), MAX_CONCATENATED)]
    height, _, channels = strips[0].shape
    return concatenate([concatenate(group, 1).flatten(1) for group in groups], 1).reshape(height, -1, channels)
