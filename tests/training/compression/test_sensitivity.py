"""Which layers eight bits hurt: what is measured, and that the search keeps the fewest."""

from collections.abc import Collection
from pathlib import Path

import onnx
import onnxruntime
import pytest
import torch

from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.datasets.dataset import evenly_spaced_samples
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.quantization import calibrate, layer_roundings, prepare, quantizable_layers, rounding_only
from dmvton_mobile.records.sensitivity import Deviation, Search, Sensitivity
from tests.conftest import SMALL
from tests.rendered import rendered_people
from training.compression import latency
from training.compression.latency import ConvShape
from training.compression.sensitivity import _bisect, _try_on, find_sensitivity

IMAGES = 16
ALL_BUT_THE_GENERATOR = ("warp",)
LOOSE = Search(psnr_db=20, flow_px=5, images=2, threads=1)


@pytest.fixture(scope="module")
def samples(tmp_path_factory: pytest.TempPathFactory) -> list[TryOnSample]:
    people = rendered_people(tmp_path_factory.mktemp("people") / "people", IMAGES)
    return evenly_spaced_samples(open_dataset(people, "train", SMALL), IMAGES)


@pytest.fixture(scope="module")
def lite() -> TryOnNetwork:
    return default_network("dmvton-lite")[0]


@pytest.fixture(scope="module")
def rounded(lite: TryOnNetwork, samples: list[TryOnSample]) -> TryOnNetwork:
    prepared = prepare(lite, Quantization(size=SMALL))
    calibrate(prepared, samples)
    return prepared


@pytest.fixture(scope="module")
def found(lite: TryOnNetwork, samples: list[TryOnSample]) -> Sensitivity:
    return find_sensitivity(lite, Quantization(size=SMALL, keep_float=ALL_BUT_THE_GENERATOR), samples, LOOSE)


def test_every_quantized_layer_has_its_roundings(lite: TryOnNetwork, rounded: TryOnNetwork) -> None:
    roundings = layer_roundings(rounded)
    assert roundings.keys() == set(quantizable_layers(lite))
    for layer, each in roundings.items():
        weights = lite.get_submodule(layer).weight
        per_channel = [rounding for rounding in each if rounding.is_per_channel]
        assert len(each) == 3 and len(per_channel) == 1 and isinstance(weights, torch.Tensor), layer
        assert per_channel[0].scale.numel() == weights.shape[0]


def test_only_the_chosen_layers_round(lite: TryOnNetwork, rounded: TryOnNetwork, samples: list[TryOnSample]) -> None:
    plain, sample = _try_on(lite, samples[0]), samples[0]
    with rounding_only(rounded, []):
        assert torch.allclose(_try_on(rounded, sample).tryon, plain.tryon, atol=1e-4)  # batch norms are folded
    with rounding_only(rounded, ["generator.out"]):
        output = _try_on(rounded, sample)
    assert torch.allclose(output.flow, plain.flow, atol=1e-4) and not torch.allclose(
        output.tryon, plain.tryon, atol=1e-4
    )
    with rounding_only(rounded, ["warp.query"]):
        assert not torch.allclose(_try_on(rounded, sample).flow, plain.flow, atol=1e-4)
    everything = _try_on(rounded, sample)  # all of it again, afterwards
    with rounding_only(rounded, quantizable_layers(lite)):
        assert not torch.equal(_try_on(rounded, sample).tryon, plain.tryon)
    assert torch.equal(_try_on(rounded, sample).tryon, everything.tryon)


def test_layers_come_in_the_order_of_their_harm(lite: TryOnNetwork, found: Sensitivity) -> None:
    names = [each.layer for each in found.layers]
    assert sorted(names) == sorted(layer for layer in quantizable_layers(lite) if layer.startswith("generator"))
    # the warp is float32, so only try-ons suffer
    values = [each.alone.psnr_db for each in found.layers]
    assert values == sorted(values) and values[0] < values[-1] - 10
    assert all(each.alone.flow_px < 0.01 for each in found.layers)


