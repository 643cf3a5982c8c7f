"""A file's bytes by what they are: the network's weights, tables that the conversion added, and the rest."""

from pathlib import Path

import torch

from converters.passes.constants import FOLDED_WEIGHT, INTEGER_WEIGHT, ON_GRID
from converters.passes.weight_only_int8 import stored_in_int8
from dmvton_mobile.bundles.manifest import Footprint
from dmvton_mobile.targets import Precision

LEARNED = ("running_", FOLDED_WEIGHT, INTEGER_WEIGHT, ON_GRID)  # buffers whose names hold one of these are weights


def measure_footprint(
    path: Path,
    program: torch.export.ExportedProgram,
    weights_in: Precision,
    *,
    delegated: int | None = None,
    leftover: dict[str, int] | None = None,
) -> Footprint:
    """Sorts the bytes of an artifact.

    Args:
        path: The file, or the folder of a Core ML package.
        program: What it was written from.
        weights_in: The precision in which the file stores the weights, whatever the program computes in.
        delegated: How many operations the delegate takes.
        leftover: How many of each kind it leaves.
    """
    tensors = {**program.state_dict, **program.constants}
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder" and node.users]
    used = {targets[node.name]: node for node in placeholders if targets[node.name] in tensors}
    weights: dict[int, int] = {}
    constants: dict[int, int] = {}
    for name, node in used.items():
        tensor = tensors[name]
        learned = isinstance(tensor, torch.nn.Parameter) or any(mark in name for mark in LEARNED)
        group = weights if learned else constants
        stored = weights_in if learned else Precision.FP32
        group[tensor.untyped_storage().data_ptr()] = _stored_bytes(name, tensor, node, stored)
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    file_bytes = sum(file.stat().st_size for file in files)
    weight_bytes = sum(weights.values())
    constant_bytes = sum(constants.values())
    return Footprint(
        file_bytes=file_bytes,
        weight_bytes=weight_bytes,
        constant_bytes=constant_bytes,
        metadata_bytes=max(0, file_bytes - weight_bytes - constant_bytes),
        delegated_operations=delegated,
        leftover_operations=leftover,
    )


def _stored_bytes(name: str, tensor: torch.Tensor, node: torch.fx.Node, precision: Precision) -> int:
    """Of a tensor in the file: floats in that precision, int8 for what is float32 on the integers' grid."""
    if not tensor.is_floating_point():
        return tensor.numel() * tensor.element_size()
    in_int8 = ON_GRID in name or (precision is Precision.W8 and stored_in_int8(node, tensor))
    bits = {Precision.FP16: 16, Precision.PALETTE6: 6}.get(precision, 8 if in_int8 else 32)
    return tensor.numel() * bits // 8
