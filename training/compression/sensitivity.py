"""The sensitivity of layers to int8: the damage of each layer alone, and the fewest that must stay float32."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.metrics.psnr import HIGHEST_PSNR_DB, capped_psnr_db, psnr_db
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.networks.flow import pixel_scale
from dmvton_mobile.quantization import calibrate, layer_roundings, prepare, rounding_only
from dmvton_mobile.records.sensitivity import Deviation, LayerSensitivity, Search, Sensitivity, Trial
from dmvton_mobile.utils.progress import StepCallback
from training.compression.latency import ConvLatencies, conv_shapes

FLOAT_BYTES, INT8_BYTES = 4, 1


def find_sensitivity(
    network: TryOnNetwork,
    quantization: Quantization,
    samples: Sequence[TryOnSample],
    search: Search,
    on_step: StepCallback = lambda step: None,
) -> Sensitivity:
    """Quantizes each layer alone, then finds how many of the most sensitive ones must stay float32.

    Distances are those of try-ons and flows from the float network's, on the first `search.images` samples.

    Args:
        network: The float network.
        quantization: What would be quantized without the search.
        samples: Batches of one, all of which calibrate the ranges.
        search: How far try-ons and flows may be from the float network's.
        on_step: Called after every layer.

    Raises:
        DmvtonError: The network with the proposed layers in float32 is too far from the float network.
    """
    quantized = prepare(network, quantization)
    calibrate(quantized, samples)
    reference = _FloatReference(network, samples[: search.images])
    layers = list(layer_roundings(quantized))
    alone: dict[str, Deviation] = {}
    for number, layer in enumerate(layers, 1):
        alone[layer] = reference.distance(quantized, [layer])
        on_step(f"Quantizing each layer alone, {number} of {len(layers)}")
    layers.sort(key=lambda layer: _share_of_limit(alone[layer], search), reverse=True)
    trials = _bisect(layers, lambda rounded: reference.distance(quantized, rounded), search)
    proposed = tuple(layers[: min(trial.kept for trial in trials if trial.distance.within(search))])
    reached = _calibrated_distance(reference, network, quantization, proposed, samples)
    if not reached.within(search):
        raise DmvtonError(
            f"With {len(proposed)} layers in float32 the try-ons of {network.config.name} still are at "
            f"{reached.psnr_db:.1f} dB and its flows {reached.flow_px:.2f} px from the float network's; wanted are "
            f"{search.psnr_db:g} dB and {search.flow_px:g} px: allow more, or train the int8 network."
        )
    savings = _LayerSavings(network, quantization.size, search.threads)
    return Sensitivity(
        network=network.config.name,
        search=search,
        layers=tuple(savings.of(layer, alone[layer]) for layer in layers),
        trials=tuple(trials),
        proposed=proposed,
        reached=reached,
    )


def _share_of_limit(distance: Deviation, search: Search) -> float:
    """The share of the allowed distance that a layer uses: squared errors add up over layers, distances at most do."""
    return max(10 ** ((search.psnr_db - distance.psnr_db) / 10), (distance.flow_px / search.flow_px) ** 2)


def _bisect(layers: list[str], distance: Callable[[Collection[str]], Deviation], search: Search) -> list[Trial]:
    """Halves the number of layers that stay float32 until one less is too few; the most sensitive layers come first."""
    trials = []

    def passes(kept: int) -> bool:
        trials.append(Trial(kept=kept, distance=distance(layers[kept:])))
        return trials[-1].distance.within(search)

    if passes(0):
        return trials
    failing, passing = 0, len(layers)
    trials.append(Trial(kept=passing, distance=Deviation(psnr_db=HIGHEST_PSNR_DB, flow_px=0.0)))  # the float network
    while passing - failing > 1:
        middle = (failing + passing) // 2
        failing, passing = (failing, middle) if passes(middle) else (middle, passing)
    return trials


def _calibrated_distance(
    reference: "_FloatReference",
    network: TryOnNetwork,
    quantization: Quantization,
    proposed: tuple[str, ...],
    samples: Sequence[TryOnSample],
) -> Deviation:
    """The distance of the network as it will be; the trials only skipped the rounding of layers."""
    final = prepare(network, quantization.model_copy(update={"keep_float": (*quantization.keep_float, *proposed)}))
    calibrate(final, samples)
    return reference.distance(final, layer_roundings(final))


class _FloatReference:
    """The try-ons of the float network, for comparison."""

    def __init__(self, network: TryOnNetwork, samples: Sequence[TryOnSample]):
        self._samples = samples
        self._outputs = [_try_on(network, sample) for sample in samples]

    def distance(self, quantized: TryOnNetwork, layers: Collection[str]) -> Deviation:
        """The mean distance of a quantized network of which these layers alone round."""
        with rounding_only(quantized, layers):
            outputs = [_try_on(quantized, sample) for sample in self._samples]
        pairs = list(zip(outputs, self._outputs, strict=True))
        return Deviation(
            psnr_db=sum(_tryon_psnr_db(output, reference) for output, reference in pairs) / len(pairs),
            flow_px=sum(_flow_distance_px(output, reference) for output, reference in pairs) / len(pairs),
        )


class _LayerSavings:
    """The bytes and the time that a layer saves in int8."""

    def __init__(self, network: TryOnNetwork, size: tuple[int, int], threads: int):
        self._network = network
        self._shapes, self._latencies = conv_shapes(network, *size), ConvLatencies(threads)

    def of(self, layer: str, alone: Deviation) -> LayerSensitivity:
        weights = self._network.get_submodule(layer).weight
        assert isinstance(weights, Tensor)
        saved = weights.numel() * (FLOAT_BYTES - INT8_BYTES)
        return LayerSensitivity(layer=layer, alone=alone, saved_bytes=saved, saved_ms=self._saved_ms(layer))

    def _saved_ms(self, layer: str) -> float | None:
        shape = self._shapes.get(layer)
        if shape is None:
            return None  # no frame runs it
        return 1e3 * (self._latencies.seconds(shape) - self._latencies.seconds(shape, int8=True))


@torch.no_grad()
def _try_on(network: TryOnNetwork, sample: TryOnSample) -> TryOnOutput:
    output: TryOnOutput = network(sample.person, sample.garment, sample.garment_mask)
    return output


def _tryon_psnr_db(output: TryOnOutput, reference: TryOnOutput) -> float:
    return capped_psnr_db(psnr_db(reference=reference.tryon, candidate=output.tryon, peak=2.0))  # in [-1, 1]


def _flow_distance_px(output: TryOnOutput, reference: TryOnOutput) -> float:
    """The mean distance of the flows in pixels, where the reference's garment lies."""
    height, width = reference.flow.shape[2:]
    pixels = (output.flow - reference.flow) * pixel_scale(reference.flow, (height, width))
    distance = torch.linalg.vector_norm(pixels, dim=1, keepdim=True)
    garment = reference.warped_mask > MASK_THRESHOLD
    return float(distance[garment].mean()) if garment.any() else 0.0
