"""What a network's state_dict should hold, what a file's does, and which network it looks like."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network, network_names

Part = Literal["warp", "generator"]
PARTS: tuple[Part, Part] = ("warp", "generator")


class CheckpointError(DmvtonError):
    """A checkpoint that cannot be used: which file, what is wrong with it."""


def weight_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers, a shared tensor counted once."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def shared_keys(module: nn.Module) -> dict[str, str]:
    """Every key of the state_dict whose tensor already has an earlier key -> that key."""
    first: dict[int, str] = {}
    keys = {key: first.setdefault(id(value), key) for key, value in module.state_dict(keep_vars=True).items()}
    return {key: original for key, original in keys.items() if key != original}


@dataclass(frozen=True)
class Differences:
    """What stands between a file's tensors and a module's: keys, and for `wrong` both shapes and types too."""

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong: tuple[str, ...]

    def sentences(self) -> list[str]:
        """All of them, one line each."""
        return (
            [f"  missing: {key}" for key in self.missing]
            + [f"  unexpected: {key}" for key in self.unexpected]
            + [f"  wrong: {line}" for line in self.wrong]
        )


def compare_states(expected: Mapping[str, Tensor], given: Mapping[str, Tensor]) -> Differences:
    """How the given tensors differ from the expected ones in keys, shapes and types."""
    wrong = [
        f"{key} is {_form(given[key])}, not {_form(value)}"
        for key, value in expected.items()
        if key in given and _form(given[key]) != _form(value)
    ]
    missing = tuple(key for key in expected if key not in given)
    return Differences(missing, tuple(key for key in given if key not in expected), tuple(wrong))


@functools.cache
def known_parts() -> dict[tuple[str, str], dict[str, str]]:
    """Each module of each network: the form of its tensors by key."""
    known: dict[tuple[str, str], dict[str, str]] = {}
    for name in network_names():
        with torch.device("meta"):
            network = build_network(name)
        for part in PARTS:
            known[name, part] = {key: _form(value) for key, value in network.get_submodule(part).state_dict().items()}
    return known


def known_networks() -> dict[tuple[str, str], dict[str, str]]:
    """As `known_parts`, for whole networks; the part is empty."""
    whole: dict[tuple[str, str], dict[str, str]] = {}
    for (name, part), forms in known_parts().items():
        whole.setdefault((name, ""), {}).update({f"{part}.{key}": form for key, form in forms.items()})
    return whole


def looks_like(
    known: Mapping[tuple[str, str], dict[str, str]], given: Mapping[str, Tensor], asked: tuple[str, str]
) -> str:
    """`; it looks like ...` where the tensors are those of others that we know, not of what was asked for; else empty.

    known: by network and part, each key's form. asked: network and part.
    """
    forms = {key: _form(value) for key, value in given.items()}
    # nine tenths, not all: a shared tensor may be stored once
    alike = [which for which, form in known.items() if forms.items() <= form.items() and len(forms) > 0.9 * len(form)]
    if asked in alike or not alike:
        return ""
    swapped = " (warp and generator swapped?)" if any(name == asked[0] for name, _ in alike) else ""
    named = [f"the {part} of {name}" if part else name for name, part in alike]
    return f"; it looks like {' or '.join(named)}{swapped}"


def _form(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
