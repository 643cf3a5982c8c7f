"""The exported graph: constants computed and stored once, nothing undone, and still the same function."""

from collections import Counter
from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from converters.passes.operations import IDENTITIES
from converters.passes.permutes import PERMUTE
from converters.passes.pipeline import export_program
from converters.registry import find_exporter, lowered_components
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.contract import Component
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Target

CONSTANT_BYTES = 4096  # of positions and scales that a frame's graph may carry along
Program = torch.export.ExportedProgram


class Calls(nn.Module):
    """A function as a module, with what it reads."""

    def __init__(self, function: Callable[..., Tensor], **tensors: Tensor):
        super().__init__()
        self.function = function
        for name, tensor in tensors.items():
            self.register_buffer(name, tensor)

    def forward(self, *inputs: Tensor) -> Tensor:
        return self.function(*inputs, **dict(self.named_buffers()))


def stored(program: Program) -> list[Tensor]:
    """The tensors that the graph reads, weights included, each as often as it is stored."""
    tensors = {**program.state_dict, **program.constants}
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    read = [targets[node.name] for node in program.graph.nodes if node.op == "placeholder" and node.users]
    return [value for value in (tensors[name] for name in read if name in tensors) if isinstance(value, Tensor)]


def constants(program: Program) -> list[Tensor]:
    return [tensor for tensor in stored(program) if not isinstance(tensor, nn.Parameter)]


def operations(program: Program) -> Counter[object]:
    return Counter(node.target for node in program.graph.nodes if node.op == "call_function")


def undone_permutes(program: Program) -> int:
    """Permutes right after the permute that they undo."""
    count = 0
    for node in program.graph.nodes:
        if node.target is PERMUTE and node.args[0].target is PERMUTE:
            first, second = node.args[0].args[1], node.args[1]
            count += [first[axis] for axis in second] == list(range(len(second)))
    return count


def content(tensor: Tensor) -> tuple[object, ...]:
    return tensor.dtype, tuple(tensor.shape), tensor.detach().numpy().tobytes()


def assert_same_function(module: nn.Module, program: Program, *inputs: Tensor) -> None:
    with torch.no_grad():
        assert torch.equal(program.module()(*inputs), module(*inputs))


X = torch.rand(1, 2, 6, 4, generator=torch.Generator().manual_seed(0))


def test_constants_are_computed_once() -> None:
    """A chain of operations on constants becomes its result; the operations that read the input stay."""

    def positions(x: Tensor) -> Tensor:
        columns = torch.arange(4, dtype=torch.float32) * 2.0 - 1.0
        return x * columns.clamp(max=4.5).sqrt().nan_to_num(0.0)

    module = Calls(positions)
    program = export_program(module, (X,))
    assert operations(program) == {torch.ops.aten.mul.Tensor: 1}
    [constant] = stored(program)
    torch.testing.assert_close(constant, torch.tensor([0.0, 1.0, 3.0**0.5, 4.5**0.5]))
    assert_same_function(module, program, X)


def test_equal_constants_are_stored_once() -> None:
    """By content, however they came to be: made in the graph twice, or stored under two names."""

    def twice(x: Tensor, first: Tensor, second: Tensor) -> Tensor:
        made = torch.arange(4, dtype=torch.float32)
        again = torch.arange(8, dtype=torch.float32)[:4]
        return (x * made + first) * again + second + made

    module = Calls(twice, first=torch.tensor([0.0, 1.0, 2.0, 3.0]), second=torch.tensor([0.0, 1.0, 2.0, 3.0]))
    program = export_program(module, (X,))
    assert len(stored(program)) == 1
    assert_same_function(module, program, X)


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(torch.tensor([[0.0], [1.0], [2.0], [3.0], [4.0], [5.0]]), id="values"),
        pytest.param(torch.tensor([[0.0, 1.0, 2.0, 3.0]]), id="shape"),
        pytest.param(torch.tensor([0, 1, 2, 3]), id="type"),
    ],
)
def test_different_constants_stay_apart(other: Tensor) -> None:
    module = Calls(lambda x, one, two: x * one + two, one=torch.tensor([0.0, 1.0, 2.0, 3.0]), two=other)
    program = export_program(module, (X,))
    assert len(stored(program)) == 2
    assert_same_function(module, program, X)


def test_undone_permutes_are_dropped() -> None:
    def back_and_forth(x: Tensor) -> Tensor:
        rows = (x + 1.0).permute(0, 2, 3, 1)
        return rows.permute(0, 3, 1, 2) * 2.0

    module = Calls(back_and_forth)
    program = export_program(module, (X,))
    assert PERMUTE not in operations(program)
    assert_same_function(module, program, X)


def test_a_permute_that_somebody_else_reads_stays() -> None:
    def shared(x: Tensor) -> Tensor:
        rows = (x + 1.0).permute(0, 2, 3, 1)
        return rows.permute(0, 3, 1, 2).sum() * rows

    module = Calls(shared)
    program = export_program(module, (X,))
    assert operations(program)[PERMUTE] == 1 and undone_permutes(program) == 0
    assert_same_function(module, program, X)


