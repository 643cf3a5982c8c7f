"""Compares a file's tensors with a network's state_dict, and recognises the networks they could belong to."""

import functools
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network, network_names

Module = Literal["warp", "generator"]
MODULES: tuple[Module, Module] = ("warp", "generator")


class CheckpointError(DmvtonError):
    """A checkpoint that cannot be used; the message names the file and the fault."""


def weight_bytes(module: nn.Module) -> int:
    """Bytes of parameters and buffers, a shared tensor counted once."""
    tensors = [*module.parameters(), *module.buffers()]
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors)


def shared_keys(module: nn.Module) -> dict[str, str]:
    """Maps every key of the state_dict whose tensor also has an earlier key to that earlier key."""
    first: dict[int, str] = {}
    keys = {key: first.setdefault(id(value), key) for key, value in module.state_dict(keep_vars=True).items()}
    return {key: original for key, original in keys.items() if key != original}


@dataclass(frozen=True)
class Differences:
    """The differences between a file's tensors and a module's.

    Attributes:
        missing: keys that only the module has.
        unexpected: keys that only the file has.
        wrong: one line per key whose shape or type differs, with both.
    """

    missing: tuple[str, ...]
    unexpected: tuple[str, ...]
    wrong: tuple[str, ...]

    def sentences(self) -> list[str]:
        """All differences, one line each."""
        return (
            [f"  missing: {key}" for key in self.missing]
            + [f"  unexpected: {key}" for key in self.unexpected]
            + [f"  wrong: {line}" for line in self.wrong]
        )


def compare_states(expected: Mapping[str, Tensor], state: Mapping[str, Tensor]) -> Differences:
    """Compares a file's tensors with a module's by keys, shapes and types.

    Args:
        expected: the module's state_dict.
        state: the file's tensors by key.
    """
    wrong = [
        f"{key} is {_type_and_shape(state[key])}, not {_type_and_shape(value)}"
        for key, value in expected.items()
        if key in state and _type_and_shape(state[key]) != _type_and_shape(value)
    ]
    missing = tuple(key for key in expected if key not in state)
    return Differences(missing, tuple(key for key in state if key not in expected), tuple(wrong))


@functools.cache
def known_modules() -> dict[tuple[str, str], dict[str, str]]:
    """(network, module) -> key -> type and shape of the tensor, for both modules of every network."""
    known: dict[tuple[str, str], dict[str, str]] = {}
    for name in network_names():
        with torch.device("meta"):
            network = build_network(name)
        for module in MODULES:
            state = network.get_submodule(module).state_dict()
            known[name, module] = {key: _type_and_shape(value) for key, value in state.items()}
    return known


def known_networks() -> dict[tuple[str, str], dict[str, str]]:
    """As `known_modules`, for whole networks; the module is empty."""
    networks: dict[tuple[str, str], dict[str, str]] = {}
    for (name, module), tensors in known_modules().items():
        networks.setdefault((name, ""), {}).update({f"{module}.{key}": kind for key, kind in tensors.items()})
    return networks


def looks_like(
    known: Mapping[tuple[str, str], dict[str, str]], state: Mapping[str, Tensor], asked: tuple[str, str]
) -> str:
    """A hint for error messages where a file's tensors belong to something else that is known.

    Args:
        known: `known_modules()` or `known_networks()`.
        state: the file's tensors by key.
        asked: network and module that the file was expected to hold.

    Returns:
        `; it looks like ...`, or nothing.
    """
    tensors = {key: _type_and_shape(value) for key, value in state.items()}
    # nine tenths, not all: a shared tensor may be stored once
    alike = [
        which for which, kinds in known.items() if tensors.items() <= kinds.items() and len(tensors) > 0.9 * len(kinds)
    ]
    if asked in alike or not alike:
        return ""
    swapped = " (warp and generator swapped?)" if any(name == asked[0] for name, _ in alike) else ""
    named = [f"the {module} of {name}" if module else name for name, module in alike]
    return f"; it looks like {' or '.join(named)}{swapped}"


def _type_and_shape(tensor: Tensor) -> str:
    return f"{str(tensor.dtype).removeprefix('torch.')} {list(tensor.shape)}"
