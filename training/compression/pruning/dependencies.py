"""Which layers must lose channels together: torch-pruning's graph, traced through a forward that only says what feeds
what.

Matching and warps move features about and keep their channels apart; autograd's graph of them says nothing of that. In
the trace a warp hands on the map it was given, and two maps that are multiplied, channel by channel, are tied by a sum.
"""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import torch
import torch_pruning
from torch import Tensor, nn

from dmvton_mobile.contract import SMALLEST_SIZE
from dmvton_mobile.networks import TryOnNetwork

Convolution = nn.Conv2d | nn.ConvTranspose2d


@dataclass(frozen=True)
class Share:
    """That a convolution's output (else input) channels are a group's: which of them, in the group's order."""

    layer: str
    output: bool
    channels: tuple[int, ...]


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that go together.

    root: the convolution that makes them. shares: every convolution that has them, twice where it reads two maps of
    them. compared: whether two of its makers' maps are multiplied, too.
    """

    root: str
    channels: int
    shares: tuple[Share, ...]
    compared: bool


class Dependencies:
    """The groups of a network. Its inputs, its flow heads and its last layer keep their channels."""

    def __init__(self, network: TryOnNetwork):
        self._network = network
        self._names = {module: name for name, module in network.named_modules()}
        for parameter in network.parameters():
            parameter.requires_grad_(True)  # the trace follows gradients
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of parameters that are no layer's
            self._graph = torch_pruning.DependencyGraph().build_dependency(network, _pictures(network), _trace)

    def groups(self) -> list[ChannelGroup]:
        """Every group of channels that can go."""
        found = self._graph.get_all_groups(ignored_layers=self._network.output_layers(), root_module_types=[nn.Conv2d])
        return [self._group(group) for group in found]

    def remove(self, group: ChannelGroup, channels: list[int]) -> None:
        """Takes those channels of the group's root, and all that hangs on them, out of the network."""
        layer = self._network.get_submodule(group.root)
        self._graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, channels).prune()

    def _group(self, group: Any) -> ChannelGroup:
        shares = tuple(self._shares(group))
        makers = {self._network.get_submodule(share.layer) for share in shares if share.output}
        compared = not makers.isdisjoint(map(self._network.get_submodule, self._network.compared_layers))
        return ChannelGroup(self._names[group[0].dep.target.module], len(group[0].idxs), shares, compared)

    def _shares(self, group: Any) -> Iterator[Share]:
        """torch-pruning says at once what a layer reads of a group, though it may read two maps of it."""
        for item in group:
            layer = item.dep.target.module
            if not isinstance(layer, Convolution):
                continue
            places: dict[int, list[int]] = {index: [] for index in group[0].idxs}
            for root, channel in zip(item.root_idxs, item.idxs, strict=True):
                places[root].append(channel)
            output = self._graph.is_out_channel_pruning_fn(item.dep.handler)
            for channels in zip(*places.values(), strict=True):
                yield Share(self._names[layer], output, channels)


def _pictures(network: TryOnNetwork) -> tuple[Tensor, Tensor, Tensor]:
    size = network.config.fixed_size or (SMALLEST_SIZE, SMALLEST_SIZE)
    return torch.rand(1, 3, *size), torch.rand(1, 3, *size), torch.ones(1, 1, *size)


def _trace(network: TryOnNetwork, pictures: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
    return network.trace_channels(*pictures)
