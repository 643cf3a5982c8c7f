"""Reads the checkpoints that the papers' authors publish: DM-VTON's training dicts, PF-AFN's bare state_dicts.

They are pickles, read with `torch.load(weights_only=True)`: no code in a file ever runs.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from dmvton_mobile.checkpoints.states import (
    MODULES,
    CheckpointError,
    Differences,
    Module,
    compare_states,
    known_modules,
    looks_like,
    shared_keys,
    weight_bytes,
)
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.utils.files import sha256_file

FileLayout = Literal["training", "bare"]

# A training run registers its fixed second-derivative filters as a parameter; the network does not need them.
EXTRA = ("warp", "aflow_net.weight", (4, 1, 3, 3))

# `best_fid` of a training run is a NumPy number; NumPy 1 wrote its constructor under another name.
_SCALAR = np._core.multiarray.scalar  # type: ignore[attr-defined]
_NUMPY_NUMBERS = [
    _SCALAR,
    (_SCALAR, "numpy.core.multiarray.scalar"),
    np.dtype,
    np.dtypes.Float32DType,
    np.dtypes.Float64DType,
]


@dataclass(frozen=True)
class FileReport:
    """How one of the authors' files was read.

    Attributes:
        path: the file.
        module: what it fills.
        sha256: of the file.
        layout: `training` is a dict with epoch, model and optimizer, `bare` a state_dict.
        epoch: of the training run; None where the file does not tell.
        used: keys that were read.
        dropped: keys that the network does not need.
        differences: from the module; empty for a file that was read.
        parameters: of the module, a shared tensor counted once.
        weight_bytes: of the module's parameters and buffers, a shared tensor counted once.
    """

    path: Path
    module: Module
    sha256: str
    layout: FileLayout
    epoch: int | None
    used: tuple[str, ...]
    dropped: tuple[str, ...]
    differences: Differences
    parameters: int
    weight_bytes: int


@dataclass(frozen=True)
class ImportReport:
    """How the files of a network were read."""

    network: str
    files: tuple[FileReport, ...]

    @property
    def source(self) -> dict[str, str]:
        """The files and their SHA-256, for the card."""
        return {f"{report.module}: {report.path.name}": report.sha256 for report in self.files}


def import_official(name: str, *, warp: Path, generator: Path) -> TryOnNetwork:
    """The network with the weights of the authors' two files, in eval mode. See `read_official`."""
    return read_official(name, warp=warp, generator=generator)[0]


def read_official(name: str, *, warp: Path, generator: Path) -> tuple[TryOnNetwork, ImportReport]:
    """Reads the authors' files: DM-VTON's training dicts, PF-AFN's bare state_dicts, or either for the other.

    Args:
        name: the network.
        warp: the file of its warp module.
        generator: the file of its generator.

    Returns:
        The network in eval mode, and how the files were read.

    Raises:
        CheckpointError: a file is no checkpoint, asks to run code, belongs to another network or module, or its tensors
            are not exactly the network's; the message lists all faults of both files.
    """
    network = build_network(name)
    reports, problems = [], []
    for which, path in zip(MODULES, (warp, generator), strict=True):
        module = network.get_submodule(which)
        loaded = _load_pickle(path)
        state, layout = _state_of(loaded, path)
        report, faults = _report(which, path, module, state, layout, loaded.get("epoch"), name)
        reports.append(report)
        problems += faults
        if not problems:
            module.load_state_dict({key: state[key] for key in report.used})
    if problems:
        raise CheckpointError("\n".join(problems))
    return network.eval(), ImportReport(name, tuple(reports))


def _report(
    which: Module,
    path: Path,
    module: nn.Module,
    state: Mapping[str, Tensor],
    layout: FileLayout,
    epoch: object,
    name: str,
) -> tuple[FileReport, list[str]]:
    expected = module.state_dict()
    dropped = tuple(key for key, value in state.items() if (which, key, value.shape) == EXTRA)
    kept = {key: value for key, value in state.items() if key not in dropped}
    differences = compare_states(expected, kept)
    report = FileReport(
        path=path,
        module=which,
        sha256=sha256_file(path),
        layout=layout,
        epoch=epoch if isinstance(epoch, int) else None,
        used=tuple(key for key in kept if key in expected),
        dropped=dropped,
        differences=differences,
        parameters=sum(parameter.numel() for parameter in module.parameters()),
        weight_bytes=weight_bytes(module),
    )
    if lines := differences.sentences():
        hint = looks_like(known_modules(), kept, (name, which))
        # A file that is plainly something else needs no list of four hundred keys.
        return report, [f"{path} is not the {which} file of {name}{hint}" + ("." if hint else ":\n" + "\n".join(lines))]
    unequal = [
        f"{path}: {alias} and {key} are one tensor in {name}, but differ in the file."
        for alias, key in shared_keys(module).items()
        if not torch.equal(kept[alias], kept[key])
    ]
    return report, unequal


def _load_pickle(path: Path) -> dict[str, object]:
    if not path.is_file():
        raise CheckpointError(f"There is no file {path}.")
    try:
        with torch.serialization.safe_globals(_NUMPY_NUMBERS):
            loaded = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file from anywhere can make the reader raise anything
        if asked := re.search(r"GLOBAL (\S+)", str(error)):
            raise CheckpointError(
                f"{path} asks to run {asked[1]}, which weights never need. It was refused, and nothing in it was run."
            ) from error
        raise CheckpointError(f"{path} is cut short, or not a PyTorch checkpoint; nothing in it was run.") from error
    if not isinstance(loaded, dict):
        raise CheckpointError(f"{path} holds a {type(loaded).__name__}, not a checkpoint: expected a state_dict.")
    return loaded


def _state_of(loaded: dict[str, object], path: Path) -> tuple[dict[str, Tensor], FileLayout]:
    """The state_dict: the entry `model` where there is one that is not empty, as the authors' loader reads it."""
    model = loaded.get("model")
    layout: FileLayout = "training" if isinstance(model, dict) and model else "bare"
    entries = model if isinstance(model, dict) and model else loaded
    state = {str(key): value for key, value in entries.items() if isinstance(value, Tensor)}
    if others := [f"{key!r} is a {type(entries[key]).__name__}" for key in entries.keys() - state.keys()]:
        raise CheckpointError(f"{path} is not a state_dict of tensors: {', '.join(sorted(others))}.")
    return state, layout
