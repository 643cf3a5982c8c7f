"""The lowered operations and networks compute what the reference computes, and the comparisons can tell a wrong one."""

import copy
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from converters.example import example_pair
from converters.lowering import sampling
from converters.lowering.native_sampler import NativeSamplerOperations
from converters.lowering.row_gather import RepeatPixels, RowGatherOperations
from converters.lowering.variants import LoweringVariant, lower
from dmvton_mobile.bundles.parity import ParityError, compare
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.networks import TryOnNetwork, build_network, seeded_network
from dmvton_mobile.networks.flow import FlowOperations
from dmvton_mobile.networks.folding import SplitRefineHead, fold_batch_norms
from dmvton_mobile.networks.warp import FEATURES, RefineHead
from dmvton_mobile.runtimes.torch import TorchSession
from tests.conftest import SMALL

TOLERANCE = 1e-4  # of values around 1: a position in a map of 256 pixels is exact to some 3e-5 of one
BOUND_DB = 80.0
FAR = 3.0  # flows reach this many times past the map's edges
LEVELS = [(8, 6), (16, 12), (32, 24), (64, 48), (128, 96)]  # of 256x192, coarse to fine
# the coarsest of 64x96 and of 128x96, a prime, no common divisor with a tile, the finest of 512x384
OTHER_SIZES = [(2, 3), (4, 3), (29, 31), (14, 26), (10, 40), (256, 192)]
FEW, MANY = 6, 256  # channels

OperationsOf = Callable[[bool], FlowOperations]


def row_operations(delegated: bool) -> OperationsOf:
    return lambda align_corners: RowGatherOperations(align_corners, delegated)


ROW_GATHERS = [
    pytest.param(row_operations(True), id="delegated"),
    pytest.param(row_operations(False), id="not_delegated"),
]
ROWS = pytest.mark.parametrize("operations", ROW_GATHERS)
VARIANTS = pytest.mark.parametrize(
    "operations", [*ROW_GATHERS, pytest.param(NativeSamplerOperations, id="native_sampler")]
)
CONVENTIONS = pytest.mark.parametrize("align_corners", [True, False], ids=["corners", "no_corners"])
SIZES = pytest.mark.parametrize("size", LEVELS + OTHER_SIZES, ids=str)


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.empty(shape).uniform_(-1, 1, generator=torch.Generator().manual_seed(seed))


def flow_of(size: tuple[int, int], seed: int = 1) -> Tensor:
    """A flow whose samples lie inside the map, on its corners, and far outside."""
    flow = torch.empty(1, 2, *size).uniform_(-FAR, FAR, generator=torch.Generator().manual_seed(seed))
    flow[..., ::2] /= FAR
    flow[0, :, 0, 0], flow[0, :, -1, -1] = -1.0, 1.0
    return flow


def offset_of(size: tuple[int, int]) -> Tensor:
    """Offsets of a pixel, and some that leave the map."""
    offset = random(1, 2, *size, seed=2)
    offset[:, :, ::3] *= max(size)
    return offset


def channels_of(size: tuple[int, int]) -> int:
    return FEW if size[0] * size[1] > 64 * 48 else MANY


