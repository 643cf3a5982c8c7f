"""Weights per precision: which network each precision is converted from and compared with."""

from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile import __version__
from dmvton_mobile.checkpoints.checkpoint import Card, load_checkpoint
from dmvton_mobile.checkpoints.weights import default_network, default_quantized
from dmvton_mobile.contract import Component, size_text
from dmvton_mobile.datasets.dataset import Phase, evenly_spaced_samples
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import DEFAULT_NETWORK, TryOnNetwork, build_network
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.targets import Precision

CALIBRATION_IMAGES = 64
ALWAYS_FLOAT32 = "matching, sampling positions, warps and composition: what decides where, and pixels"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where the weights come from, as the user names it.

    Attributes:
        network: None for the checkpoint's own, or the default network.
        checkpoint: None for the default weights of that network.
        quantized: For int8: a checkpoint that `dmvton compress` quantized.
        calibration: For int8 otherwise: a dataset whose pictures give the ranges of activations.
        keep_float: Patterns of layers that stay float32 then.
    """

    network: str | None = None
    checkpoint: Path | None = None
    quantized: Path | None = None
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class LoadedNetwork:
    """A network with its weights.

    Attributes:
        card: None where the weights are seeded.
    """

    network: TryOnNetwork
    card: Card | None

    def exportable(self) -> TryOnNetwork:
        """The network as exporters take it: with int8 weights, where it is quantized."""
        if self.network.config.quantization is None:
            return self.network
        from dmvton_mobile.quantization import converted

        return converted(self.network)

    def metadata(self, component: Component) -> dict[str, str]:
        """What a Core ML package of one of its components says of itself."""
        name, weights = self.network.config.name, "trained" if self.card and self.card.trained else "untrained"
        return {
            "author": "DM-VTON Mobile",
            "license": (self.card and self.card.licence) or "not set",
            "version": __version__,
            "short_description": f"Virtual try-on, {component} of {name}, {weights} weights",
            "network": name,
            "weights": weights,
        }


def networks_by_precision(
    weights: Weights, precisions: tuple[Precision, ...], size: tuple[int, int], *, float_int8: bool = False
) -> dict[Precision, LoadedNetwork]:
    """The network of each precision, in their order.

    Args:
        weights: Where they come from.
        precisions: What to convert to.
        size: Height and width of the network's pictures.
        float_int8: Whether int8 is made from the float network, because the exporter quantizes it.

    Raises:
        DmvtonError: There is no such network, or none that can be int8.
    """
    loaded = _load(weights)
    if loaded.network.config.quantization is not None:
        _check_only_int8(weights, precisions, float_int8)
        return {Precision.INT8: _check_size(loaded, size)}
    networks = dict.fromkeys(precisions, loaded)
    if Precision.INT8 in networks and not float_int8:
        networks[Precision.INT8] = _check_size(_quantized(weights, loaded, size), size)
    return networks


def layers_kept_float32(network: TryOnNetwork, quantization: Quantization | None) -> tuple[str, ...]:
    """The layers of an int8 network that stay float32, and why; none where it is not quantized."""
    if quantization is None:
        return ()
    from dmvton_mobile.quantization import float_layers

    unprepared = build_network(network.config.name)
    layers = (f"{kept.layer}: {kept.reason}" for kept in float_layers(unprepared, quantization.keep_float))
    return (ALWAYS_FLOAT32, *layers)


def _load(weights: Weights) -> LoadedNetwork:
    """The float network, or the quantized one of a quantized checkpoint."""
    if weights.checkpoint is None:
        return LoadedNetwork(*default_network(weights.network or DEFAULT_NETWORK))
    network, card = load_checkpoint(weights.checkpoint)
    if weights.network not in (None, card.network):
        raise DmvtonError(
            f"{weights.checkpoint} holds {card.network}, not {weights.network}: pass --network {card.network}."
        )
    return LoadedNetwork(network, card)


def _check_only_int8(weights: Weights, precisions: tuple[Precision, ...], float_int8: bool) -> None:
    if float_int8:
        raise DmvtonError(f"{weights.checkpoint} is quantized already: give --quantizer nncf the float checkpoint.")
    if other := [precision for precision in precisions if precision is not Precision.INT8]:
        raise DmvtonError(
            f"{weights.checkpoint} is quantized and converts to int8 alone, not {', '.join(other)}: "
            "pass the float checkpoint, and this one as --quantized."
        )


def _quantized(weights: Weights, loaded: LoadedNetwork, size: tuple[int, int]) -> LoadedNetwork:
    """From a quantized checkpoint, by calibration, or the default one of the network."""
    name = loaded.network.config.name
    if weights.quantized is not None:
        network, card = load_checkpoint(weights.quantized)
        if network.config.quantization is None:
            raise DmvtonError(f"{weights.quantized} is not quantized: dmvton compress makes one that is.")
        if card.network != name:
            raise DmvtonError(f"{weights.quantized} holds {card.network}, and the float checkpoint {name}.")
        return LoadedNetwork(network, card)
    if weights.calibration is not None:
        return _calibrated(loaded, weights.calibration, weights.keep_float, size)
    checkpoint = default_quantized(name) if weights.checkpoint is None else None
    if checkpoint is None:
        raise DmvtonError(
            "int8 needs the ranges of activations: pass --calibration DIR, a dataset, or --quantized FILE, "
            "a checkpoint that dmvton compress has quantized."
        )
    return LoadedNetwork(*load_checkpoint(checkpoint))


def _calibrated(
    loaded: LoadedNetwork, folder: Path, keep_float: tuple[str, ...], size: tuple[int, int]
) -> LoadedNetwork:
    from dmvton_mobile.quantization import calibrate, prepare

    dataset = open_dataset(folder, Phase.TRAIN, size, seed=0)
    network = prepare(loaded.network, Quantization(size=size, keep_float=keep_float))
    calibrate(network, evenly_spaced_samples(dataset, CALIBRATION_IMAGES))
    quantization = network.config.quantization
    return LoadedNetwork(network, loaded.card and loaded.card.model_copy(update={"quantization": quantization}))


def _check_size(loaded: LoadedNetwork, size: tuple[int, int]) -> LoadedNetwork:
    quantization = loaded.network.config.quantization
    assert quantization is not None
    if quantization.size != size:
        raise DmvtonError(
            f"This network was quantized for {size_text(quantization.size)}, not {size_text(size)}: "
            "quantize it for that size, or calibrate it with --calibration."
        )
    return loaded
