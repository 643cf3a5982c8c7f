"""The comparison that every claim rests on: figures as worked out by hand, and every way an artifact can be wrong."""

import math

import numpy as np
import pytest

from converters.example import example_pair
from converters.lowering.variants import LoweringVariant, lower
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.bundles.parity import BOUNDS_DB, ParityError, compare
from dmvton_mobile.contract import Component, Layout, TensorContract, tensor_contract
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.runtimes.session import Tensors
from dmvton_mobile.runtimes.torch import TorchSession
from dmvton_mobile.targets import Precision
from tests.conftest import SMALL

BOUND_DB = 60.0
CONTRACTS = (
    tensor_contract("tryon", Layout.NCHW, (1, 3, 4, 4)),
    tensor_contract("flow", Layout.NCHW, (1, 2, 4, 4)),
    tensor_contract("garment_features_0", Layout.NCHW, (1, 8, 4, 4)),
)


def outputs() -> Tensors:
    """One value for every contract: a picture, a flow, features of a range of their own."""
    random = np.random.default_rng(0)
    tryon, flow, features = (random.random(tensor.shape, np.float32) for tensor in CONTRACTS)
    return {"tryon": tryon, "flow": flow * 2 - 1, "garment_features_0": features * 50 - 20}


def compared(
    candidate: Tensors, reference: Tensors | None = None, contracts: tuple[TensorContract, ...] = CONTRACTS
) -> list[ParityFigure]:
    reference = outputs() if reference is None else reference
    return compare(
        reference, candidate, contracts=contracts, bound_db=BOUND_DB, inputs="random", what="tryon_fp32.onnx"
    )


def test_equal_outputs_pass() -> None:
    figures = compared(outputs())
    assert [figure.output for figure in figures] == ["tryon", "flow", "garment_features_0"]
    assert all(figure.psnr_db is None and figure.identical and figure.max_abs_error == 0.0 for figure in figures)
    assert all(figure.bound_db == BOUND_DB and figure.inputs == "random" for figure in figures)


def test_a_figure_of_an_earlier_version_is_read_and_written_as_it_was() -> None:
    earlier = {"output": "tryon", "inputs": "example", "psnr_db": None, "max_abs_error": 0.0, "bound_db": 60.0}
    assert ParityFigure.model_validate(earlier).model_dump() == earlier
    today = earlier | {"identical": True}
    assert ParityFigure.model_validate(today).model_dump() == today
    for contradiction in (earlier | {"identical": False}, today | {"psnr_db": 40.0}):
        with pytest.raises(ValueError, match="if and only if the values are identical"):
            ParityFigure.model_validate(contradiction)


def test_ranges() -> None:
    """The same absolute error counts by the range of what it is in: pictures 1, flows 2, features their reference's
    own."""
    reference = outputs()
    reference["garment_features_0"].flat[:2] = -20.0, 30.0
    figures = compared({name: value + np.float32(0.0005) for name, value in reference.items()}, reference)
    expected = [20 * math.log10(peak / 0.0005) for peak in (1.0, 2.0, 50.0)]
    assert [figure.psnr_db for figure in figures] == pytest.approx(expected, abs=0.05)
    assert [figure.max_abs_error for figure in figures] == pytest.approx([0.0005] * 3, rel=0.01)
    assert not any(figure.identical for figure in figures)


def test_the_range_of_features_is_the_references() -> None:
    """An artifact that blows its features up does not widen its own bound."""
    reference = {"garment_features_0": np.linspace(0, 1, 128, dtype=np.float32).reshape(1, 8, 4, 4)}
    candidate = {"garment_features_0": reference["garment_features_0"] * 1000}
    with pytest.raises(ParityError, match="garment_features_0 -5"):
        compared(candidate, reference, CONTRACTS[2:])
    with pytest.raises(ParityError, match="garment_features_0 4"):
        compared(reference, candidate, CONTRACTS[2:])


def test_constant_features_have_a_range_too() -> None:
    same = {"garment_features_0": np.full((1, 8, 4, 4), 3.0, np.float32)}
    assert compared(same, same, CONTRACTS[2:])[0].psnr_db is None
    with pytest.raises(ParityError, match="garment_features_0"):
        compared({"garment_features_0": same["garment_features_0"] + 1}, same, CONTRACTS[2:])


