"""The state that a run resumes from: one file, replaced in one step, so that a killed run finds the old or the new one.

It holds no random states: they follow from seed, epoch and step (`seeds`).
"""

import io
import pickle
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Protocol

import torch

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import atomic_file

_PROGRESS = "progress"


class Stateful(Protocol):
    """A module, an optimiser or a scaler: what saves its state and loads it again."""

    def state_dict(self) -> Any:
        """The state, as tensors and plain values."""

    def load_state_dict(self, state_dict: Any, /) -> Any:
        """Restores what `state_dict` returned."""


@dataclass(frozen=True)
class RunProgress:
    """How far a run is.

    Attributes:
        step: The number of steps done.
        seconds: The time they took, over all calls that resumed the run.
    """

    step: int = 0
    seconds: float = 0.0


def save_state(path: Path, stateful: Mapping[str, Stateful], progress: RunProgress) -> None:
    """Replaces the state file.

    Args:
        path: The file state.pt.
        stateful: What the run resumes with, by name.
        progress: How far the run is.

    Raises:
        DmvtonError: The disk is full; the file of before is kept.
    """
    states = {name: item.state_dict() for name, item in stateful.items()}
    write_tensors(path, states | {_PROGRESS: asdict(progress)})


def load_state(path: Path, stateful: Mapping[str, Stateful]) -> RunProgress:
    """Restores what `save_state` wrote, in place, and returns how far the run is.

    Raises:
        DmvtonError: The file is damaged, or belongs to another network.
    """
    try:
        states = torch.load(path, map_location="cpu", weights_only=True)
        for name, item in stateful.items():
            item.load_state_dict(states[name])
        return RunProgress(**states[_PROGRESS])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DmvtonError(
            f"{path} is damaged, or the state of another network: {reason} Start the run anew."
        ) from error


def write_tensors(path: Path, values: dict[str, Any]) -> None:
    """Writes a complete file for `torch.load`, or leaves the file of before."""
    content = io.BytesIO()  # torch's own writer hides that a disk is full
    torch.save(values, content)
    with atomic_file(path, overwrite=True) as partial:
        partial.write_bytes(content.getbuffer())
