"""The weights that come with this package: NAME.safetensors and its card, for each network that has been trained."""

from pathlib import Path

from dmvton_mobile.checkpoints.checkpoint import Card, load_checkpoint
from dmvton_mobile.networks import TryOnNetwork, seeded_network


def default_weights(name: str) -> Path | None:
    """The checkpoint of that name; None where the package has none."""
    path = Path(__file__).parent / f"{name}.safetensors"
    return path if path.is_file() else None


def default_quantized(name: str) -> Path | None:
    """The checkpoint of that network in int8; None where the package has none."""
    return default_weights(f"{name}-int8")


def default_network(name: str) -> tuple[TryOnNetwork, Card | None]:
    """The network with the weights that come with this package.

    Returns:
        The network in eval mode, and its card; seeded, untrained weights and None where the package has none.

    Raises:
        UnknownName: there is no such network.
        CheckpointError: the installation is damaged.
    """
    path = default_weights(name)
    return (seeded_network(name), None) if path is None else load_checkpoint(path)
