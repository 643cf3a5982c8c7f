"""Which convolutions are quantized: those in the network's `quantized_modules`, less the ones kept in float32.

One pattern syntax for every backend: a path of modules, as in the state_dict, with shell wildcards. A module stands for
everything in it: `generator`, `generator.up_2`, `warp.person.*.conv.3`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork

Convolution = nn.Conv2d | nn.ConvTranspose2d


@dataclass(frozen=True)
class FloatLayer:
    """A layer that stays float32, and the reason."""

    layer: str
    reason: str


def quantized_modules(network: TryOnNetwork) -> tuple[str, ...]:
    """The paths of the modules that int8 covers. Raises DmvtonError for a network that cannot be quantized."""
    if not network.quantized_modules or not network.config.parser_free:
        raise DmvtonError(f"{network.config.name} cannot be quantized: dmvton-lite and dmvton-student can.")
    return network.quantized_modules


def quantizable_layers(network: TryOnNetwork) -> list[str]:
    """The paths of all convolutions that can be quantized. Raises DmvtonError as `quantized_modules` does."""
    modules, float32 = quantized_modules(network), network.float32_reasons()
    return [layer for layer in _convolutions(network) if _within(layer, modules) and layer not in float32]


def float_layers(network: TryOnNetwork, keep_float: tuple[str, ...] = ()) -> list[FloatLayer]:
    """The convolutions that stay float32.

    Args:
        network: not yet prepared.
        keep_float: patterns of layers to keep in float32 besides those that always are.

    Raises:
        DmvtonError: a pattern that matches no convolution, or a network that cannot be quantized.
    """
    layers = list(_convolutions(network))
    for pattern in keep_float:
        if not any(matches(pattern, layer) for layer in layers):
            raise DmvtonError(
                f"{pattern!r} matches no convolution of {network.config.name}; a path is one like {layers[0]}, "
                f"{layers[0].rpartition('.')[0]} or {layers[0].split('.')[0]}.*"
            )
    modules, always = quantized_modules(network), network.float32_reasons()
    kept = []
    for layer in layers:
        chosen = next((pattern for pattern in keep_float if matches(pattern, layer)), None)
        if layer in always:
            kept.append(FloatLayer(layer, always[layer]))
        elif chosen is not None:
            kept.append(FloatLayer(layer, f"chosen by {chosen}"))
        elif not _within(layer, modules):
            kept.append(FloatLayer(layer, "outside the convolutional parts"))
    return kept


def matches(pattern: str, layer: str) -> bool:
    """Whether the pattern names the layer or a module that contains it."""
    names = layer.split(".")
    return any(fnmatchcase(".".join(names[:depth]), pattern) for depth in range(1, len(names) + 1))


def _convolutions(network: nn.Module) -> Iterator[str]:
    return (name for name, module in network.named_modules() if isinstance(module, Convolution))


def _within(layer: str, modules: tuple[str, ...]) -> bool:
    return any(layer == module or layer.startswith(f"{module}.") for module in modules)
