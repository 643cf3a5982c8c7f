"""What a run goes on from: one file, replaced in one step, so that a killed run finds the old one or the new one.

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
    """A module, an optimiser, a scaler, an average."""

    def state_dict(self) -> Any: ...

    def load_state_dict(self, state_dict: Any, /) -> Any: ...


@dataclass(frozen=True)
class Progress:
    """step: how many are done. seconds: that they took, over all sittings."""

    step: int = 0
    seconds: float = 0.0


def save_state(path: Path, parts: Mapping[str, Stateful], progress: Progress) -> None:
    """Raises DmvtonError where the disk is full; the file that was there is then still there."""
    state = {name: part.state_dict() for name, part in parts.items()}
    write_tensors(path, state | {_PROGRESS: asdict(progress)})


def write_tensors(path: Path, values: dict[str, Any]) -> None:
    """A file for `torch.load`, whole or as it was before."""
    content = io.BytesIO()  # torch's own writer hides that a disk is full
    torch.save(values, content)
    with atomic_file(path, overwrite=True) as partial:
        partial.write_bytes(content.getbuffer())


def load_state(path: Path, parts: Mapping[str, Stateful]) -> Progress:
    """Puts the parts into the state that was saved. Raises DmvtonError where the file is not their state."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        for name, part in parts.items():
            part.load_state_dict(state[name])
        return Progress(**state[_PROGRESS])
    except (OSError, RuntimeError, ValueError, KeyError, TypeError, EOFError, pickle.UnpicklingError) as error:
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise DmvtonError(
            f"{path} is damaged, or the state of another network: {reason} Start the run anew."
        ) from error
