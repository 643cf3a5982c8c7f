"""The papers' networks and ours, in pure torch, on CPU or CUDA; `build_network(name)` builds one."""

from dmvton_mobile.networks.config import NetworkConfig
from dmvton_mobile.networks.network import GarmentFeatures, TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.registry import DEFAULT_NETWORK, build_network, default_config, network_names
from dmvton_mobile.networks.seeded import seeded_network

__all__ = [
    "DEFAULT_NETWORK",
    "GarmentFeatures",
    "NetworkConfig",
    "TryOnNetwork",
    "TryOnOutput",
    "build_network",
    "default_config",
    "network_names",
    "seeded_network",
]
