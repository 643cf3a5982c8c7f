"""`build_network(name)`: every network by its name."""

from collections.abc import Callable
from dataclasses import dataclass, replace

from torch import nn

from dmvton_mobile.contract import SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.dmvton import MobileGenerator, MobileWarp
from dmvton_mobile.networks.fsvton import StyleWarp
from dmvton_mobile.networks.lite import LiteNetwork
from dmvton_mobile.networks.network import TryOnNetwork
from dmvton_mobile.networks.pfafn import AppearanceFlowWarp
from dmvton_mobile.networks.resunet import ResUnetGenerator
from dmvton_mobile.networks.warp import WarpModule
from dmvton_mobile.networks.widths import narrow, require_fit

PARSER_FREE_INPUTS = 7  # person 3, warped garment 3, warped mask 1
PARSER_BASED_INPUTS = 8  # preserved region 3, warped garment 3, warped mask 1, arms 1


@dataclass(frozen=True)
class Architecture:
    """A network's default config and what builds it."""

    config: NetworkConfig
    build: Callable[[NetworkConfig], TryOnNetwork]


def _of_the_papers(
    warp: Callable[[int, bool], WarpModule], generator: Callable[[int], nn.Module]
) -> Callable[[NetworkConfig], TryOnNetwork]:
    """The papers' networks: a warp module and a generator, which takes one channel more where it sees the arms."""

    def build(config: NetworkConfig) -> TryOnNetwork:
        inputs = PARSER_FREE_INPUTS if config.parser_free else PARSER_BASED_INPUTS
        return TryOnNetwork(config, warp(config.condition_channels, config.align_corners), generator(inputs))

    return build


_ARCHITECTURES = {
    architecture.config.name: architecture
    for architecture in (
        Architecture(
            NetworkConfig(name="dmvton-student", condition_channels=3), _of_the_papers(MobileWarp, MobileGenerator)
        ),
        Architecture(
            NetworkConfig(name="dmvton-teacher", condition_channels=45), _of_the_papers(MobileWarp, MobileGenerator)
        ),
        Architecture(
            NetworkConfig(name="fsvton-teacher", condition_channels=45, fixed_size=(256, 192)),
            _of_the_papers(StyleWarp, ResUnetGenerator),
        ),
        Architecture(
            NetworkConfig(name="fsvton-student", condition_channels=3, fixed_size=(256, 192)),
            _of_the_papers(StyleWarp, ResUnetGenerator),
        ),
        Architecture(
            NetworkConfig(name="pfafn-tutor", condition_channels=45),
            _of_the_papers(AppearanceFlowWarp, ResUnetGenerator),
        ),
        Architecture(
            NetworkConfig(name="pfafn-student", condition_channels=3),
            _of_the_papers(AppearanceFlowWarp, ResUnetGenerator),
        ),
        Architecture(NetworkConfig(name="dmvton-lite", condition_channels=3), LiteNetwork),
    )
}

DEFAULT_NETWORK = "dmvton-lite"


def network_names() -> list[str]:
    """Every name that `build_network` takes."""
    return list(_ARCHITECTURES)


def default_config(name: str) -> NetworkConfig:
    """Of the network that `build_network(name)` makes. Raises UnknownName."""
    if name not in _ARCHITECTURES:
        raise UnknownName("network", name, network_names())
    return _ARCHITECTURES[name].config


def build_network(name: str, **overrides: object) -> TryOnNetwork:
    """A network with freshly initialised weights, in training mode.

    overrides: `align_corners` (default True, the published weights' convention); `widths`, of a pruned network.
    Raises UnknownName for a name, DmvtonError for an override that is not known and for widths that do not fit.
    """
    config = default_config(name)
    if unknown := overrides.keys() - {"align_corners", "widths"}:
        raise DmvtonError(f"{name} has no option {', '.join(sorted(unknown))}. Known: align_corners, widths.")
    config = replace(config, **overrides)  # type: ignore[arg-type]
    network = _ARCHITECTURES[name].build(config)
    if config.widths:
        narrow(network, config.widths)
        require_fit(network, *(config.fixed_size or (SMALLEST_SIZE, SMALLEST_SIZE)))
    return network
