"""The weights that come with this package: NAME.safetensors and its card, for each network that has been trained."""

from pathlib import Path

from dmvton_mobile.checkpoints.checkpoint import Card, load_checkpoint
from dmvton_mobile.networks import TryOnNetwork, seeded_network


def default_weights(name: str) -> Path | None:
    """The checkpoint of that name, where there is one."""
    path = Path(__file__).parent / f"{name}.safetensors"
    return path if path.is_file() else None


def default_quantized(name: str) -> Path | None:
    """The checkpoint of that network in eight bits, where there is one."""
    return default_weights(f"{name}-int8")


def default_network(name: str) -> tuple[TryOnNetwork, Card | None]:
    """The network in eval mode and its card; with seeded, untrained weights and no card where none come with this
    package. Raises UnknownName for a name, CheckpointError for a damaged installation."""
    path = default_weights(name)
    return (seeded_network(name), None) if path is None else load_checkpoint(path)
