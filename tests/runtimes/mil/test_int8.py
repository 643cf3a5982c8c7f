"""The evaluator's eight-bit operations and compressed constants, against numpy alone."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from dmvton_mobile.runtimes.mil.evaluator import MilProgram
from dmvton_mobile.runtimes.mil.layout import dequantize, quantize
from dmvton_mobile.runtimes.mil.operations import Unsupported

ct = pytest.importorskip("coremltools")
mb = ct.converters.mil.Builder

LIMITS = {"int8": (-128, 127), "uint8": (0, 255)}
Array = np.ndarray


def evaluated(build: Callable[..., object], x: Array, path: Path) -> Array:
    """The output of a program for iOS 17 that `build` writes from one input, saved as written and read back."""
    program = mb.program(input_specs=[mb.TensorSpec(shape=x.shape)], opset_version=ct.target.iOS17)(build)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS17,
        compute_precision=ct.precision.FLOAT32,
        pass_pipeline=ct.PassPipeline.EMPTY,
        skip_model_load=True,
    )
    model.save(str(path))
    read_back = MilProgram(path)
    outputs = read_back.run({read_back.input_names[0]: x})
    return outputs[read_back.output_names[0]]


def values(*shape: int, seed: int = 0, reach: float = 200.0) -> Array:
    return np.random.default_rng(seed).uniform(-reach, reach, shape).astype(np.float32)


def steps_of(x: Array, scale: Array | float, zero_point: Array | int, dtype: str) -> Array:
    """clip(round(x / scale) + zero_point), as the documentation has it; np.rint takes a half to the even neighbour."""
    return np.clip(np.rint(x / np.float32(scale)) + zero_point, *LIMITS[dtype]).astype(np.float32)


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("zero_point", [None, 7])
def test_quantize(dtype: str, zero_point: int | None, tmp_path: Path) -> None:
    """Saturated at both ends."""
    x = np.append(values(500), [0.5, 1.5, 1e9, -1e9]).astype(np.float32)

    def build(x: object) -> object:
        given = None if zero_point is None else np.array(zero_point, dtype)[()]
        steps = mb.quantize(input=x, scale=np.float32(1), zero_point=given, output_dtype=dtype)
        return mb.dequantize(input=steps, scale=np.float32(1))

    result = evaluated(build, x, tmp_path / "m.mlpackage")
    np.testing.assert_array_equal(result, steps_of(x, 1, zero_point or 0, dtype))
    assert {result.min(), result.max()} == set(LIMITS[dtype])


def test_halves_go_to_the_even_neighbour(tmp_path: Path) -> None:
    def build(x: object) -> object:
        return mb.dequantize(input=mb.quantize(input=x, scale=np.float32(1), output_dtype="int8"), scale=np.float32(1))

    x = np.array([0.5, 1.5, 2.5, -0.5, -1.5, -2.5], np.float32)
    assert list(evaluated(build, x, tmp_path / "m.mlpackage")) == [0, 2, 2, 0, -2, -2]


@pytest.mark.parametrize("axis", [1, -3, 0])
def test_scales_along_an_axis(axis: int, tmp_path: Path) -> None:
    x = values(2, 3, 4, 5)
    count = x.shape[axis]
    scale = np.linspace(0.3, 2.1, count).astype(np.float32)
    zero_point = np.arange(-count, count, 2).astype(np.int8)
    other = scale[::-1].copy()

    def build(x: object) -> object:
        steps = mb.quantize(input=x, scale=scale, zero_point=zero_point, output_dtype="int8", axis=axis)
        return mb.dequantize(input=steps, scale=other, zero_point=zero_point[::-1].copy(), axis=axis)

    shape = [1, 1, 1, 1]
    shape[axis] = count
    steps = steps_of(x, scale.reshape(shape), zero_point.reshape(shape), "int8")
    expected = (steps - zero_point[::-1].reshape(shape).astype(np.float32)) * other.reshape(shape)
    np.testing.assert_array_equal(evaluated(build, x, tmp_path / "m.mlpackage"), expected)


def test_a_difference_beyond_eight_bits(tmp_path: Path) -> None:
    """127 - (-128) is 255, not -1."""

    def build(x: object) -> object:
        steps = mb.quantize(input=x, scale=np.float32(1), output_dtype="int8")
        return mb.dequantize(input=steps, scale=np.float32(0.5), zero_point=np.int8(-128))

    assert list(evaluated(build, np.array([200.0], np.float32), tmp_path / "m.mlpackage")) == [127.5]


def test_integers_pass_through_a_reshape(tmp_path: Path) -> None:
    x = values(2, 6)

    def build(x: object) -> object:
        steps = mb.reshape(x=mb.quantize(input=x, scale=np.float32(2), output_dtype="uint8"), shape=[3, 4])
        return mb.dequantize(input=steps, scale=np.float32(2))

    expected = steps_of(x, 2, 0, "uint8").reshape(3, 4) * 2
    np.testing.assert_array_equal(evaluated(build, x, tmp_path / "m.mlpackage"), expected)


# Constants


@pytest.mark.parametrize("dtype", LIMITS)
@pytest.mark.parametrize("axis", [0, 1])
def test_integer_weights(dtype: str, axis: int, tmp_path: Path) -> None:
    """constexpr_affine_dequantize: scale * (integer - zero point), along the outputs of either convolution."""
    random = np.random.default_rng(1)
    weight: Array = random.integers(*LIMITS[dtype], (3, 4, 1, 1), dtype, endpoint=True)
    scale = random.uniform(0.1, 1, (weight.shape[axis],)).astype(np.float32)
    zero_point = random.integers(*LIMITS[dtype], len(scale), dtype)

    def build(x: object) -> object:
        dense = mb.constexpr_affine_dequantize(
            quantized_data=weight, scale=scale, zero_point=zero_point, axis=np.int32(axis)
        )
        return mb.add(x=x, y=dense)

    shape = [-1, 1, 1, 1] if axis == 0 else [1, -1, 1, 1]
    expected = (weight.astype(np.float32) - zero_point.reshape(shape)) * scale.reshape(shape)
    x = np.zeros(weight.shape, np.float32)
    np.testing.assert_array_equal(evaluated(build, x, tmp_path / "m.mlpackage"), expected)


def test_a_palette_of_64(tmp_path: Path) -> None:
    """constexpr_lut_to_dense: six bits a weight, the lowest first, across the borders of bytes."""
    random = np.random.default_rng(2)
    table = random.normal(size=64).astype(np.float32)
    indices = random.integers(0, 64, (5, 7))
    bits = (indices.reshape(-1, 1) >> np.arange(6)) & 1
    packed = np.packbits(bits.astype(np.uint8).reshape(-1), bitorder="little")

    def build(x: object) -> object:
        dense = mb.constexpr_lut_to_dense(indices=packed, lut=table, shape=np.array([5, 7], np.uint32))
        return mb.add(x=x, y=dense)

    result = evaluated(build, np.zeros((5, 7), np.float32), tmp_path / "m.mlpackage")
    np.testing.assert_array_equal(result, table[indices])


# What eight-bit graphs lean on


@pytest.mark.parametrize("align_corners", [True, False])
def test_bilinear_is_torchs_to_the_last_bit(align_corners: bool, tmp_path: Path) -> None:
    """Between eight-bit values one result in sixteen lies halfway between two steps."""
    x = np.random.default_rng(3).integers(-128, 128, (1, 3, 8, 6)).astype(np.float32) * np.float32(0.0371)

    def build(x: object) -> object:
        return mb.upsample_bilinear(
            x=x, scale_factor_height=2, scale_factor_width=2,
            align_corners=align_corners, half_pixel_centers=not align_corners,
        )  # fmt: skip

    expected = F.interpolate(torch.from_numpy(x), scale_factor=2, mode="bilinear", align_corners=align_corners)
    np.testing.assert_array_equal(evaluated(build, x, tmp_path / "m.mlpackage"), expected.numpy())


# Undefined forms


@pytest.mark.parametrize("axis", [None, 1])
def test_scales_that_do_not_fit_are_refused(axis: int | None) -> None:
    x = torch.zeros(1, 3)
    with pytest.raises(Unsupported, match="2 scales or zero points along axis"):
        quantize(x, None, torch.tensor([1.0, 2.0]), "int8", axis)
    with pytest.raises(Unsupported, match="2 scales or zero points along axis"):
        dequantize(x.to(torch.int8), torch.tensor([1, 2], dtype=torch.int8), torch.tensor(1.0), axis)
