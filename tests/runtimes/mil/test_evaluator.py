"""The evaluator of saved Core ML programs: every operation against torch, and every way a package can be wrong."""

import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from PIL import Image
from torch import Tensor, nn

from dmvton_mobile.contract import Component, ComponentContract, Layout, tensor_contract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.runtimes import coreml
from dmvton_mobile.runtimes.coreml import CoreMLSession
from dmvton_mobile.runtimes.mil.evaluator import OPERATIONS, MilProgram, UnknownOperation

ct = pytest.importorskip("coremltools")
mb = ct.converters.mil.Builder

TOLERANCE = 1e-5
FLOAT_OUTPUT = {"outputs": [ct.TensorType(name="y", dtype=np.float32)]}  # an fp16 program gives fp16 otherwise
WEIGHTS = Path("Data/com.apple.CoreML/weights/weight.bin")


def random(*shape: int, seed: int = 0, low: float = -1.0, high: float = 1.0) -> Tensor:
    return torch.empty(shape).uniform_(low, high, generator=torch.Generator().manual_seed(seed))


class Calls(nn.Module):
    def __init__(self, function: Callable[..., Tensor]):
        super().__init__()
        self.function = function

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs)


def save(module: nn.Module, inputs: tuple[Tensor, ...], path: Path, half: bool = False, **options: object) -> Path:
    """Converts the module and saves it at path."""
    options.setdefault("minimum_deployment_target", ct.target.iOS16)
    precision = ct.precision.FLOAT16 if half else ct.precision.FLOAT32
    program = torch.export.export(module.eval(), inputs).run_decompositions({})
    model = ct.convert(program, convert_to="mlprogram", compute_precision=precision, skip_model_load=True, **options)
    model.save(str(path))
    return path


def save_program(
    build: Callable[..., object], shapes: list[tuple[int, ...]], path: Path, dtype: type = np.float32
) -> Path:
    """Saves a program that `build` writes with the MIL builder from inputs of those shapes."""
    types = ct.converters.mil.mil.types
    specs = [mb.TensorSpec(shape=shape, dtype=types.numpy_type_to_builtin_type(dtype)) for shape in shapes]
    program = mb.program(input_specs=specs, opset_version=ct.target.iOS16)(build)
    model = ct.convert(
        program,
        convert_to="mlprogram",
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        pass_pipeline=ct.PassPipeline.EMPTY,  # the operations as written
        skip_model_load=True,
    )
    model.save(str(path))
    return path


def evaluate(path: Path, *inputs: Tensor) -> Tensor:
    """The first output."""
    program = MilProgram(path)
    outputs = program.run({name: value.numpy() for name, value in zip(program.input_names, inputs, strict=True)})
    return torch.from_numpy(outputs[program.output_names[0]])


def assert_equal(actual: Tensor, expected: Tensor) -> None:
    assert actual.shape == expected.shape
    assert (actual - expected).abs().max() < TOLERANCE


picture = random(1, 4, 6, 8)
other = random(1, 4, 6, 8, seed=1)
wide_grid = random(1, 5, 7, 2, seed=2, low=-1.6, high=1.6)  # also beyond every border


def sampled(mode: str, padding: str, align_corners: bool) -> Callable[[Tensor, Tensor], Tensor]:
    return lambda x, grid: F.grid_sample(x, grid, mode, padding, align_corners)


def resized(mode: str, align_corners: bool | None = None, **size: object) -> Callable[[Tensor], Tensor]:
    return lambda x: F.interpolate(x, mode=mode, align_corners=align_corners, **size)  # type: ignore[arg-type]


