"""Our passes among those of coremltools: fp16 with exact coordinates, and one constant for all that are equal."""

from typing import Any

import coremltools as ct
import numpy as np
from coremltools.converters.mil.mil.passes.graph_pass import AbstractGraphPass
from coremltools.converters.mil.mil.passes.helper import block_context_manager
from coremltools.converters.mil.mil.passes.pass_registry import register_pass

from dmvton_mobile.targets import Precision

FP16_PASS = "dmvton::fp16_with_exact_coordinates"
SHARING_PASS = "dmvton::share_equal_constants"
LEARNED = {"conv", "conv_transpose", "linear", "matmul"}
THRESHOLDS = {"greater", "ceil", "floor", "round", "sign"}


def coreml_pass_pipeline(precision: Precision) -> Any:
    """Coremltools' ordered passes for a precision, with ours among them."""
    pipeline = ct.PassPipeline()
    if precision is Precision.FP16:
        # ct.convert keeps only the selector of a custom compute_precision, so ours takes its place as a pass.
        index = pipeline.passes.index("common::add_fp16_cast")
        pipeline.remove_passes({"common::add_fp16_cast"})
        pipeline.insert_pass(index, FP16_PASS)
    if precision in (Precision.INT8, Precision.W8, Precision.PALETTE6):
        pipeline.append_pass(SHARING_PASS)
    return pipeline


@register_pass(namespace="dmvton")
class fp16_with_exact_coordinates(ct.transform.FP16ComputePrecision):  # noqa: N801 (the pass's name)
    """coremltools' fp16 pass, except for operations that sampling coordinates or a threshold are computed from.

    Computed from: without a learned layer between.
    """

    def __init__(self) -> None:
        super().__init__(op_selector=lambda operation: not _leads_to_position(operation))

    def should_cast_parameter(self, op: Any, param_name: str) -> bool:
        """Whether an operation's input becomes fp16: all but the coordinates of a resample."""
        return (op.op_type, param_name) != ("resample", "coordinates") and super().should_cast_parameter(op, param_name)


@register_pass(namespace="dmvton")
class share_equal_constants(AbstractGraphPass):  # noqa: N801 (the pass's name)
    """Keeps one constant for all that are equal, under a short name.

    coremltools gives every operation its own strides, groups, scales and types. Beside int8 weights these are a sixth
    of the package.
    """

    def apply(self, prog: Any) -> None:
        """Rewrites every function of the program, in place."""
        for function in prog.functions.values():
            self._share(function)

    @block_context_manager
    def _share(self, block: Any) -> None:
        first: dict[tuple[Any, ...], Any] = {}
        for operation in list(block.operations):
            if operation.op_type != "const" or operation.outputs[0] in block.outputs:
                continue
            [var] = operation.outputs
            same = first.setdefault((var.dtype, var.shape, np.asarray(var.val).tobytes()), var)
            if same is var:
                operation.name = var.name = f"c{len(first)}"
            else:
                block.replace_uses_of_var_after_op(anchor_op=operation, old_var=var, new_var=same, force_replace=True)
                block.remove_ops([operation])


def _leads_to_position(operation: Any) -> bool:
    if operation.op_type in THRESHOLDS:
        return True
    seen: set[Any] = set()
    waiting = list(operation.outputs)
    while waiting:
        var = waiting.pop()
        if var in seen:
            continue
        seen.add(var)
        for child in var.child_ops:
            if child.op_type in THRESHOLDS or (child.op_type == "resample" and child.coordinates is var):
                return True
            if child.op_type not in LEARNED:
                waiting += child.outputs
    return False
