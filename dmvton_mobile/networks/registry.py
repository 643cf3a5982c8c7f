"""`build_network(name)`: every network by its name."""

from collections.abc import Callable
from dataclasses import replace

from dmvton_mobile.contract import SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.dmvton import DmvtonNetwork
from dmvton_mobile.networks.fsvton import FsvtonNetwork
from dmvton_mobile.networks.lite import LiteNetwork
from dmvton_mobile.networks.network import TryOnNetwork
from dmvton_mobile.networks.pfafn import PfafnNetwork
from dmvton_mobile.networks.widths import narrow, require_fit

_ARCHITECTURES: dict[str, tuple[NetworkConfig, Callable[[NetworkConfig], TryOnNetwork]]] = {
    config.name: (config, network)
    for config, network in (
        (NetworkConfig(name="dmvton-student", condition_channels=3), DmvtonNetwork),
        (NetworkConfig(name="dmvton-teacher", condition_channels=45), DmvtonNetwork),
        (NetworkConfig(name="fsvton-teacher", condition_channels=45, fixed_size=(256, 192)), FsvtonNetwork),
        (NetworkConfig(name="fsvton-student", condition_channels=3, fixed_size=(256, 192)), FsvtonNetwork),
        (NetworkConfig(name="pfafn-tutor", condition_channels=45), PfafnNetwork),
        (NetworkConfig(name="pfafn-student", condition_channels=3), PfafnNetwork),
        (NetworkConfig(name="dmvton-lite", condition_channels=3), LiteNetwork),
    )
}

DEFAULT_NETWORK = "dmvton-lite"


def network_names() -> list[str]:
    """Every name that `build_network` takes."""
    return list(_ARCHITECTURES)


def default_config(name: str) -> NetworkConfig:
    """The config of the network that `build_network(name)` builds. Raises UnknownName."""
    if name not in _ARCHITECTURES:
        raise UnknownName("network", name, network_names())
    return _ARCHITECTURES[name][0]


def build_network(name: str, **overrides: object) -> TryOnNetwork:
    """Builds a network with freshly initialised weights, in training mode.

    Args:
        name: one of `network_names()`.
        **overrides: `align_corners` (default True, the convention of the published weights); `widths`, the channels of
            the layers that pruning narrowed.

    Raises:
        UnknownName: no network has this name.
        DmvtonError: an override is not known, or the widths do not fit the network.
    """
    config = default_config(name)
    if unknown := overrides.keys() - {"align_corners", "widths"}:
        raise DmvtonError(f"{name} has no option {', '.join(sorted(unknown))}. Known: align_corners, widths.")
    config = replace(config, **overrides)  # type: ignore[arg-type]
    network = _ARCHITECTURES[name][1](config)
    if config.widths:
        narrow(network, config.widths)
        require_fit(network, *(config.fixed_size or (SMALLEST_SIZE, SMALLEST_SIZE)))
    return network
