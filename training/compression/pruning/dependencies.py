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
from dmvton_mobile.networks.dmvton import MobileWarp
from dmvton_mobile.networks.flow import COST_VOLUME_CHANNELS, FlowOperations
from dmvton_mobile.networks.lite import LiteNetwork, enlarge

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
        found = self._graph.get_all_groups(ignored_layers=list(_kept(self._network)), root_module_types=[nn.Conv2d])
        return [self._group(group) for group in found]

    def remove(self, group: ChannelGroup, channels: list[int]) -> None:
        """Takes those channels of the group's root, and all that hangs on them, out of the network."""
        layer = self._network.get_submodule(group.root)
        self._graph.get_pruning_group(layer, torch_pruning.prune_conv_out_channels, channels).prune()

    def _group(self, group: Any) -> ChannelGroup:
        shares = tuple(self._shares(group))
        makers = {self._network.get_submodule(share.layer) for share in shares if share.output}
        compared = not makers.isdisjoint(_compared(self._network))
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


def _kept(network: TryOnNetwork) -> Iterator[nn.Module]:
    """The layers whose outputs are a flow or a picture."""
    last = {id(parameter) for parameter in network.warp.aflow_net.last_layers()}
    for layer in network.modules():
        if isinstance(layer, Convolution) and id(layer.weight) in last:
            yield layer
    yield [layer for layer in network.generator.modules() if isinstance(layer, Convolution)][-1]


def _compared(network: TryOnNetwork) -> Iterator[nn.Module]:
    """The layers whose outputs are multiplied with another's."""
    if isinstance(network, LiteNetwork):
        yield from (network.warp.query, network.warp.key)
    elif isinstance(network.warp, MobileWarp):
        for pyramid in (network.warp.image_mobile, network.warp.cond_mobile):
            yield pyramid.smooth_layers[0]


def _pictures(network: TryOnNetwork) -> tuple[Tensor, Tensor, Tensor]:
    size = network.config.fixed_size or (SMALLEST_SIZE, SMALLEST_SIZE)
    return torch.rand(1, 3, *size), torch.rand(1, 3, *size), torch.ones(1, 1, *size)


def _trace(network: TryOnNetwork, pictures: tuple[Tensor, Tensor, Tensor]) -> list[Tensor]:
    if isinstance(network, LiteNetwork):
        return _trace_lite(network, *pictures)
    operations = network.warp.aflow_net.operations
    network.warp.aflow_net.operations = traced = TracedOperations()
    try:
        return [*network(*pictures), *traced.tied]
    finally:
        network.warp.aflow_net.operations = operations


def _trace_lite(network: LiteNetwork, person: Tensor, garment: Tensor, mask: Tensor) -> list[Tensor]:
    warp, flow = network.warp, network.warp.aflow_net
    person_coarse, person_fine = warp.person(person)
    values, garment_fine = warp.garment(torch.cat([garment, mask], 1))
    matched = warp.query(person_coarse) + warp.key(values)
    still = flow.offset_8(person.new_zeros(1, flow.offset_8.in_channels, *values.shape[2:]))  # a flow by a known layer
    known = flow.refine_8(torch.cat([person_coarse, values, still], 1))
    refined = enlarge(flow.offset_8(known), person_fine)
    narrowed = enlarge(flow.narrow(known), person_fine)
    last_known = flow.refine_4(torch.cat([person_fine, garment_fine, refined, narrowed], 1))
    return [
        matched,
        flow.offset_4(last_known),
        network.generator(torch.cat([person, garment, mask], 1), last_known),
    ]


class TracedOperations(FlowOperations):
    """Operations that keep every channel in its place. tied: sums of what a cost volume compares."""

    def __init__(self) -> None:
        super().__init__()
        self.tied: list[Tensor] = []

    def warp(self, picture: Tensor, flow: Tensor) -> Tensor:
        return picture

    def grid(self, offset: Tensor) -> Tensor:
        return offset

    def compose(self, flow: Tensor, offset: Tensor) -> Tensor:
        return flow + offset

    def cost_volume(self, garment: Tensor, person: Tensor, flow: Tensor | None = None) -> Tensor:
        self.tied.append(garment + person)
        batch, _, height, width = person.shape
        return person.new_zeros(batch, COST_VOLUME_CHANNELS, height, width)