def test_what_a_layer_saves(lite: TryOnNetwork, found: Sensitivity) -> None:
    saved = {each.layer: each.saved_bytes for each in found.layers}
    assert saved["generator.out"] == 3 * 24 * 5 * 3 * 3
    assert all(each.saved_ms is not None for each in found.layers)


def test_what_no_frame_runs_saves_no_time(lite: TryOnNetwork, samples: list[TryOnSample]) -> None:
    kept = ("generator", "warp.person", "warp.aflow_net", "warp.query", "warp.garment.[!s]*")
    found = find_sensitivity(lite, Quantization(size=SMALL, keep_float=kept), samples, LOOSE)
    assert {each.saved_ms for each in found.layers} == {None}


def test_nothing_is_proposed_where_everything_is_close_enough(found: Sensitivity) -> None:
    assert found.proposed == () and found.trials[0].kept == 0 and len(found.trials) == 1
    assert found.reached.within(LOOSE)


def test_a_tight_limit_keeps_the_most_sensitive(
    lite: TryOnNetwork, samples: list[TryOnSample], found: Sensitivity
) -> None:
    limit = found.reached.psnr_db + 2
    tight = find_sensitivity(
        lite,
        Quantization(size=SMALL, keep_float=ALL_BUT_THE_GENERATOR),
        samples,
        LOOSE.model_copy(update={"psnr_db": limit}),
    )
    assert 0 < len(tight.proposed) < len(tight.layers)
    assert tight.proposed == tuple(each.layer for each in tight.layers[: len(tight.proposed)])
    assert tight.reached.psnr_db >= limit
    failed = [trial.kept for trial in tight.trials if trial.distance.psnr_db < limit]
    assert max(failed) == len(tight.proposed) - 1  # one less is not enough


def test_a_limit_that_nothing_meets(lite: TryOnNetwork, samples: list[TryOnSample]) -> None:
    with pytest.raises(DmvtonError, match="Nothing would be quantized"):
        find_sensitivity(
            lite,
            Quantization(size=SMALL, keep_float=("warp", "generator.[!o]*")),
            samples,
            Search(psnr_db=99, flow_px=0.001, images=1, threads=1),
        )


@pytest.mark.parametrize("needed", range(9))
def test_bisection_finds_the_fewest(needed: int) -> None:
    order = [f"layer {number}" for number in range(8)]

    def judged(quantized: Collection[str]) -> Deviation:
        kept = len(order) - len(quantized)
        assert list(quantized) == order[kept:], "the most sensitive are kept"
        return Deviation(psnr_db=50.0 if kept >= needed else 10.0, flow_px=0.0)

    search = Search(psnr_db=40, flow_px=0.3)
    trials = _bisect(order, judged, search)
    assert min(trial.kept for trial in trials if trial.distance.within(search)) == needed
    assert len(trials) <= 5


@pytest.mark.parametrize(("psnr_db", "flow_px", "within"), [(40, 0.3, True), (39.9, 0.3, False), (40, 0.31, False)])
def test_within(psnr_db: float, flow_px: float, within: bool) -> None:
    assert Deviation(psnr_db=psnr_db, flow_px=flow_px).within(Search(psnr_db=40, flow_px=0.3)) is within


@pytest.mark.parametrize(("kernel", "depthwise"), [(1, False), (3, False), (3, True)])
def test_what_is_timed_is_an_integer_kernel(kernel: int, depthwise: bool, tmp_path: Path) -> None:
    shape = ConvShape(16, 16, kernel, 1, kernel // 2, depthwise, False, 12, 8)
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_EXTENDED
    options.optimized_model_filepath = str(tmp_path / "optimized.onnx")
    onnxruntime.InferenceSession(latency._int8_model(shape), options, providers=["CPUExecutionProvider"])
    ran = [node.op_type for node in onnx.load(tmp_path / "optimized.onnx").graph.node]
    assert "QLinearConv" in ran and not {"Conv", "DequantizeLinear", "QuantizeLinear"} & set(ran)
    timed = latency.ConvLatencies(threads=1)
    assert timed.seconds(shape, int8=True) >= 0 and set(timed._seconds) == {(shape, True)}
