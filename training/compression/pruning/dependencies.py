"""The channels that must be removed together: torch-pruning's dependency graph of a network.

Matching and warps move features and keep their channels apart, which autograd's graph of them does not show. The graph
is therefore traced through `TryOnNetwork.trace_channels`, a forward that only shows which channels feed which.
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
class LayerChannels:
    """The channels of one convolution that belong to a group.

    Attributes:
        layer: The path of the convolution.
        is_output: Whether they are its output channels; else they are input channels.
        channels: Their indices, in the order of the group.
    """

    layer: str
    is_output: bool
    channels: tuple[int, ...]


@dataclass(frozen=True)
class ChannelGroup:
    """Channels that are removed together.

    Attributes:
        root: The path of a convolution whose outputs they are.
        channels: The number of channels.
        members: All convolutions that write or read them; one that reads two maps of them is there twice.
        compared: Whether two of their maps are also multiplied with each other, channel by channel.
    """

    root: str
    channels: int
    members: tuple[LayerChannels, ...]
    compared: bool

    @property
    def writers(self) -> list[LayerChannels]:
        """The convolutions whose outputs they are."""
        return [member for member in self.members if member.is_output]

    @property
    def readers(self) -> list[LayerChannels]:
        """The convolutions whose inputs they are."""
        return [member for member in self.members if not member.is_output]


class Dependencies:
    """The channel groups of a network, from which channels are removed in place.

    The network's inputs, its flow heads and the generator's last layer keep their channels.
    """

    def __init__(self, network: TryOnNetwork):
        self._network = network
        self._names = {module: name for name, module in network.named_modules()}
        for parameter in network.parameters():
            parameter.requires_grad_(True)  # the trace follows gradients
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about parameters that belong to no layer
            self._graph = torch_pruning.DependencyGraph().build_dependency(
                network, _example_inputs(network), forward_fn=lambda network, inputs: network.trace_channels(*inputs)
            )

    def groups(self) -> list[ChannelGroup]:
        """Every group whose channels may be removed."""
        found = self._graph.get_all_groups(ignored_layers=self._network.output_layers(), root_module_types=[nn.Conv2d])
        return [self._group(group) for group in found]

    def remove(self, group: ChannelGroup, channels: list[int]) -> None:
        """Removes channels of a group, numbered from 0, from every layer that has them."""
        layer = self._network.get_submodule(group.root)
        self._graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, channels).prune()

    def _group(self, group: Any) -> ChannelGroup:
        members = tuple(self._members(group))
        compared_layers = set(map(self._network.get_submodule, self._network.compared_layers))
        compared = any(self._network.get_submodule(each.layer) in compared_layers for each in members if each.is_output)
        return ChannelGroup(self._names[group[0].dep.target.module], len(group[0].idxs), members, compared)

    def _members(self, group: Any) -> Iterator[LayerChannels]:
        """Splits what torch-pruning lists once for a layer, though the layer may read two maps of the group."""
        for item in group:
            layer = item.dep.target.module
            if not isinstance(layer, Convolution):
                continue
            channels_of: dict[int, list[int]] = {index: [] for index in group[0].idxs}
            for root_channel, channel in zip(item.root_idxs, item.idxs, strict=True):
                channels_of[root_channel].append(channel)
            is_output = self._graph.is_out_channel_pruning_fn(item.dep.handler)
            for channels in zip(*channels_of.values(), strict=True):
                yield LayerChannels(self._names[layer], is_output, channels)


def _example_inputs(network: TryOnNetwork) -> tuple[Tensor, Tensor, Tensor]:
    size = network.config.fixed_size or (SMALLEST_SIZE, SMALLEST_SIZE)
    return torch.rand(1, 3, *size), torch.rand(1, 3, *size), torch.ones(1, 1, *size)