FUNCTIONS: dict[str, tuple[Callable[..., Tensor], tuple[Tensor, ...], str]] = {
    # name: (function, inputs, an operation that must be in the program)
    **{
        f"sample {padding} align={align}": (sampled("bilinear", padding, align), (picture, wide_grid), "resample")
        for padding in ("zeros", "border", "reflection")
        for align in (True, False)
    },
    "sample nearest": (sampled("nearest", "border", True), (picture, wide_grid), "resample"),
    "bilinear x2": (resized("bilinear", False, scale_factor=2), (picture,), "upsample_bilinear"),
    "bilinear x2 aligned": (resized("bilinear", True, scale_factor=2), (picture,), "upsample_bilinear"),
    "bilinear half": (resized("bilinear", False, scale_factor=0.5), (picture,), "upsample_bilinear"),
    "bilinear to a size": (resized("bilinear", False, size=(9, 5)), (picture,), "upsample_bilinear"),
    "nearest x2": (resized("nearest", scale_factor=2), (picture,), "upsample_nearest_neighbor"),
    "pad constant": (lambda x: F.pad(x, (1, 2, 3, 0), value=0.5), (picture,), "pad"),
    "pad reflect": (lambda x: F.pad(x, (1, 2, 3, 0), mode="reflect"), (picture,), "pad"),
    "pad replicate": (lambda x: F.pad(x, (1, 2, 3, 0), mode="replicate"), (picture,), "pad"),
    "global mean": (lambda x: F.adaptive_avg_pool2d(x, 1), (picture,), "reduce_mean"),
    "mean over channels": (lambda x: x.mean(1, keepdim=True), (picture,), "reduce_mean"),
    "sum": (lambda x: x.sum((2, 3)), (picture,), "reduce_sum"),
    "max": (lambda x: x.amax(1), (picture,), "reduce_max"),
    "average pool": (lambda x: F.avg_pool2d(x, 3, 2, 1), (picture,), "avg_pool"),
    "average pool, padding not counted": (
        lambda x: F.avg_pool2d(x, 3, 2, 1, count_include_pad=False), (picture,), "avg_pool",
    ),
    "max pool": (lambda x: F.max_pool2d(x, 3, 2, 1), (picture,), "max_pool"),
    "arithmetic": (lambda x, y: (x + y) * x - y / (x.abs() + 2), (picture, other), "real_div"),
    "maximum, minimum": (lambda x, y: torch.maximum(x, y) * torch.minimum(x, y * 0.5), (picture, other), "maximum"),
    "comparison and choice": (lambda x, y: torch.where(x > y, x, y * 2), (picture, other), "select"),
    "a mask": (lambda x: (x > 0.5).to(torch.float32), (picture,), "greater"),
    "relu6": (lambda x: F.relu6(x * 10), (picture,), "relu6"),
    "clamp": (lambda x: x.clamp(-0.25, 0.5), (picture,), "clip"),
    "leaky relu": (lambda x: F.leaky_relu(x, 0.1), (picture,), "leaky_relu"),
    "relu": (torch.relu, (picture,), "relu"),
    "sigmoid and tanh": (lambda x: torch.sigmoid(x) + torch.tanh(x), (picture,), "sigmoid"),
    "softmax": (lambda x: torch.softmax(x, 1), (picture,), "softmax"),
    "exp": (torch.exp, (picture,), "exp"),
    "square root": (lambda x: torch.sqrt(x + 2), (picture,), "sqrt"),
    "reciprocal square root": (lambda x: torch.rsqrt(x + 2), (picture,), "rsqrt"),
    "floor": (lambda x: torch.floor(x * 3), (picture,), "floor"),
    "ceil": (lambda x: torch.ceil(x * 3), (picture,), "ceil"),
    "round": (lambda x: torch.round(x * 3), (picture,), "round"),
    "sign": (torch.sign, (picture,), "sign"),
    "floor division": (lambda x, y: torch.div(x * 9, y + 2, rounding_mode="floor"), (picture, other), "floor_div"),
    "concatenate": (lambda x, y: torch.cat([x, y], 1), (picture, other), "concat"),
    "stack": (lambda x, y: torch.stack([x, y], 2), (picture, other), "stack"),
    "split": (lambda x: torch.mul(*x.split(2, 1)), (picture,), "split"),
    "split unevenly": (lambda x: x.split([1, 3], 1)[1] * 2, (picture,), "split"),
    "slice": (lambda x: x[:, 1:3, ::2, -3:], (picture,), "slice_by_index"),
    "index": (lambda x: x[:, 2] * 2, (picture,), "slice_by_index"),
    "reshape and permute": (lambda x: x.reshape(1, 2, 2, 48).permute(0, 3, 1, 2), (picture,), "transpose"),
    "squeeze and unsqueeze": (lambda x: (x.squeeze(0) * 2)[:, None, :, None], (picture,), "squeeze"),
    "repeat": (lambda x: x.repeat(1, 2, 1, 3), (picture,), "tile"),
    "pixel shuffle": (lambda x: F.pixel_shuffle(x, 2), (picture,), "pixel_shuffle"),
    "matmul": (lambda x, y: x @ y.transpose(2, 3), (picture, other), "matmul"),
    "gather": (lambda x: x[:, :, torch.tensor([4, 0, 0])], (picture,), "gather"),
    "gather along an axis": (
        lambda x, y: torch.gather(x, 3, (y.abs() * 7.99).to(torch.int64)), (picture, other), "gather_along_axis",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FUNCTIONS)
def test_function(name: str, tmp_path: Path) -> None:
    function, inputs, operation = FUNCTIONS[name]
    path = save(Calls(function), inputs, tmp_path / "m.mlpackage")
    assert operation in MilProgram(path).operation_types
    assert_equal(evaluate(path, *inputs), function(*inputs))


MODULES: dict[str, tuple[Callable[[], nn.Module], Tensor, str]] = {
    "convolution": (lambda: nn.Conv2d(4, 6, 3, padding=1), picture, "conv"),
    "convolution, grouped, strided, dilated": (
        lambda: nn.Conv2d(4, 8, 3, stride=2, padding=2, dilation=2, groups=4), picture, "conv",
    ),
    "convolution, same": (lambda: nn.Conv2d(4, 6, 4, padding="same", bias=False), picture, "conv"),
    "convolution, 1-D": (lambda: nn.Conv1d(6, 2, 3, padding=1), picture[0], "conv"),
    "transposed convolution": (lambda: nn.ConvTranspose2d(4, 6, 4, 2, 1), picture, "conv_transpose"),
    "transposed convolution, longer": (
        lambda: nn.ConvTranspose2d(4, 6, 3, 2, 1, output_padding=1, groups=2), picture, "conv_transpose",
    ),
    "linear": (lambda: nn.Linear(8, 5), picture, "linear"),
    "batch norm": (lambda: nn.BatchNorm2d(4), picture, "batch_norm"),
    "instance norm": (lambda: nn.InstanceNorm2d(4, affine=True), picture, "instance_norm"),
    "layer norm": (lambda: nn.LayerNorm([6, 8]), picture, "layer_norm"),
}  # fmt: skip


@pytest.mark.parametrize("name", MODULES)
def test_module(name: str, tmp_path: Path) -> None:
    make, x, operation = MODULES[name]
    torch.manual_seed(0)
    module = make().eval()
    for key, value in module.state_dict().items():
        if value.is_floating_point() and value.dim() == 1:
            value.uniform_(0.5, 1.5) if "var" in key else value.uniform_(-1, 1)
    path = save(module, (x,), tmp_path / "m.mlpackage")
    assert operation in MilProgram(path).operation_types
    assert_equal(evaluate(path, x), module(x).detach())


def test_modulated_convolution(tmp_path: Path) -> None:
    """The weight may come out of the graph."""
    weight = random(3, 4, 3, 3, seed=3)
    path = save(Calls(lambda x, w: F.conv2d(x, w * 2)), (picture, weight), tmp_path / "m.mlpackage")
    assert_equal(evaluate(path, picture, weight), F.conv2d(picture, weight * 2))


def test_reciprocal_carries_the_converters_epsilon(tmp_path: Path) -> None:
    """coremltools writes torch's reciprocal as 1 / (x + 1e-4). Core ML computes that, so the evaluator must show it."""
    x = random(1, 4, 6, 8, low=1, high=5)
    path = save(Calls(torch.reciprocal), (x,), tmp_path / "m.mlpackage")
    assert_equal(evaluate(path, x), 1 / (x + 1e-4))


@pytest.mark.parametrize("target", ["iOS15", "iOS17", "iOS18"])
def test_other_deployment_targets(target: str, tmp_path: Path) -> None:
    """Their operations differ in inputs and types: fp32 coordinates, half_pixel_centers, 16-bit indices, fp32 alpha."""

    def compute(x: Tensor, grid: Tensor) -> Tensor:
        x = F.leaky_relu(F.grid_sample(x, grid, padding_mode="border", align_corners=True), 0.1)
        return F.interpolate(x, scale_factor=2, mode="bilinear", align_corners=False)[:, torch.tensor([3, 0, 1])]

    target = ct.target[target]
    exact = save(Calls(compute), (picture, wide_grid), tmp_path / "m.mlpackage", minimum_deployment_target=target)
    assert_equal(evaluate(exact, picture, wide_grid), compute(picture, wide_grid))
    half = save(
        Calls(compute),
        (picture, wide_grid),
        tmp_path / "h.mlpackage",
        half=True,
        minimum_deployment_target=target,
        **FLOAT_OUTPUT,
    )
    assert 0 < (evaluate(half, picture, wide_grid) - compute(picture, wide_grid)).abs().max() < 1e-2


# What torch does not lower to, written with the MIL builder


def resize(mode: str, width: int) -> Callable[..., object]:
    return lambda x: mb.resize_bilinear(x=x, target_size_height=1, target_size_width=width, sampling_mode=mode)


def test_sampling_modes_of_the_documentation(tmp_path: Path) -> None:
    """The examples that the documentation of resize_bilinear gives for an axis of two pixels, 0 and 1."""
    examples = {
        ("UNALIGN_CORNERS", 5): [0.0, 0.1, 0.5, 0.9, 1.0],
        ("STRICT_ALIGN_CORNERS", 5): [0.0, 0.25, 0.5, 0.75, 1.0],
        ("DEFAULT", 5): [0.0, 0.4, 0.8, 1.0, 1.0],
        ("OFFSET_CORNERS", 5): [0.1, 0.3, 0.5, 0.7, 0.9],
        ("ALIGN_CORNERS", 1): [0.5],
    }
    x = torch.tensor([[[[0.0, 1.0]]]])
    for number, ((mode, width), expected) in enumerate(examples.items()):
        path = save_program(resize(mode, width), [(1, 1, 1, 2)], tmp_path / f"{number}.mlpackage")
        result = evaluate(path, x)
        assert_equal(result, torch.tensor([[[expected]]]))


def resample(mode: str, align_corners: bool = True, value: float = 0.0) -> Callable[..., object]:
    return lambda x, grid: mb.resample(
        x=x, coordinates=grid, sampling_mode="bilinear", padding_mode="constant", padding_value=np.float32(value),
        coordinates_mode=mode, align_corners=align_corners,
    )  # fmt: skip


def test_coordinate_modes(tmp_path: Path) -> None:
    expected = F.grid_sample(picture, wide_grid, align_corners=True)
    shapes = [tuple(picture.shape), tuple(wide_grid.shape)]
    unit = save_program(resample("normalized_zero_to_one"), shapes, tmp_path / "unit.mlpackage")
    assert_equal(evaluate(unit, picture, (wide_grid + 1) / 2), expected)
    pixels = save_program(resample("unnormalized"), shapes, tmp_path / "pixels.mlpackage")
    assert_equal(evaluate(pixels, picture, (wide_grid + 1) / 2 * torch.tensor([7.0, 5.0])), expected)


def test_padding_value(tmp_path: Path) -> None:
    path = save_program(
        resample("normalized_minus_one_to_one", value=3.0),
        [tuple(picture.shape), tuple(wide_grid.shape)],
        tmp_path / "m.mlpackage",
    )
    assert_equal(evaluate(path, picture, wide_grid), F.grid_sample(picture - 3, wide_grid, align_corners=True) + 3)


def test_undefined_form_is_refused(tmp_path: Path) -> None:
    path = save_program(
        resample("unnormalized", align_corners=False),
        [tuple(picture.shape), tuple(wide_grid.shape)],
        tmp_path / "m.mlpackage",
    )
    with pytest.raises(DmvtonError, match="m.mlpackage: operation resample .* without align_corners"):
        evaluate(path, picture, wide_grid)


def test_shape_operations(tmp_path: Path) -> None:
    def build(x: object) -> object:
        x = mb.slice_by_size(x=x, begin=[0, 1, 0, 2], size=[-1, 2, 3, -1])
        x = mb.reshape(x=x, shape=[0, 0, -1, 9])
        x = mb.concat(values=[x, mb.fill_like(ref_tensor=x, value=np.float32(2))], axis=1, interleave=True)
        return mb.identity(x=mb.relu6(x=mb.square(x=x)))

    x = random(1, 4, 6, 8, low=-4, high=4)
    cut = x[:, 1:3, :3, 2:].reshape(1, 2, -1, 9)
    expected = torch.stack([cut, torch.full_like(cut, 2)], 2).flatten(1, 2).square().clamp(0, 6)
    assert_equal(evaluate(save_program(build, [(1, 4, 6, 8)], tmp_path / "m.mlpackage"), x), expected)


def test_batched_gather(tmp_path: Path) -> None:
    indices = np.array([[0, 2], [-1, 1]], dtype=np.int32)
    path = save_program(
        lambda x: mb.gather(x=x, indices=indices, axis=2, batch_dims=1), [(2, 3, 4)], tmp_path / "m.mlpackage"
    )
    x = random(2, 3, 4)
    assert_equal(evaluate(path, x), torch.stack([x[0][:, [0, 2]], x[1][:, [3, 1]]]))


def test_einsum(tmp_path: Path) -> None:
    path = save_program(
        lambda x, y: mb.einsum(values=(x, y), equation="nchw,nwhu->nchu"),
        [(1, 2, 3, 4), (1, 4, 3, 5)],
        tmp_path / "m.mlpackage",
    )
    x, y = random(1, 2, 3, 4), random(1, 4, 3, 5, seed=1)
    assert_equal(evaluate(path, x, y), torch.einsum("nchw,nwhu->nchu", x, y))


# Precision


class Convolution(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(random(8, 4, 3, 3, seed=4))

    def forward(self, x: Tensor) -> Tensor:
        return F.conv2d(x, self.weight)


def halved(x: Tensor) -> Tensor:
    return x.to(torch.float16).to(torch.float32)


def test_half_precision_rounds_inputs_weights_and_result_once(tmp_path: Path) -> None:
    module = Convolution()
    result = evaluate(save(module, (picture,), tmp_path / "m.mlpackage", half=True, **FLOAT_OUTPUT), picture)
    exact = module(picture).detach()
    assert torch.equal(result, halved(F.conv2d(halved(picture), halved(module.weight.detach()))))
    assert 0 < (result - exact).abs().max() < 1e-2


def test_half_precision_rounds_after_every_operation(tmp_path: Path) -> None:
    path = save(Calls(lambda x, y: x * y + x), (picture, other), tmp_path / "m.mlpackage", half=True, **FLOAT_OUTPUT)
    x, y = halved(picture), halved(other)
    assert torch.equal(evaluate(path, picture, other), halved(halved(x * y) + x))


def test_half_precision_overflows(tmp_path: Path) -> None:
    path = save(Calls(lambda x: x * 300 * x - x), (picture,), tmp_path / "m.mlpackage", half=True, **FLOAT_OUTPUT)
    assert evaluate(path, torch.full_like(picture, 300.0)).isinf().all()


def test_output_has_the_declared_type(tmp_path: Path) -> None:
    half = [ct.TensorType(name="y", dtype=np.float16)]
    path = save(Calls(lambda x: x * 2), (picture,), tmp_path / "m.mlpackage", half=True, outputs=half)
    assert evaluate(path, picture).dtype == torch.float16


@pytest.mark.parametrize("scheme", ["linear", "linear per block", "palette"])
def test_compressed_weights(scheme: str, tmp_path: Path) -> None:
    compress = ct.optimize.coreml
    module = nn.Conv2d(32, 64, 3, bias=False)
    x = random(1, 32, 6, 8)
    target = ct.target.iOS18 if scheme == "linear per block" else ct.target.iOS16
    plain = save(module, (x,), tmp_path / "plain.mlpackage", minimum_deployment_target=target)
    model = ct.models.MLModel(str(plain), skip_model_load=True)
    if scheme == "palette":
        setting = compress.OptimizationConfig(compress.OpPalettizerConfig(nbits=4, mode="uniform", weight_threshold=0))
        model = compress.palettize_weights(model, setting)
    else:
        granularity = {"granularity": "per_block", "block_size": 16} if scheme == "linear per block" else {}
        setting = compress.OptimizationConfig(
            compress.OpLinearQuantizerConfig(mode="linear_symmetric", weight_threshold=0, **granularity)
        )
        model = compress.linear_quantize_weights(model, setting)
    small = tmp_path / "small.mlpackage"
    model.save(str(small))
    assert (small / WEIGHTS).stat().st_size < 0.4 * (plain / WEIGHTS).stat().st_size
    expected = module(x).detach()
    error = (evaluate(small, x) - expected).abs().max()
    assert 0 < error < (0.2 if scheme == "palette" else 0.02) * expected.abs().max()


# Wrong packages


@pytest.fixture
def convolution(tmp_path: Path) -> Path:
    return save(Convolution(), (picture,), tmp_path / "convolution.mlpackage")


def test_unknown_operation_is_named_before_anything_runs(tmp_path: Path) -> None:
    path = save(Calls(lambda x: torch.cumsum(x, 1)), (picture,), tmp_path / "sums.mlpackage")
    assert "cumsum" not in OPERATIONS
    with pytest.raises(UnknownOperation, match=r"sums\.mlpackage.*'cumsum'"):
        MilProgram(path)


def test_a_changed_weight_changes_the_result(convolution: Path) -> None:
    before = evaluate(convolution, picture)
    weights = Convolution().weight.detach().numpy()
    changed = weights.copy()
    changed[5, 2, 1, 1] += 0.25
    data = (convolution / WEIGHTS).read_bytes()
    assert data.count(weights.tobytes()) == 1
    (convolution / WEIGHTS).write_bytes(data.replace(weights.tobytes(), changed.tobytes()))
    difference = (evaluate(convolution, picture) - before).abs().amax((0, 2, 3))
    assert difference[5] > 0.1
    assert difference.count_nonzero() == 1


def test_truncated_weights(convolution: Path) -> None:
    os.truncate(convolution / WEIGHTS, (convolution / WEIGHTS).stat().st_size // 2)
    with pytest.raises(DmvtonError, match=r"weight\.bin of convolution\.mlpackage"):
        MilProgram(convolution)


def test_missing_weights(convolution: Path) -> None:
    (convolution / WEIGHTS).unlink()
    with pytest.raises(DmvtonError, match=r"weight\.bin of convolution\.mlpackage"):
        MilProgram(convolution)


@pytest.mark.parametrize(
    "part", ["Manifest.json", "Data/com.apple.CoreML/model.mlmodel", "Data/com.apple.CoreML/weights"]
)
def test_missing_part(part: str, convolution: Path) -> None:
    held = convolution / part
    shutil.rmtree(held) if held.is_dir() else held.unlink()
    with pytest.raises(DmvtonError, match=r"convolution\.mlpackage"):
        MilProgram(convolution)


@pytest.mark.parametrize("length", [0, 300])
def test_truncated_program(length: int, convolution: Path) -> None:
    os.truncate(convolution / "Data/com.apple.CoreML/model.mlmodel", length)
    with pytest.raises(DmvtonError, match=r"convolution\.mlpackage"):
        MilProgram(convolution)


def test_no_package(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match=r"no Core ML package at .*nowhere\.mlpackage"):
        MilProgram(tmp_path / "nowhere.mlpackage")


def test_wrong_inputs(convolution: Path) -> None:
    program = MilProgram(convolution)
    (name,) = program.input_names
    with pytest.raises(DmvtonError, match=f"needs the input '{name}'; given: garment"):
        program.run({"garment": picture.numpy()})
    with pytest.raises(DmvtonError, match=r"takes .* as \(1, 4, 6, 8\); this one is \(1, 4, 8, 6\)"):
        program.run({name: picture.mT.numpy()})


# The session


def contract(inputs: list[str], outputs: list[str]) -> ComponentContract:
    def tensors(names: list[str]) -> tuple:
        return tuple(
            tensor_contract(name, Layout.NCHW, (1, 1 if name in ("garment_mask", "composition") else 3, 64, 96))
            for name in names
        )

    return ComponentContract(component=Component.WHOLE, inputs=tensors(inputs), outputs=tensors(outputs))


class Blend(nn.Module):
    """Stands in for a network: each input counts differently, so that a mix-up shows."""

    scale = 1.0  # of what goes out

    def forward(self, person: Tensor, garment_mask: Tensor) -> tuple[Tensor, Tensor]:
        mask = (garment_mask > 0.5).to(person.dtype)
        weights = torch.tensor([1.0, 0.5, 0.25]).view(1, 3, 1, 1)
        return (person * weights * (1 - 0.5 * mask)) * self.scale, (mask * 0.25 + person[:, :1] * 0.5) * self.scale


class PictureBlend(Blend):
    scale = 255.0  # an image output is 0 to 255


person, mask = random(1, 3, 64, 96, low=0), random(1, 1, 64, 96, seed=5, low=0)


@pytest.mark.skipif(sys.platform == "darwin", reason="there the session is Core ML itself")
def test_session(tmp_path: Path) -> None:
    outputs = [ct.TensorType(name="tryon"), ct.TensorType(name="composition")]
    path = save(Blend(), (person, mask), tmp_path / "m.mlpackage", outputs=outputs)
    session = CoreMLSession(path, contract(["person", "garment_mask"], ["tryon", "composition"]))
    assert session.evaluator == "MIL evaluator"
    results = session.run({"garment_mask": mask.numpy(), "person": person.numpy()})
    for name, expected in zip(["tryon", "composition"], Blend()(person, mask)):
        assert_equal(torch.from_numpy(results[name]), expected)


def save_pictures(path: Path, layout: str = "RGB") -> Path:
    """Blend with images in and out."""
    traced = torch.jit.trace(PictureBlend(), (person, mask))
    colour, grey = ct.colorlayout[layout], ct.colorlayout.GRAYSCALE
    model = ct.convert(
        traced,
        convert_to="mlprogram",
        inputs=[
            ct.ImageType(name="person", shape=person.shape, scale=1 / 255, color_layout=colour),
            ct.ImageType(name="garment_mask", shape=mask.shape, scale=1 / 255, color_layout=grey),
        ],
        outputs=[ct.ImageType(name="tryon", color_layout=colour), ct.ImageType(name="composition", color_layout=grey)],
        minimum_deployment_target=ct.target.iOS16,
        compute_precision=ct.precision.FLOAT32,
        skip_model_load=True,
    )
    model.save(str(path))
    return path


def test_image_inputs_are_0_to_255_with_the_scale_inside(tmp_path: Path) -> None:
    program = MilProgram(save_pictures(tmp_path / "m.mlpackage"))
    results = program.run({"person": (person * 255).numpy(), "garment_mask": (mask * 255).numpy()})
    for name, expected in zip(["tryon", "composition"], PictureBlend()(person, mask)):
        assert (torch.from_numpy(results[name]) - expected).abs().max() < 255 * TOLERANCE


@pytest.mark.parametrize("extra", [0.0, 0.3])
def test_image_session_speaks_0_to_1_in_whole_steps(extra: float, tmp_path: Path) -> None:
    session = CoreMLSession(
        save_pictures(tmp_path / "m.mlpackage"), contract(["person", "garment_mask"], ["tryon", "composition"])
    )
    steps = (person * 255).round(), (mask * 255).round()
    results = session.run({"person": ((steps[0] + extra) / 255).numpy(), "garment_mask": (steps[1] / 255).numpy()})
    for name, expected in zip(["tryon", "composition"], Blend()(steps[0] / 255, steps[1] / 255)):
        assert (torch.from_numpy(results[name]) - expected).abs().max() <= 0.5 / 255 + TOLERANCE
        assert np.abs(results[name] * 255 - np.rint(results[name] * 255)).max() < 1e-4


class StandsInForCoreML:
    """Core ML exists on macOS only. This takes and gives pictures as it does, and computes with the evaluator."""

    def __init__(self, path: Path):
        self.program = MilProgram(path)

    def get_spec(self) -> object:
        return ct.models.MLModel(str(self.program.path), skip_model_load=True).get_spec()

    def predict(self, given: dict[str, Image.Image]) -> dict[str, Image.Image]:
        assert {name: (picture.mode, picture.size) for name, picture in given.items()} == {
            "person": ("RGB", (96, 64)),
            "garment_mask": ("L", (96, 64)),
        }
        planes = {
            name: np.atleast_3d(np.array(picture)).transpose(2, 0, 1)[np.newaxis] for name, picture in given.items()
        }
        results = {name: np.rint(value[0]).astype(np.uint8) for name, value in self.program.run(planes).items()}
        tryon = Image.fromarray(results["tryon"].transpose(1, 2, 0))
        tryon.putalpha(255)
        return {"tryon": tryon, "composition": Image.fromarray(results["composition"][0])}


def test_pictures_for_core_ml(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save_pictures(tmp_path / "m.mlpackage")
    tensors = contract(["person", "garment_mask"], ["tryon", "composition"])
    inputs = {"person": person.numpy(), "garment_mask": mask.numpy()}
    expected = CoreMLSession(path, tensors).run(inputs)
    monkeypatch.setattr(coreml.platform, "system", lambda: "Darwin")
    monkeypatch.setattr(coreml, "_open", lambda path, compute_units: StandsInForCoreML(path))
    session = CoreMLSession(path, tensors)
    assert session.evaluator == "Core ML"
    for name, value in session.run(inputs).items():
        assert_equal(torch.from_numpy(value), torch.from_numpy(expected[name]))


def test_other_colour_orders_are_refused(tmp_path: Path) -> None:
    path = save_pictures(tmp_path / "m.mlpackage", "BGR")
    with pytest.raises(DmvtonError, match="has the image 'person' in BGR; RGB and GRAYSCALE are known"):
        CoreMLSession(path, contract(["person", "garment_mask"], ["tryon", "composition"]))


def test_contract_of_another_package(convolution: Path) -> None:
    with pytest.raises(
        DmvtonError, match="convolution.mlpackage has the inputs x.*; its contract says person, garment_mask"
    ):
        CoreMLSession(convolution, contract(["person", "garment_mask"], ["tryon"]))


def test_unknown_compute_unit(convolution: Path) -> None:
    with pytest.raises(DmvtonError, match="no Core ML compute unit 'GPU'. Known: ALL, CPU_AND_GPU"):
        CoreMLSession(convolution, contract(["person"], ["tryon"]), compute_units="GPU")


def test_missing_coremltools(convolution: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in sys.modules if name.split(".")[0] == "coremltools"]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, "coremltools", None)
    with pytest.raises(DmvtonError, match=r'pip install "dmvton-mobile\[coreml\]"'):
        CoreMLSession(convolution, contract(["person"], ["tryon"]))
