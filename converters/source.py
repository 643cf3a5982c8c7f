"""What is converted: the network of each precision, and what its artifacts must compute."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from dmvton_mobile.checkpoints.checkpoint import Card, load_checkpoint
from dmvton_mobile.checkpoints.weights import default_network, default_quantized
from dmvton_mobile.contract import size_text
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import DEFAULT_NETWORK, TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.targets import Precision

CALIBRATION_IMAGES = 64


class Quantizer(StrEnum):
    """Who makes int8 of float weights. PT2E: torchao, in PyTorch, for every target. NNCF: for .onnx files, by what
    try-ons lose (`converters.exporters.onnx_nncf`)."""

    PT2E = "pt2e"
    NNCF = "nncf"


@dataclass(frozen=True, kw_only=True)
class Weights:
    """Where they come from. network None: the checkpoint's own. checkpoint None: the `default_network` of that name.

    quantized: a checkpoint that `dmvton compress` quantized, for int8. calibration: else a dataset whose pictures give
    the ranges of activations. keep_float: patterns of layers that stay float32 then.
    """

    network: str | None = None
    checkpoint: Path | None = None
    quantized: Path | None = None
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class Source:
    """network: what artifacts are compared with. card: None where its weights are seeded."""

    network: TryOnNetwork
    card: Card | None

    @property
    def exportable(self) -> TryOnNetwork:
        """With its integers, where it is quantized."""
        if self.network.config.quantization is None:
            return self.network
        from dmvton_mobile.quantization import converted

        return converted(self.network)


def sources(
    weights: Weights, precisions: tuple[Precision, ...], size: tuple[int, int], quantizer: Quantizer = Quantizer.PT2E
) -> dict[Precision, Source]:
    """What each precision is made from; NNCF makes int8 from the float network itself. Raises DmvtonError where there
    is no such thing."""
    given = _float_or_quantized(weights)
    if given.network.config.quantization is not None:
        if quantizer is Quantizer.NNCF:
            raise DmvtonError(f"{weights.checkpoint} is quantized already: give --quantizer nncf the float checkpoint.")
        if other := [precision for precision in precisions if precision is not Precision.INT8]:
            raise DmvtonError(
                f"{weights.checkpoint} is quantized and converts to int8 alone, not {', '.join(other)}: "
                "pass the float checkpoint, and this one as --quantized."
            )
        return {Precision.INT8: _of_size(given, size)}
    made: dict[Precision, Source] = {precision: given for precision in precisions if precision is not Precision.INT8}
    if Precision.INT8 in precisions and quantizer is Quantizer.NNCF:
        made[Precision.INT8] = given
    elif Precision.INT8 in precisions:
        made[Precision.INT8] = _of_size(_quantized(weights, given, size), size)
    return {precision: made[precision] for precision in precisions}


def _float_or_quantized(weights: Weights) -> Source:
    if weights.checkpoint is None:
        return Source(*default_network(weights.network or DEFAULT_NETWORK))
    network, card = load_checkpoint(weights.checkpoint)
    if weights.network not in (None, card.network):
        raise DmvtonError(
            f"{weights.checkpoint} holds {card.network}, not {weights.network}: pass --network {card.network}."
        )
    return Source(network, card)


def _quantized(weights: Weights, given: Source, size: tuple[int, int]) -> Source:
    name = given.network.config.name
    if weights.quantized is not None:
        network, card = load_checkpoint(weights.quantized)
        if network.config.quantization is None:
            raise DmvtonError(f"{weights.quantized} is not quantized: dmvton compress makes one that is.")
        if card.network != name:
            raise DmvtonError(f"{weights.quantized} holds {card.network}, and the float checkpoint {name}.")
        return Source(network, card)
    if weights.calibration is not None:
        return _calibrated(given, weights.calibration, weights.keep_float, size)
    ours = default_quantized(name) if weights.checkpoint is None else None
    if ours is None:
        raise DmvtonError(
            "int8 needs the ranges of activations: pass --calibration DIR, a dataset, or --quantized FILE, "
            "a checkpoint that dmvton compress has quantized."
        )
    return Source(*load_checkpoint(ours))


def _calibrated(given: Source, folder: Path, keep_float: tuple[str, ...], size: tuple[int, int]) -> Source:
    from dmvton_mobile.quantization import calibrate, prepare, spread

    dataset = open_dataset(folder, Phase.TRAIN, size, seed=0)
    network = prepare(given.network, Quantization(size=size, keep_float=keep_float))
    calibrate(network, spread(dataset, CALIBRATION_IMAGES))
    quantization = network.config.quantization
    return Source(network, given.card and given.card.model_copy(update={"quantization": quantization}))


def _of_size(source: Source, size: tuple[int, int]) -> Source:
    quantization = source.network.config.quantization
    assert quantization is not None
    if quantization.size != size:
        raise DmvtonError(
            f"This network was quantized for {size_text(quantization.size)}, not {size_text(size)}: "
            "quantize it for that size, or calibrate it with --calibration."
        )
    return source
