"""Which layers are quantized: the convolutions of a network's convolutional parts, by patterns over their paths.

One syntax for every backend: a pattern is a path of modules, as in the state_dict, with shell wildcards; a module
stands for all that is in it: `generator`, `generator.up_2`, `warp.person.*.conv.3`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fnmatch import fnmatchcase

from torch import nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.dmvton import MobileWarp
from dmvton_mobile.networks.lite import LiteNetwork
from dmvton_mobile.networks.warp import LEVELS

Convolution = nn.Conv2d | nn.ConvTranspose2d
FLOW_HEAD = "a flow head: eight bits would move samples by up to half a pixel"
POSITIONS = "reads positions: eight bits would round them to pixels"
LITE_POSITIONS = ("warp.person.lateral_8", "warp.garment.lateral_8")
LITE_PARTS = (
    "warp.person",
    "warp.garment",
    "warp.query",
    "warp.key",
    "warp.aflow_net.refine_8",
    "warp.aflow_net.narrow",
    "warp.aflow_net.refine_4",
    "generator",
)
MOBILE_PARTS = (
    "warp.image_mobile",
    "warp.cond_mobile",
    *(f"warp.aflow_net.{heads}.{level}" for level in range(LEVELS) for heads in ("netMain", "netRefine")),
    "generator",
)


@dataclass(frozen=True)
class FloatLayer:
    """A layer that stays float32, and why."""

    layer: str
    reason: str


def parts(network: TryOnNetwork) -> tuple[str, ...]:
    """The modules between which a network matches, warps and composes: convolutions and what lies between them.

    Raises DmvtonError for a network that has none that PT2E takes.
    """
    if isinstance(network, LiteNetwork):
        return LITE_PARTS
    if isinstance(network.warp, MobileWarp) and network.config.parser_free:
        return MOBILE_PARTS
    raise DmvtonError(f"{network.config.name} cannot be quantized: dmvton-lite and dmvton-student can.")


def quantizable_layers(network: TryOnNetwork) -> list[str]:
    """Every convolution that can be quantized."""
    layers = (layer for layer in _convolutions(network) if _within(layer, parts(network)))
    return [layer for layer in layers if _always_float(network, layer) is None]


def float_layers(network: TryOnNetwork, keep_float: tuple[str, ...] = ()) -> list[FloatLayer]:
    """The convolutions that stay float32. Raises DmvtonError for a pattern that matches no convolution."""
    layers = list(_convolutions(network))
    for pattern in keep_float:
        if not any(matches(pattern, layer) for layer in layers):
            raise DmvtonError(
                f"{pattern!r} matches no convolution of {network.config.name}; a path is one like {layers[0]}, "
                f"{layers[0].rpartition('.')[0]} or {layers[0].split('.')[0]}.*"
            )
    kept = []
    for layer in layers:
        chosen = next((pattern for pattern in keep_float if matches(pattern, layer)), None)
        if reason := _always_float(network, layer):
            kept.append(FloatLayer(layer, reason))
        elif chosen is not None:
            kept.append(FloatLayer(layer, f"chosen by {chosen}"))
        elif not _within(layer, parts(network)):
            kept.append(FloatLayer(layer, "outside the convolutional parts"))
    return kept


def matches(pattern: str, layer: str) -> bool:
    """Whether the pattern names the layer or a module that it lies in."""
    names = layer.split(".")
    return any(fnmatchcase(".".join(names[:depth]), pattern) for depth in range(1, len(names) + 1))


def _convolutions(network: nn.Module) -> Iterator[str]:
    return (name for name, module in network.named_modules() if isinstance(module, Convolution))


def _always_float(network: TryOnNetwork, layer: str) -> str | None:
    """Why a layer of a convolutional part stays float32 whatever is chosen; None where it does not."""
    if isinstance(network, LiteNetwork) and layer in LITE_POSITIONS:
        return POSITIONS
    weight = network.get_submodule(layer).weight
    return FLOW_HEAD if any(weight is last for last in network.warp.aflow_net.last_layers()) else None


def _within(layer: str, modules: tuple[str, ...]) -> bool:
    return any(layer == module or layer.startswith(f"{module}.") for module in modules)
