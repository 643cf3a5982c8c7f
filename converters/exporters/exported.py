"""What every exporter gives back: the file it wrote and what is to be said of it."""

from dataclasses import dataclass
from pathlib import Path

import torch

from converters.exporters.weight_only_int8 import held_in_int8
from converters.passes.graph import FOLDED_WEIGHT, INTEGER_WEIGHT, ON_GRID
from dmvton_mobile.bundles.manifest import Footprint
from dmvton_mobile.targets import Precision

LEARNT = ("running_", FOLDED_WEIGHT, INTEGER_WEIGHT, ON_GRID)  # buffers whose names hold one of these are weights


@dataclass(frozen=True)
class Exported:
    """kept_float32: what stayed float32 in a smaller precision, and why. reproducible: whether a second export gives
    the same bytes."""

    footprint: Footprint
    kept_float32: tuple[str, ...] = ()
    reproducible: bool = True


def _bytes(name: str, tensor: torch.Tensor, node: torch.fx.Node, precision: Precision) -> int:
    """Of a tensor in the file: floats in that precision, int8 for what is float32 on the integers' grid."""
    if not tensor.is_floating_point():
        return tensor.numel() * tensor.element_size()
    eight = ON_GRID in name or (precision is Precision.W8 and held_in_int8(node, tensor))
    bits = {Precision.FP16: 16, Precision.PALETTE6: 6}.get(precision, 8 if eight else 32)
    return tensor.numel() * bits // 8


def itemise(
    path: Path,
    program: torch.export.ExportedProgram,
    weights_in: Precision,
    *,
    delegated: int | None = None,
    leftover: dict[str, int] | None = None,
) -> Footprint:
    """The artifact's bytes by what they are: the network's weights, tables of the conversion, and all the rest.

    weights_in: the precision in which the file stores the weights, whatever the program computes in.
    """
    tensors = {**program.state_dict, **program.constants}
    targets = {spec.arg.name: spec.target for spec in program.graph_signature.input_specs}
    placeholders = [node for node in program.graph.nodes if node.op == "placeholder" and node.users]
    used = {targets[node.name]: node for node in placeholders if targets[node.name] in tensors}
    weights: dict[int, int] = {}
    constants: dict[int, int] = {}
    for name, node in used.items():
        tensor = tensors[name]
        learnt = isinstance(tensor, torch.nn.Parameter) or any(part in name for part in LEARNT)
        group = weights if learnt else constants
        stored = weights_in if learnt else Precision.FP32
        group[tensor.untyped_storage().data_ptr()] = _bytes(name, tensor, node, stored)
    file_bytes = (
        sum(file.stat().st_size for file in path.rglob("*") if file.is_file()) if path.is_dir() else path.stat().st_size
    )
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
