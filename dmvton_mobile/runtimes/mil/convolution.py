"""Operations of a Core ML program in torch on the CPU: convolution, pooling, products.

The conventions of `operations.py` hold here too.
"""

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from dmvton_mobile.runtimes.mil.operations import Function, Unsupported


def _padding(
    x: Tensor, kernel: Sequence[int], strides: list[int], dilations: list[int], pad_type: str, pad: list[int] | None
) -> list[tuple[int, int]]:
    """(before, after) of each spatial axis."""
    if pad_type == "valid" or pad is None:
        return [(0, 0)] * len(kernel)
    if pad_type == "custom":
        return list(zip(pad[0::2], pad[1::2]))
    sides = []
    for size, length, stride, dilation in zip(x.shape[2:], kernel, strides, dilations):
        total = max(0, (math.ceil(size / stride) - 1) * stride + (length - 1) * dilation + 1 - size)
        less, more = total // 2, total - total // 2
        sides.append((less, more) if pad_type == "same" else (more, less))
    return sides


def pad_constant(x: Tensor, sides: Sequence[tuple[int, int]], value: float) -> Tensor:
    """Pads the last axes with a constant; `sides` are (before, after) of each."""
    return F.pad(x, [width for side in reversed(sides) for width in side], value=value)


def conv(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    strides: list[int],
    pad_type: str,
    pad: list[int],
    dilations: list[int],
    groups: int,
) -> Tensor:
    """Convolution of one to three spatial axes; uneven padding is added before it."""
    sides = _padding(x, weight.shape[2:], strides, dilations, pad_type, pad)
    common = [min(side) for side in sides]
    if any(before != after for before, after in sides):
        x = pad_constant(x, [(before - low, after - low) for (before, after), low in zip(sides, common)], 0.0)
    return torch.convolution(x, weight, bias, strides, common, dilations, False, [0] * len(sides), groups)


def conv_transpose(
    x: Tensor,
    weight: Tensor,
    bias: Tensor | None,
    pad: list[int],
    output_shape: list[int] | None,
    pad_type: str,
    strides: list[int],
    dilations: list[int],
    groups: int,
) -> Tensor:
    """Transposed convolution; padding is cut from the full result."""
    if pad_type not in ("valid", "custom"):
        raise Unsupported(f"pad_type {pad_type!r} is not evaluated; valid and custom are")
    kernel = weight.shape[2:]
    sides = _padding(x, kernel, strides, dilations, pad_type, pad)
    result = torch.convolution(x, weight, bias, strides, [0] * len(kernel), dilations, True, [0] * len(kernel), groups)
    for axis, (before, after) in enumerate(sides, 2):
        result = result.narrow(axis, before, result.shape[axis] - before - after)
    if output_shape and list(result.shape) != output_shape:
        raise Unsupported(
            f"an output_shape of {output_shape} where the padding gives {list(result.shape)} is not evaluated"
        )
    return result


def _even_padding(x: Tensor, kernel: list[int], strides: list[int], pad_type: str, pad: list[int]) -> list[int]:
    sides = _padding(x, kernel, strides, [1] * len(kernel), pad_type, pad)
    if any(before != after for before, after in sides):
        raise Unsupported(f"pooling with uneven padding {sides} is not evaluated")
    return [before for before, _ in sides]


def avg_pool(
    x: Tensor,
    kernel_sizes: list[int],
    strides: list[int],
    pad_type: str,
    pad: list[int],
    ceil_mode: bool,
    exclude_padding_from_average: bool,
) -> Tensor:
    """Average pooling."""
    padding = _even_padding(x, kernel_sizes, strides, pad_type, pad)
    pool = getattr(F, f"avg_pool{len(kernel_sizes)}d")
    return pool(x, kernel_sizes, strides, padding, ceil_mode, not exclude_padding_from_average)


def max_pool(
    x: Tensor, kernel_sizes: list[int], strides: list[int], pad_type: str, pad: list[int], ceil_mode: bool
) -> Tensor:
    """Max pooling."""
    padding = _even_padding(x, kernel_sizes, strides, pad_type, pad)
    pool = getattr(F, f"max_pool{len(kernel_sizes)}d")
    return pool(x, kernel_sizes, strides, padding, ceil_mode=ceil_mode)


def linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """Product with the transposed weight, plus bias."""
    return F.linear(x, weight, bias)


def matmul(x: Tensor, y: Tensor, transpose_x: bool, transpose_y: bool) -> Tensor:
    """Matrix product, each side transposed in its last two axes where asked."""
    return torch.matmul(x.mT if transpose_x and x.dim() > 1 else x, y.mT if transpose_y and y.dim() > 1 else y)


def einsum(values: list[Tensor], equation: str) -> Tensor:
    """Einstein summation."""
    return torch.einsum(equation, values)


_FUNCTIONS = (conv, conv_transpose, avg_pool, max_pool, linear, matmul, einsum)

CONVOLUTIONS: dict[str, Function] = {function.__name__: function for function in _FUNCTIONS}