def test_a_chain_of_undone_permutes_is_dropped() -> None:
    def chain(x: Tensor) -> Tensor:
        for _ in range(3):
            x = x.permute(0, 2, 3, 1).permute(0, 3, 1, 2)
        return x * 2.0

    module = Calls(chain)
    program = export_program(module, (X,))
    assert PERMUTE not in operations(program)
    assert_same_function(module, program, X)


def test_permutes_that_do_not_undo_each_other_stay() -> None:
    """Two the same way turn further; each has its own inverse."""
    module = Calls(lambda x: x.permute(0, 2, 3, 1).permute(0, 2, 3, 1) * 2.0)
    program = export_program(module, (X,))
    assert program.module()(X).shape == (1, 4, 2, 6)
    assert_same_function(module, program, X)


def test_a_permute_goes_behind_an_activation_to_the_one_that_undoes_it() -> None:
    def activated(x: Tensor) -> Tensor:
        return F.leaky_relu(x.permute(0, 3, 1, 2), 0.1).permute(0, 2, 3, 1) * 2.0

    module = Calls(activated)
    program = export_program(module, (X - 0.5,))
    assert PERMUTE not in operations(program)
    assert_same_function(module, program, X - 0.5)


def test_a_permute_that_others_read_stays_before_an_activation() -> None:
    def shared(x: Tensor) -> Tensor:
        turned = x.permute(0, 3, 1, 2)
        return F.leaky_relu(turned, 0.1) * turned

    module = Calls(shared)
    program = export_program(module, (X - 0.5,))
    assert operations(program)[PERMUTE] == 1
    assert_same_function(module, program, X - 0.5)


def test_equal_operations_are_done_once() -> None:
    """Other arguments are other operations."""

    def tables(x: Tensor) -> Tensor:
        return (x + 1.0).reshape(-1, 4) * (x + 1.0).reshape(-1, 4) + (x + 2.0).reshape(-1, 4)

    module = Calls(tables)
    program = export_program(module, (X,))
    assert operations(program)[torch.ops.aten.add.Tensor] == 3  # twice with a number, once of the tables
    assert operations(program)[torch.ops.aten.reshape.default] == 2
    assert_same_function(module, program, X)


def test_a_whole_number_is_not_the_same_as_a_fraction() -> None:
    """Of integers, plus 1 stays an integer and plus 1.0 does not."""
    module = Calls(lambda x: (x + 1) // 2 + (x + 1.0) / 2)
    whole = torch.tensor([1, 2, 3])
    program = export_program(module, (whole,))
    assert program.module()(whole).dtype == torch.float32
    assert operations(program)[torch.ops.aten.add.Tensor] == 3
    assert_same_function(module, program, whole)


def test_detach_is_dropped() -> None:
    module = Calls(lambda x: (x * 2.0).detach() + torch.ones(4).detach())
    program = export_program(module, (X,))
    assert not operations(program).keys() & set(IDENTITIES)
    assert_same_function(module, program, X)


def test_several_inputs_and_outputs() -> None:
    class Pair(nn.Module):
        def forward(self, first: Tensor, second: Tensor) -> tuple[Tensor, Tensor]:
            return first.detach() - second, second.permute(0, 2, 3, 1)

    program = export_program(Pair(), (X, X * 3.0))
    outputs = program.module()(X, X * 3.0)
    assert torch.equal(outputs[0], X - X * 3.0) and torch.equal(outputs[1], (X * 3.0).permute(0, 2, 3, 1))


@pytest.fixture(scope="module", params=[Target.TFLITE, Target.ONNX, Target.COREML])
def frame(request: pytest.FixtureRequest, small_network: TryOnNetwork) -> tuple[ComponentExample, Program]:
    """The frame graph as that target gets it: with delegates, without, and with the sampler kept."""
    [example] = lowered_components(small_network, find_exporter(request.param).facts, (Component.TRYON,))
    return example, export_program(example.graph, example.inputs)


class TestFrameGraph:
    def test_computes_the_same(self, frame: tuple[ComponentExample, Program]) -> None:
        example, program = frame
        with torch.no_grad():
            for actual, expected in zip(program.module()(*example.inputs), example.graph(*example.inputs), strict=True):
                torch.testing.assert_close(actual, expected, atol=1e-5, rtol=0)

    def test_holds_nothing_twice(self, frame: tuple[ComponentExample, Program]) -> None:
        tensors = [tensor for tensor in stored(frame[1]) if tensor.numel() > 1]
        assert len({content(tensor) for tensor in tensors}) == len(tensors) > 100

    def test_constants_are_small(self, frame: tuple[ComponentExample, Program]) -> None:
        assert sum(tensor.numel() * tensor.element_size() for tensor in constants(frame[1])) < CONSTANT_BYTES

    def test_undoes_no_permute(self, frame: tuple[ComponentExample, Program]) -> None:
        assert undone_permutes(frame[1]) == 0

    def test_detaches_nothing(self, frame: tuple[ComponentExample, Program]) -> None:
        assert not operations(frame[1]).keys() & set(IDENTITIES)
