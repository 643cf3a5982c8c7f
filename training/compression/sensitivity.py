"""Which layers eight bits hurt: each alone, what keeping it float32 costs, and the fewest that must stay float32."""

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from dmvton_mobile.contract import MASK_THRESHOLD
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.metrics.psnr import HIGHEST_PSNR_DB, capped_psnr_db, psnr_db
from dmvton_mobile.networks import TryOnNetwork, TryOnOutput
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.quantization import calibrate, layer_roundings, prepare, rounding_only
from dmvton_mobile.records.sensitivity import Distance, LayerSensitivity, Search, Sensitivity, Trial
from training.compression.latency import Latencies, conv_shapes

FLOAT_BYTES, INT8_BYTES = 4, 1


def find_sensitivity(
    network: TryOnNetwork,
    quantization: Quantization,
    samples: Sequence[TryOnSample],
    search: Search,
    on_layer: Callable[[int, int], None] = lambda done, total: None,
) -> Sensitivity:
    """Judges every layer on the first images of `samples` (batches of one), all of which give the ranges.

    on_layer: told how many of how many layers are done. Raises DmvtonError where even the proposal is too far off.
    """
    rounded = prepare(network, quantization)
    calibrate(rounded, samples)
    judge = _Judge(network, samples[: search.images])
    names = list(layer_roundings(rounded))
    alone = {}
    for number, layer in enumerate(names, 1):
        alone[layer] = judge.distance(rounded, [layer])
        on_layer(number, len(names))
    order = sorted(names, key=lambda layer: _harm(alone[layer], search), reverse=True)
    trials = _bisect(order, lambda quantized: judge.distance(rounded, quantized), search)
    proposed = tuple(order[: min(trial.kept for trial in trials if trial.distance.within(search))])
    reached = _reached(judge, network, quantization, proposed, samples)
    if not reached.within(search):
        raise DmvtonError(
            f"With {len(proposed)} layers in float32 the try-ons of {network.config.name} still are at "
            f"{reached.psnr_db:.1f} dB and its flows {reached.flow_px:.2f} px from the float network's; wanted are "
            f"{search.psnr_db:g} dB and {search.flow_px:g} px: allow more, or train it in eight bits."
        )
    gains = _Gains(network, quantization.size, search.threads)
    return Sensitivity(
        network=network.config.name,
        search=search,
        layers=tuple(gains.of(layer, alone[layer]) for layer in order),
        trials=tuple(trials),
        proposed=proposed,
        reached=reached,
    )


def _bisect(order: list[str], judged: Callable[[Collection[str]], Distance], search: Search) -> list[Trial]:
    """Between none kept and all: halves until one more or less decides."""
    trials = []

    def passes(kept: int) -> bool:
        trials.append(Trial(kept=kept, distance=judged(order[kept:])))
        return trials[-1].distance.within(search)

    if passes(0):
        return trials
    failing, passing = 0, len(order)
    trials.append(Trial(kept=passing, distance=Distance(psnr_db=HIGHEST_PSNR_DB, flow_px=0.0)))  # it is the float one
    while passing - failing > 1:
        middle = (failing + passing) // 2
        failing, passing = (failing, middle) if passes(middle) else (middle, passing)
    return trials


def _harm(distance: Distance, search: Search) -> float:
    """How much of what is allowed it uses up: squares of errors add up over layers, distances at most do."""
    return max(10 ** ((search.psnr_db - distance.psnr_db) / 10), (distance.flow_px / search.flow_px) ** 2)


def _reached(
    judge: "_Judge",
    network: TryOnNetwork,
    quantization: Quantization,
    proposed: tuple[str, ...],
    samples: Sequence[TryOnSample],
) -> Distance:
    """Of the network as it will be: what was tried only left roundings out."""
    kept = quantization.model_copy(update={"keep_float": (*quantization.keep_float, *proposed)})
    final = prepare(network, kept)
    calibrate(final, samples)
    return judge.distance(final, layer_roundings(final))


class _Judge:
    """Compares with what the float network makes of the images."""

    def __init__(self, network: TryOnNetwork, samples: Sequence[TryOnSample]):
        self._samples = samples
        self._expected = [_tried_on(network, sample) for sample in samples]

    def distance(self, rounded: TryOnNetwork, layers: Collection[str]) -> Distance:
        with rounding_only(rounded, layers):
            made = [_tried_on(rounded, sample) for sample in self._samples]
        pairs = list(zip(made, self._expected, strict=True))
        return Distance(
            psnr_db=sum(_tryon_psnr_db(output, expected) for output, expected in pairs) / len(pairs),
            flow_px=sum(_shift_px(output.flow, expected) for output, expected in pairs) / len(pairs),
        )


class _Gains:
    """What a layer in eight bits saves."""

    def __init__(self, network: TryOnNetwork, size: tuple[int, int], threads: int):
        self._network = network
        self._shapes, self._latencies = conv_shapes(network, *size), Latencies(threads)

    def of(self, layer: str, alone: Distance) -> LayerSensitivity:
        weights = self._network.get_submodule(layer).weight
        assert isinstance(weights, Tensor)
        saved = weights.numel() * (FLOAT_BYTES - INT8_BYTES)
        return LayerSensitivity(layer=layer, alone=alone, saved_bytes=saved, saved_ms=self._milliseconds(layer))

    def _milliseconds(self, layer: str) -> float | None:
        shape = self._shapes.get(layer)
        if shape is None:
            return None
        return 1e3 * (self._latencies.seconds(shape) - self._latencies.seconds(shape, int8=True))


@torch.no_grad()
def _tried_on(network: TryOnNetwork, sample: TryOnSample) -> TryOnOutput:
    output: TryOnOutput = network(sample.person, sample.garment, sample.garment_mask)
    return output


def _tryon_psnr_db(output: TryOnOutput, expected: TryOnOutput) -> float:
    return capped_psnr_db(psnr_db(reference=expected.tryon, candidate=output.tryon, peak=2.0))  # in [-1, 1]


def _shift_px(flow: Tensor, expected: TryOnOutput) -> float:
    """The mean distance in pixels, where the garment lies."""
    height, width = flow.shape[2:]
    pixels = flow.new_tensor([(width - 1) / 2, (height - 1) / 2]).view(1, 2, 1, 1)
    distance = torch.linalg.vector_norm((flow - expected.flow) * pixels, dim=1, keepdim=True)
    lies = expected.warped_mask > MASK_THRESHOLD
    return float(distance[lies].mean()) if lies.any() else 0.0
