"""Published weight files: read from a path, checked by SHA-256, without running code in them or downloading them."""

from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from dmvton_mobile.checkpoints.states import compare_states
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.files import sha256_file


class WeightsError(DmvtonError):
    """A weight file that is missing or is not the published one; the message says which file it should be."""


@dataclass(frozen=True)
class WeightsFile:
    """A weight file as its authors publish it.

    Attributes:
        name: The file's name.
        sha256: All 64 digits, or the first 8 where the name carries them (the convention of torch.hub).
        source: Its address.
    """

    name: str
    sha256: str
    source: str

    def __str__(self) -> str:
        return f"{self.name}, whose SHA-256 begins with {self.sha256[:8]} ({self.source}; nothing is downloaded)"


def read_weights(path: Path, published: WeightsFile) -> dict[str, Tensor]:
    """Reads the tensors of the file by key, on the CPU.

    Raises:
        WeightsError: The file is missing or is not the published one.
    """
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
    """Loads the file into the module and freezes it: eval mode, no gradients for its parameters.

    Tensors that the module does not have (a classifier) are left out.

    Raises:
        WeightsError: As `read_weights`, or the file lacks tensors or has them in other shapes; the message lists them.
    """
    state = read_weights(path, published)
    expected = module.state_dict()
    differences = compare_states(expected, {key: value for key, value in state.items() if key in expected})
    if problems := differences.sentences():
        raise WeightsError("\n".join([f"{path} does not hold the weights of {published.name}:", *problems]))
    module.load_state_dict({key: state[key] for key in expected})
    module.requires_grad_(False).eval()
