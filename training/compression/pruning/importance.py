"""What a channel is worth: how much the loss would change, to first order, if nobody read it (Fisher information).

Source: Pruning Convolutional Neural Networks for Resource Efficient Inference (https://arxiv.org/abs/1611.06440), its
criterion squared and averaged over samples as in https://arxiv.org/abs/1801.05787.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from training.compression.pruning.dependencies import ChannelGroup, Convolution
from training.stages.stage import Stage


def channel_worth(stage: Stage, groups: list[ChannelGroup], samples: Iterable[TryOnSample]) -> dict[str, Tensor]:
    """The worth of each channel of each group, by its root: [channels], in squares of the stage's loss.

    samples: batches of one, on which the stage's network, in eval mode, is judged.
    """
    worth = {group.root: torch.zeros(group.channels) for group in groups}
    network = stage.network
    stage.eval()
    for sample in samples:
        network.zero_grad(set_to_none=True)
        torch.stack(list(stage(sample, 1).values())).sum().backward()
        for group in groups:
            worth[group.root] += _slope(stage, group).square()
    network.zero_grad(set_to_none=True)
    return worth


def _slope(stage: Stage, group: ChannelGroup) -> Tensor:
    """d loss / d gate, for a gate of 1 on each channel: what its readers' weights have of the gradient.

    Where products read it, too, its two makers have their readers' and, each, the products': half of what is more.
    """
    slope = torch.zeros(group.channels)
    for share in group.shares:
        if not share.output:
            layer = _convolution(stage, share.layer)
            slope += _gradient(layer.weight).sum(_others(layer, output=False))[list(share.channels)]
    if not group.compared:
        return slope
    made = torch.zeros(group.channels)
    for share in group.shares:
        if share.output:
            layer = _convolution(stage, share.layer)
            made += _gradient(layer.weight).sum(_others(layer, output=True))[list(share.channels)]
            made += 0 if layer.bias is None else _gradient(layer.bias)[list(share.channels)]
    return (slope + made) / 2


def _convolution(stage: Stage, name: str) -> Convolution:
    layer = stage.network.get_submodule(name)
    assert isinstance(layer, Convolution)
    return layer


def _gradient(weight: Tensor) -> Tensor:
    """Of the logarithm of its size, element by element."""
    return torch.zeros_like(weight) if weight.grad is None else (weight * weight.grad).detach()


def _others(layer: Convolution, *, output: bool) -> tuple[int, int, int]:
    """The axes of a weight that are not its output (else input) channels."""
    return (1, 2, 3) if output is not isinstance(layer, torch.nn.ConvTranspose2d) else (0, 2, 3)
