"""ExecuTorch programs without the copies of its XNNPACK lowering: fewer operations, the same numbers when run."""

from pathlib import Path

import pytest
import torch
from executorch.backends.xnnpack import xnnpack_preprocess
from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
from executorch.backends.xnnpack.serialization.xnnpack_graph_schema import (
    XNNBatchMatrixMultiply,
    XNNGraph,
    XNNStaticSlice,
    XNNStaticTranspose,
)
from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower
from executorch.runtime import Runtime
from torch import Tensor, nn

from converters.exporters.vendor_executorch import tidy_xnnpack_graphs
from converters.passes.permutes import PERMUTE, carry_channels_last
from converters.passes.pipeline import export_program
from converters.passes.xnnpack import TRANSPOSE_B, drop_copies

X = torch.rand(1, 4, 6, 8, generator=torch.Generator().manual_seed(0))


class Table(nn.Module):
    """A convolution read as rows [H * W, C]."""

    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.first = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).permute(0, 2, 3, 1).reshape(-1, 4) * 2.0


class TableOut(Table):
    """The table itself is what the delegate gives."""

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).permute(0, 2, 3, 1)


class Turned(Table):
    """A permute that does move something."""

    def forward(self, x: Tensor) -> Tensor:
        return self.first(x).permute(0, 3, 1, 2) * 2.0


class Products(Table):
    """A product with a transposed second operand."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(4, 6, 8)
        return torch.bmm(rows * 2.0, (rows + 1.0).transpose(1, 2))


class FirstTransposed(Table):
    """The first operand transposed, the second as it is: XNNPACK has no flag for that."""

    def forward(self, x: Tensor) -> Tensor:
        rows = x.reshape(4, 6, 8)
        return torch.bmm((rows + 1.0).transpose(1, 2), rows * 2.0)


class Corner(Table):
    """A slice of two axes, and one of them on its own."""

    def forward(self, x: Tensor) -> Tensor:
        below = (x + 1.0)[:, :, 2:]
        return below[:, :, :, 1:7] * 3.0 + below[:, :, :, :6]


MODULES = [Table, TableOut, Turned, Products, FirstTransposed, Corner]


def lowered(module: nn.Module, path: Path, monkeypatch: pytest.MonkeyPatch, *, tidy: bool) -> list[XNNGraph]:
    """Writes the program; the graphs that XNNPACK gets, as they are written."""
    graphs: list[XNNGraph] = []
    serialize = xnnpack_preprocess.serialize_xnnpack_binary

    def keep(graph: XNNGraph, constants: bytearray) -> bytes:
        graphs.append(graph)
        return serialize(graph, constants)

    with monkeypatch.context() as patch:
        patch.setattr(xnnpack_preprocess, "serialize_xnnpack_binary", keep)
        program = export_program(module, (X,))
        arguments = {
            "partitioner": [XnnpackPartitioner()],
            "compile_config": EdgeCompileConfig(_check_ir_validity=False),
        }
        if tidy:
            with tidy_xnnpack_graphs():
                edge = to_edge_transform_and_lower(program, **arguments)
        else:
            edge = to_edge_transform_and_lower(program, **arguments)
        path.write_bytes(edge.to_executorch().buffer)
    return graphs


def run(path: Path) -> Tensor:
    [output] = Runtime.get().load_program(path).load_method("forward").execute([X])
    return output.clone()


def count(graphs: list[XNNGraph], kind: type) -> int:
    return sum(isinstance(node.xnode_union, kind) for graph in graphs for node in graph.xnodes)


@pytest.mark.parametrize("module", MODULES)
def test_the_same_numbers(module: type[Table], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    network = module().eval()
    lowered(network, tmp_path / "tidy.pte", monkeypatch, tidy=True)
    with torch.no_grad():
        torch.testing.assert_close(run(tmp_path / "tidy.pte"), network(X), atol=1e-5, rtol=0)


@pytest.mark.parametrize(
    ("module", "before", "after"),
    # the input is turned to channels last for the convolution: that one transpose is needed
    [(Table, 3, 1), (TableOut, 3, 1), (Products, 1, 0), (FirstTransposed, 1, 1)],
)
def test_transposes_that_move_nothing_are_dropped(
    module: type[Table], before: int, after: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    network = module().eval()
    assert count(lowered(network, tmp_path / "plain.pte", monkeypatch, tidy=False), XNNStaticTranspose) == before
    assert count(lowered(network, tmp_path / "tidy.pte", monkeypatch, tidy=True), XNNStaticTranspose) == after


def test_a_product_reads_its_second_operand_as_it_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    [graph] = lowered(Products().eval(), tmp_path / "tidy.pte", monkeypatch, tidy=True)
    [product] = [node.xnode_union for node in graph.xnodes if isinstance(node.xnode_union, XNNBatchMatrixMultiply)]
    assert product.flags == TRANSPOSE_B


def test_a_slice_of_two_axes_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Both readers slice the source; the slice between them is read by nobody."""
    network = Corner().eval()
    assert count(lowered(network, tmp_path / "plain.pte", monkeypatch, tidy=False), XNNStaticSlice) == 3
    assert count(lowered(network, tmp_path / "tidy.pte", monkeypatch, tidy=True), XNNStaticSlice) == 2


def test_a_wrong_join_would_be_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The comparison of numbers tells a slice that starts one entry off."""

    def off_by_one(graph: XNNGraph) -> None:
        drop_copies(graph)
        for node in graph.xnodes:
            if isinstance(node.xnode_union, XNNStaticSlice):
                node.xnode_union.offsets[2] -= 1

    monkeypatch.setattr("converters.exporters.vendor_executorch.drop_copies", off_by_one)
    network = Corner().eval()
    lowered(network, tmp_path / "wrong.pte", monkeypatch, tidy=True)
    with torch.no_grad(), pytest.raises(AssertionError):
        torch.testing.assert_close(run(tmp_path / "wrong.pte"), network(X), atol=1e-5, rtol=0)


def test_the_lowering_is_as_before_afterwards() -> None:
    before = xnnpack_preprocess.serialize_xnnpack_binary
    with pytest.raises(KeyboardInterrupt), tidy_xnnpack_graphs():
        assert xnnpack_preprocess.serialize_xnnpack_binary is not before
        raise KeyboardInterrupt
    assert xnnpack_preprocess.serialize_xnnpack_binary is before


def test_a_table_is_carried_to_convolutions_too() -> None:
    """Whoever reads the map reads the table; a map without a table stays as it is."""

    class Both(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.first, self.second = nn.Conv2d(4, 4, 3, padding=1), nn.Conv2d(4, 4, 3, padding=1)

        def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
            made = self.first(x)
            return self.second(made), made.permute(0, 2, 3, 1).reshape(-1, 4)

    network = Both().eval()
    program = export_program(network, (X,), carry_channels_last)
    [first, second] = [node for node in program.graph.nodes if node.target is torch.ops.aten.conv2d.default]
    assert [user.target for user in first.users] == [PERMUTE]
    assert second.args[0].target is PERMUTE and second.args[0].args[0].target is PERMUTE
    with torch.no_grad():
        for actual, expected in zip(program.module()(X), network(X), strict=True):
            assert torch.equal(actual, expected)
    without = export_program(nn.Sequential(network.first, network.second), (X,), carry_channels_last)
    assert all(node.target is not PERMUTE for node in without.graph.nodes)
