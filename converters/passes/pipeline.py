"""From a module to the exported program that every target starts from."""

from collections.abc import Callable

import torch
from torch import Tensor, fx, nn

from converters.passes.constants import fold_constants, share_equal_constants
from converters.passes.operations import dequantize_for_each_reader, drop_identities, share_equal_operations
from converters.passes.permutes import cancel_permutes, sink_permutes

GraphPass = Callable[[fx.GraphModule], None]  # rewrites the graph in place

# The order matters: folded constants can be equal, operations on one shared constant can be equal, and permutes around
# an operation only meet once it is not there twice.
PASSES: tuple[GraphPass, ...] = (
    fold_constants,
    share_equal_constants,
    drop_identities,
    share_equal_operations,
    dequantize_for_each_reader,
    sink_permutes,
    cancel_permutes,
)


def export_program(
    module: nn.Module, inputs: tuple[Tensor, ...], last_pass: GraphPass | None = None
) -> torch.export.ExportedProgram:
    """Exports the module with static shapes and runs all passes.

    What depends on no input is computed here and stored once, however often it is used; two permutes that undo each
    other are dropped, so that channels-last tables pass between operations as they are.

    Args:
        module: In eval mode.
        inputs: Example inputs, which fix the shapes.
        last_pass: A pass that only one target needs.
    """
    with torch.no_grad():
        graph = torch.export.export(module, inputs).module()
        for graph_pass in (*PASSES, *([last_pass] if last_pass else [])):
            graph_pass(graph)
        graph.graph.eliminate_dead_code()
        graph.recompile()
        return torch.export.export(graph, inputs)