def test_swapped_channels_fail() -> None:
    candidate = outputs()
    candidate["tryon"] = candidate["tryon"][:, ::-1]
    with pytest.raises(ParityError, match="tryon ") as caught:
        compared(candidate)
    assert "flow" not in str(caught.value)


@pytest.mark.parametrize("name", ["flow", "garment_features_0"])
def test_a_later_output_fails_by_its_name(name: str) -> None:
    """By name, figure and bound; the outputs that are right are not blamed."""
    candidate = outputs()
    candidate[name] = candidate[name] + np.float32(0.25)
    with pytest.raises(ParityError) as caught:
        compared(candidate)
    message = str(caught.value)
    assert name in message and "tryon_fp32.onnx" in message and "random" in message and "60 dB" in message
    assert "0.25" in message and message.count("largest difference") == 1
    assert caught.value.exit_code == CheckFailed.exit_code == 1


def test_every_failing_output_is_named() -> None:
    with pytest.raises(ParityError) as caught:
        compared({name: value * np.float32(0.9) for name, value in outputs().items()})
    assert all(tensor.name in str(caught.value) for tensor in CONTRACTS)


def test_the_bound_is_a_bound() -> None:
    """An error of a thousandth is 60 dB: a little less passes, a little more does not."""
    reference = {"tryon": np.zeros((1, 3, 4, 4), np.float32)}
    [figure] = compared({"tryon": np.full((1, 3, 4, 4), 0.00099, np.float32)}, reference, CONTRACTS[:1])
    assert figure.psnr_db is not None and 60.0 < figure.psnr_db < 60.2
    with pytest.raises(ParityError, match=r"59\.9 dB"):
        compared({"tryon": np.full((1, 3, 4, 4), 0.00101, np.float32)}, reference, CONTRACTS[:1])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", ["artifact", "network"])
def test_values_that_are_not_finite_fail(value: float, side: str) -> None:
    """On either side: no figure can be made of them."""
    damaged = outputs()
    damaged["flow"][0, 1, 2, 3] = value
    with pytest.raises(ParityError, match="flow"):
        compared(damaged) if side == "artifact" else compared(outputs(), damaged)


def test_values_that_are_not_finite_on_both_sides_fail() -> None:
    damaged = outputs()
    damaged["flow"][:] = math.nan
    with pytest.raises(ParityError, match="flow"):
        compared(damaged, damaged)


@pytest.mark.parametrize("side", ["artifact", "network"])
def test_missing_output_fails(side: str) -> None:
    less = outputs()
    del less["flow"]
    with pytest.raises(ParityError, match="tryon_fp32.onnx gives" if side == "artifact" else "reference gives"):
        compared(less) if side == "artifact" else compared(outputs(), less)


def test_extra_output_fails() -> None:
    more = {**outputs(), "rendered": outputs()["tryon"]}
    with pytest.raises(ParityError, match="rendered"):
        compared(more)


@pytest.mark.parametrize("shape", [(1, 2, 4, 1), (2, 4, 4), (1, 4, 4, 2), (1, 2, 8, 8)])
def test_wrong_shape_fails(shape: tuple[int, ...]) -> None:
    candidate = outputs()
    candidate["flow"] = np.zeros(shape, np.float32)
    with pytest.raises(ParityError, match="flow as"):
        compared(candidate)


def test_bounds() -> None:
    assert BOUNDS_DB == {
        Precision.FP32: 60.0,
        Precision.FP16: 40.0,
        Precision.PALETTE6: 25.0,
        Precision.W8: 25.0,
        Precision.INT8: 20.0,
    }


def test_another_sampling_convention_fails_and_a_lowered_network_passes(small_network: TryOnNetwork) -> None:
    """The same weights: half a pixel of difference shows, another variant of the same function does not."""
    inputs, reference = example_pair(SMALL), TorchSession(small_network, Component.WHOLE, SMALL)
    expected, contracts = reference.run(inputs), reference.contract.outputs
    for variant in (LoweringVariant.NATIVE_SAMPLER, LoweringVariant.DELEGATED_ROW_GATHER):
        lowered = lower(small_network, variant)
        figures = compared(TorchSession(lowered, Component.WHOLE, SMALL).run(inputs), expected, contracts)
        assert len(figures) == 4
    other = seeded_network(small_network.config.name, align_corners=not small_network.config.align_corners)
    with pytest.raises(ParityError, match="tryon .* dB"):
        compared(TorchSession(other, Component.WHOLE, SMALL).run(inputs), expected, contracts)
