"""Published weights by path: checked by their SHA-256, read without running anything in them, never downloaded."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dmvton_mobile.checkpoints.states import compare_states
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import sha256_file


class WeightsError(DmvtonError):
    """A weights file that is missing or not the published one: which file, what it should be."""


@dataclass(frozen=True)
class WeightsFile:
    """A file as its authors publish it.

    sha256: all 64 digits, or those that the name carries (torch.hub's convention: the first 8). source: where it is.
    """

    name: str
    sha256: str
    source: str

    def __str__(self) -> str:
        return f"{self.name}, whose SHA-256 begins with {self.sha256[:8]} ({self.source}; nothing is downloaded)"


def read_weights(path: Path, published: WeightsFile) -> dict[str, Tensor]:
    """The tensors of the file by key, on the CPU. Raises WeightsError where it is missing or not the published one."""
    if not path.is_file():
        raise WeightsError(f"There is no file {path}; it should be {published}.")
    digest = sha256_file(path)
    if not digest.startswith(published.sha256):
        raise WeightsError(f"{path} has the SHA-256 {digest}; it should be {published}.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:  # a file from anywhere can make the reader raise anything
        raise WeightsError(f"{path} is not a PyTorch weights file; nothing in it was run.") from error
    if not isinstance(state, dict) or not all(isinstance(value, Tensor) for value in state.values()):
        raise WeightsError(f"{path} is not a state_dict of tensors; it should be {published}.")
    return state


def load_weights(module: nn.Module, path: Path, published: WeightsFile) -> None:
    """Fills the module and freezes it: eval mode, no gradients for its parameters. What the file holds beyond the
    module (a classifier) is left out.

    Raises WeightsError as `read_weights` does, and where the file lacks tensors or has them in other shapes: which.
    """
    state = read_weights(path, published)
    expected = module.state_dict()
    differences = compare_states(expected, {key: value for key, value in state.items() if key in expected})
    if problems := differences.sentences():
        raise WeightsError("\n".join([f"{path} does not hold the weights of {published.name}:", *problems]))
    module.load_state_dict({key: state[key] for key in expected})
    module.requires_grad_(False).eval()