def assert_same(actual: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(actual, expected, atol=TOLERANCE, rtol=0)


def assert_differs(actual: Tensor, expected: Tensor) -> None:
    with pytest.raises(AssertionError):
        assert_same(actual, expected)


@CONVENTIONS
@SIZES
class TestOperations:
    """Each operation against the reference at every level's size and at others."""

    @ROWS
    def test_warp(self, operations: OperationsOf, align_corners: bool, size: tuple[int, int]) -> None:
        features, flow = random(1, channels_of(size), *size), flow_of(size)
        expected = FlowOperations(align_corners).warp(features, flow)
        assert_same(operations(align_corners).warp(features, flow), expected)

    @ROWS
    def test_compose(self, operations: OperationsOf, align_corners: bool, size: tuple[int, int]) -> None:
        flow, offset = random(1, 2, *size), offset_of(size)
        expected = FlowOperations(align_corners).compose(flow, offset)
        assert_same(operations(align_corners).compose(flow, offset), expected)

    @ROWS
    @pytest.mark.parametrize("moved", [False, True], ids=["still", "moved"])
    def test_cost_volume(
        self, operations: OperationsOf, align_corners: bool, size: tuple[int, int], moved: bool
    ) -> None:
        garment, person = (random(1, channels_of(size), *size, seed=seed) for seed in (3, 4))
        flow = flow_of(size) if moved else None
        expected = FlowOperations(align_corners).cost_volume(garment, person, flow)
        assert_same(operations(align_corners).cost_volume(garment, person, flow), expected)

    @VARIANTS
    def test_picture(self, operations: OperationsOf, align_corners: bool, size: tuple[int, int]) -> None:
        garment, mask, flow = random(1, 3, *size), random(1, 1, *size).gt(0).float(), flow_of(size)
        mask[..., 0] = mask[:, :, -1] = 1.0  # a garment that reaches the border
        reference, lowered = FlowOperations(align_corners), operations(align_corners)
        expected = reference.warp_picture(reference.picture(garment, mask), flow)
        actual = lowered.warp_picture(lowered.picture(garment, mask), flow)
        assert_same(actual[0], expected[0])
        assert_same(actual[1], expected[1])


@ROWS
def test_identity_flow_changes_nothing(operations: OperationsOf) -> None:
    """Worked out by hand, without the reference: a sample at each pixel's own centre is that pixel."""
    features = random(1, FEW, 16, 12)
    rows, columns = torch.meshgrid(torch.linspace(-1, 1, 16), torch.linspace(-1, 1, 12), indexing="ij")
    assert_same(operations(True).warp(features, torch.stack([columns, rows])[None]), features)


@ROWS
def test_cost_volume_at_one_pixel(operations: OperationsOf) -> None:
    """Worked out by hand: channel 7 * (dy + 3) + dx + 3 holds the product with the person two rows below, one to the
    left."""
    garment, person = torch.zeros(1, 4, 16, 24), torch.zeros(1, 4, 16, 24)
    garment[0, :, 7, 10] = 2.0
    person[0, :, 9, 9] = 3.0
    volume = operations(True).cost_volume(garment, person)
    expected = torch.zeros(1, 49, 16, 24)
    expected[0, 7 * (2 + 3) + (-1 + 3), 7, 10] = 6.0
    assert_same(volume, expected)


@pytest.mark.parametrize("delegated", [True, False])
@pytest.mark.parametrize("samples", [1, 17, 24 * 16])
def test_bands_of_any_length(monkeypatch: pytest.MonkeyPatch, delegated: bool, samples: int) -> None:
    """One sample at a time, a length that divides nothing, and the whole map at once give the same."""
    channels, size = 8, (16, 24)
    monkeypatch.setattr(sampling, "BAND_BYTES", 4 * channels * samples)
    garment, person = (random(1, channels, *size, seed=seed) for seed in (3, 4))
    flow, reference, lowered = flow_of(size), FlowOperations(), RowGatherOperations(delegated=delegated)
    assert_same(lowered.warp(garment, flow), reference.warp(garment, flow))
    assert_same(lowered.cost_volume(garment, person, flow), reference.cost_volume(garment, person, flow))
    assert_same(lowered.compose(flow, offset_of(size)), reference.compose(flow, offset_of(size)))


def test_finest_level_of_many_channels_goes_in_bands() -> None:
    """As in the network itself: 128x96 features of 256 channels are 12 MB, three bands."""
    size = LEVELS[-1]
    assert 4 * MANY * size[0] * size[1] > 2 * sampling.BAND_BYTES
    garment, person, flow = random(1, MANY, *size, seed=3), random(1, MANY, *size, seed=4), flow_of(size)
    reference, lowered = FlowOperations(), RowGatherOperations()
    assert_same(lowered.warp(garment, flow), reference.warp(garment, flow))
    assert_same(lowered.cost_volume(garment, person, flow), reference.cost_volume(garment, person, flow))


@CONVENTIONS
class TestComparisonsDiscriminate:
    """What is nearly right does not pass the tolerance of the tests above."""

    size = (16, 12)

    @ROWS
    def test_other_convention(self, operations: OperationsOf, align_corners: bool) -> None:
        features, flow, offset = random(1, FEW, *self.size), flow_of(self.size), offset_of(self.size)
        reference, other = FlowOperations(align_corners), operations(not align_corners)
        assert_differs(other.warp(features, flow), reference.warp(features, flow))
        assert_differs(other.compose(flow, offset), reference.compose(flow, offset))
        assert_differs(other.cost_volume(features, features, flow), reference.cost_volume(features, features, flow))

    @ROWS
    def test_swapped_axes(self, operations: OperationsOf, align_corners: bool) -> None:
        features, flow, offset = random(1, FEW, *self.size), flow_of(self.size), offset_of(self.size)
        reference, lowered = FlowOperations(align_corners), operations(align_corners)
        assert_differs(lowered.warp(features, flow.flip(1)), reference.warp(features, flow))
        assert_differs(lowered.compose(flow, offset.flip(1)), reference.compose(flow, offset))

    @ROWS
    def test_shifted_cost_volume(self, operations: OperationsOf, align_corners: bool) -> None:
        garment, person = (random(1, FEW, *self.size, seed=seed) for seed in (3, 4))
        expected = FlowOperations(align_corners).cost_volume(garment, person)
        volume = operations(align_corners).cost_volume(garment, person)
        assert_differs(volume.roll(1, 1), expected)  # each channel holds its neighbour's shift
        assert_differs(volume.roll(1, 3), expected)  # each column holds its neighbour's products
        assert_differs(volume.unflatten(1, (7, 7)).transpose(1, 2).flatten(1, 2), expected)  # dx before dy

    @VARIANTS
    def test_picture(self, operations: OperationsOf, align_corners: bool) -> None:
        garment, mask, flow = random(1, 3, *self.size), torch.ones(1, 1, *self.size), flow_of(self.size)
        reference, lowered, other = (
            FlowOperations(align_corners),
            operations(align_corners),
            operations(not align_corners),
        )
        expected = reference.warp_picture(reference.picture(garment, mask), flow)
        wrong = {
            "convention": other.warp_picture(other.picture(garment, mask), flow),
            "axes": lowered.warp_picture(lowered.picture(garment, mask), flow.flip(1)),
            "borders": (
                lowered.warp_mask(garment, flow),
                lowered.warp(mask, flow),
            ),  # zeros and repeated, the other way
        }
        for warped, warped_mask in wrong.values():
            assert_differs(warped, expected[0])
            assert_differs(warped_mask, expected[1])


def foldable_norms(network: nn.Module) -> int:
    """Batch norms right after a convolution."""
    sequences = [list(module) for module in network.modules() if isinstance(module, nn.Sequential)]
    pairs = [pair for layers in sequences for pair in zip(layers, layers[1:])]
    return sum(isinstance(first, nn.Conv2d) and isinstance(second, nn.BatchNorm2d) for first, second in pairs)


@pytest.mark.parametrize("name", ["dmvton-student", "pfafn-student"])
def test_fold_batch_norms(name: str) -> None:
    network = seeded_network(name)
    folded = copy.deepcopy(network)
    fold_batch_norms(folded)
    pyramid, generator_input = random(1, 3, *SMALL), random(1, 7, *SMALL, seed=1)
    with torch.no_grad():
        expected = [*network.warp.encode_condition(pyramid), network.generator(generator_input)]
        actual = [*folded.warp.encode_condition(pyramid), folded.generator(generator_input)]
    assert foldable_norms(network) > 0 and foldable_norms(folded) == 0
    for one, other in zip(actual, expected, strict=True):
        torch.testing.assert_close(one, other, atol=TOLERANCE, rtol=TOLERANCE)
    if name == "dmvton-student":  # no norm stands before its convolution there
        assert not any(isinstance(module, nn.BatchNorm2d) for module in folded.modules())


def test_split_refine_head() -> None:
    head = RefineHead().eval()
    split = SplitRefineHead(head)
    warped, person = random(1, FEATURES, 16, 12), random(1, FEATURES, 16, 12, seed=1)
    with torch.no_grad():
        assert_same(split(warped, person), head(warped, person))
        assert_differs(split(person, warped), head(warped, person))


@pytest.mark.parametrize("shape", [(3, 5, 7), (16, 128, 96), (1, 1, 1)])
def test_repeat_pixels(shape: tuple[int, int, int]) -> None:
    x = random(1, *shape)
    assert torch.equal(RepeatPixels()(x), F.interpolate(x, scale_factor=2, mode="nearest"))


def convolution_weights(network: nn.Module) -> int:
    """How many numbers the convolutions hold; one that is used under several names counts once."""
    return sum(parameter.numel() for parameter in network.parameters() if parameter.dim() == 4)


def lowered_variants(network: TryOnNetwork) -> dict[LoweringVariant, TryOnNetwork]:
    return {variant: lower(network, variant) for variant in LoweringVariant}


def test_lowering_keeps_the_original() -> None:
    network = seeded_network("dmvton-student")
    state = {key: value.clone() for key, value in network.state_dict().items()}
    modules = [(name, type(module)) for name, module in network.named_modules()]
    operations = network.warp.aflow_net.operations
    variants = lowered_variants(network)
    with torch.no_grad():
        for lowered in variants.values():
            for parameter in lowered.parameters():
                parameter.zero_()  # a lowered network is a copy: whatever happens to it
    assert [(name, type(module)) for name, module in network.named_modules()] == modules
    assert network.warp.aflow_net.operations is operations
    assert network.state_dict().keys() == state.keys()
    assert all(torch.equal(value, state[key]) for key, value in network.state_dict().items())


@pytest.mark.parametrize("name", ["dmvton-student", "pfafn-student"])
def test_lowering_keeps_the_weights(name: str) -> None:
    """No weight is stored twice: not a shared convolution, not one that was split."""
    network = seeded_network(name)
    for variant, lowered in lowered_variants(network).items():
        assert convolution_weights(lowered) == convolution_weights(network), variant
        assert (
            not any(isinstance(module, nn.Upsample | RefineHead) for module in lowered.modules())
            or variant is LoweringVariant.NATIVE_SAMPLER
        )


def assert_equals_reference(network: TryOnNetwork, size: tuple[int, int] = DEFAULT_SIZE) -> None:
    """Every output of every variant on the example pictures."""
    inputs, reference = example_pair(size), TorchSession(network, Component.WHOLE, size)
    expected = reference.run(inputs)
    for variant, lowered in lowered_variants(network).items():
        actual = TorchSession(lowered, Component.WHOLE, size).run(inputs)
        figures = compare(
            expected,
            actual,
            contracts=reference.contract.outputs,
            bound_db=BOUND_DB,
            inputs="example",
            what=variant,
        )
        assert [figure.output for figure in figures] == ["tryon", "flow", "composition", "rendered"]


@CONVENTIONS
@pytest.mark.parametrize("size", [DEFAULT_SIZE, SMALL, (64, 96)], ids=str)
def test_lowered_student_equals_the_network(size: tuple[int, int], align_corners: bool) -> None:
    assert_equals_reference(seeded_network("dmvton-student", align_corners=align_corners), size)


def test_lowered_network_of_large_offsets_equals_the_network() -> None:
    """Fresh heads move samples by many pixels, off the map too; a seeded network's move little."""
    torch.manual_seed(0)
    network = build_network("dmvton-student").eval()
    with torch.no_grad():
        for layer in network.warp.aflow_net.offset_layers():
            for parameter in layer.parameters():
                parameter.mul_(20.0)
    inputs = example_pair(SMALL)
    flow = TorchSession(network, Component.WHOLE, SMALL).run(inputs)["flow"]
    assert abs(flow).max() > 1.2  # past the edge
    assert_equals_reference(network, SMALL)


def test_lowered_network_of_the_other_convention_does_not_pass(small_network: TryOnNetwork) -> None:
    lowered = lower(small_network, LoweringVariant.DELEGATED_ROW_GATHER)
    lowered.warp.aflow_net.operations = RowGatherOperations(align_corners=False)
    inputs, reference = example_pair(SMALL), TorchSession(small_network, Component.WHOLE, SMALL)
    with pytest.raises(ParityError, match="tryon"):
        compare(
            reference.run(inputs),
            TorchSession(lowered, Component.WHOLE, SMALL).run(inputs),
            contracts=reference.contract.outputs,
            bound_db=BOUND_DB,
            inputs="example",
            what="lowered",
        )


def test_lowered_lite_equals_the_network() -> None:
    assert_equals_reference(seeded_network("dmvton-lite"))


@pytest.mark.slow
@pytest.mark.parametrize("name", ["fsvton-student", "pfafn-student"])
def test_lowered_teacher_equals_the_network(name: str) -> None:
    assert_equals_reference(seeded_network(name))
