"""Operations of a Core ML program in torch on the CPU: element by element, reductions, normalisation.

`convolution.py` and `layout.py` have the rest.

Written from the operations' public documentation (the docstrings under `coremltools.converters.mil.mil.ops.defs`, iOS
15 to 18; https://apple.github.io/coremltools/source/coremltools.converters.mil.mil.ops.defs.html). Where it is silent,
"same" padding follows coremltools' shape inference, and a reflected border what its torch frontend writes.

A function's parameters carry the operation's own names. Their annotation says how an input arrives: `Tensor` as a
tensor, anything else as a plain Python value. Floats arrive as float32, also in an fp16 program, where they are exact
fp16 values; `MilProgram` rounds the result to the type that the program declares. A form that the documentation leaves
undefined, or that is not implemented here, raises `Unsupported`: no number is better than a wrong one.
"""

from collections.abc import Callable, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

Function = Callable[..., Tensor | Sequence[Tensor]]


class Unsupported(Exception):
    """This form of an operation is not implemented; `MilProgram` adds the operation's name and the file."""


def _unary(compute: Callable[[Tensor], Tensor]) -> Function:
    def function(x: Tensor) -> Tensor:
        return compute(x)

    return function


def _binary(compute: Callable[[Tensor, Tensor], Tensor]) -> Function:
    def function(x: Tensor, y: Tensor) -> Tensor:
        return compute(x, y)

    return function


def _reduction(compute: Callable[..., Tensor]) -> Function:
    def function(x: Tensor, axes: list[int] | None, keep_dims: bool) -> Tensor:
        return compute(x, dim=tuple(range(x.dim()) if axes is None else axes), keepdim=keep_dims)

    return function


# Element by element


def cast(x: Tensor, dtype: str) -> Tensor:
    """Returns x: every result is converted to the type that the program declares, which is `dtype`."""
    return x


def clip(x: Tensor, alpha: float, beta: float) -> Tensor:
    """min(max(x, alpha), beta)."""
    return x.clamp(alpha, beta)


def leaky_relu(x: Tensor, alpha: float) -> Tensor:
    """Multiplies negative values by alpha."""
    return F.leaky_relu(x, alpha)


def gelu(x: Tensor, mode: str) -> Tensor:
    """GELU, exact or by the tanh or sigmoid approximation."""
    if mode == "SIGMOID_APPROXIMATION":
        return x * torch.sigmoid(1.702 * x)
    return F.gelu(x, approximate="none" if mode == "EXACT" else "tanh")


def rsqrt(x: Tensor, epsilon: float) -> Tensor:
    """1 / sqrt(x + epsilon)."""
    return torch.rsqrt(x + epsilon)


def inverse(x: Tensor, epsilon: float) -> Tensor:
    """1 / (x + epsilon)."""
    return 1 / (x + epsilon)


def log(x: Tensor, epsilon: float) -> Tensor:
    """The natural logarithm of x + epsilon."""
    return torch.log(x + epsilon)


def softmax(x: Tensor, axis: int) -> Tensor:
    """Softmax along `axis`."""
    return torch.softmax(x, axis)


def select(cond: Tensor, a: Tensor, b: Tensor) -> Tensor:
    """Takes a where `cond` is true, else b."""
    return torch.where(cond, a, b)


def fill(shape: list[int], value: Tensor) -> Tensor:
    """A tensor of this shape with one value."""
    return value.expand(shape).clone()


def fill_like(ref_tensor: Tensor, value: Tensor) -> Tensor:
    """A tensor of the reference's shape with one value."""
    return value.expand(ref_tensor.shape).clone()


# Normalisation


def batch_norm(
    x: Tensor, mean: Tensor, variance: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float
) -> Tensor:
    """Normalises channels by the given mean and variance, then scales and shifts."""
    return F.batch_norm(x, mean, variance, gamma, beta, eps=epsilon)


def instance_norm(x: Tensor, gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> Tensor:
    """Normalises each channel of each sample by its own mean and variance, then scales and shifts."""
    return F.instance_norm(x, weight=gamma, bias=beta, eps=epsilon)


def layer_norm(x: Tensor, axes: list[int], gamma: Tensor | None, beta: Tensor | None, epsilon: float) -> Tensor:
    """Normalises over `axes`, then scales and shifts."""
    normalised = {axis % x.dim() for axis in axes}
    shape = [size if axis in normalised else 1 for axis, size in enumerate(x.shape)]
    variance, mean = torch.var_mean(x, dim=axes, correction=0, keepdim=True)
    result = (x - mean) * torch.rsqrt(variance + epsilon)
    result = result if gamma is None else result * gamma.reshape(shape)
    return result if beta is None else result + beta.reshape(shape)


_UNARY: dict[str, Callable[[Tensor], Tensor]] = {
    "identity": torch.clone,
    "relu": torch.relu,
    "relu6": F.relu6,
    "sigmoid": torch.sigmoid,
    "tanh": torch.tanh,
    "exp": torch.exp,
    "sqrt": torch.sqrt,
    "square": torch.square,
    "abs": torch.abs,
    "floor": torch.floor,
    "ceil": torch.ceil,
    "round": torch.round,
    "sign": torch.sign,
    "sin": torch.sin,
    "cos": torch.cos,
    "silu": F.silu,
    "logical_not": torch.logical_not,
}

_BINARY: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "add": torch.add,
    "sub": torch.sub,
    "mul": torch.mul,
    "real_div": torch.true_divide,
    "floor_div": torch.floor_divide,
    "mod": torch.remainder,
    "pow": torch.pow,
    "maximum": torch.maximum,
    "minimum": torch.minimum,
    "greater": torch.gt,
    "greater_equal": torch.ge,
    "less": torch.lt,
    "less_equal": torch.le,
    "equal": torch.eq,
    "not_equal": torch.ne,
    "logical_and": torch.logical_and,
    "logical_or": torch.logical_or,
}

_REDUCTIONS: dict[str, Callable[..., Tensor]] = {
    "reduce_mean": torch.mean,
    "reduce_sum": torch.sum,
    "reduce_max": torch.amax,
    "reduce_min": torch.amin,
}

_FUNCTIONS = (
    cast, clip, leaky_relu, gelu, rsqrt, inverse, log, softmax, select, fill, fill_like,
    batch_norm, instance_norm, layer_norm,
)  # fmt: skip

ARITHMETIC: dict[str, Function] = {
    **{name: _unary(compute) for name, compute in _UNARY.items()},
    **{name: _binary(compute) for name, compute in _BINARY.items()},
    **{name: _reduction(compute) for name, compute in _REDUCTIONS.items()},
    **{function.__name__: function for function in _FUNCTIONS},
}
