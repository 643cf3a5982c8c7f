"""The importance of channels: how much the loss changes, to first order, without one (Fisher information).

Source: Pruning Convolutional Neural Networks for Resource Efficient Inference (https://arxiv.org/abs/1611.06440), its
criterion squared and averaged over samples as in https://arxiv.org/abs/1801.05787.
"""

from collections.abc import Iterable

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from training.compression.pruning.dependencies import ChannelGroup, Convolution
from training.stages.stage import Stage


def channel_importance(stage: Stage, groups: list[ChannelGroup], samples: Iterable[TryOnSample]) -> dict[str, Tensor]:
    """Sums the importance of every channel over samples.

    Args:
        stage: The stage whose losses count; its network is put into eval mode.
        groups: The channels.
        samples: Batches of one.

    Returns:
        By the root of each group, [channels], in squares of the loss.
    """
    importance = {group.root: torch.zeros(group.channels) for group in groups}
    network = stage.network
    stage.eval()
    for sample in samples:
        network.zero_grad(set_to_none=True)
        torch.stack(list(stage(sample, 1).values())).sum().backward()
        for group in groups:
            importance[group.root] += _gate_gradient(stage, group).square()
    network.zero_grad(set_to_none=True)
    return importance


def _gate_gradient(stage: Stage, group: ChannelGroup) -> Tensor:
    """The gradient of the loss for a gate of 1 on each channel, [channels].

    It is the sum of weight times gradient over the layers that read the channel. Where channels are compared, the
    product of two maps reads them as well. Each of its two writers has the gradient of the product and that of its own
    readers, so half of what all writers and readers have is the gradient of the gate.
    """
    gradient = torch.zeros(group.channels)
    for reader in group.readers:
        layer = _convolution(stage, reader.layer)
        gradient += _weight_times_gradient(layer.weight).sum(_other_axes(layer, output=False))[list(reader.channels)]
    if not group.compared:
        return gradient
    written = torch.zeros(group.channels)
    for writer in group.writers:
        layer = _convolution(stage, writer.layer)
        written += _weight_times_gradient(layer.weight).sum(_other_axes(layer, output=True))[list(writer.channels)]
        written += 0 if layer.bias is None else _weight_times_gradient(layer.bias)[list(writer.channels)]
    return (gradient + written) / 2


def _convolution(stage: Stage, name: str) -> Convolution:
    layer = stage.network.get_submodule(name)
    assert isinstance(layer, Convolution)
    return layer


def _weight_times_gradient(weight: Tensor) -> Tensor:
    return torch.zeros_like(weight) if weight.grad is None else (weight * weight.grad).detach()


def _other_axes(layer: Convolution, *, output: bool) -> tuple[int, int, int]:
    """The axes of a weight other than that of its output channels, or of its input channels."""
    return (1, 2, 3) if output is not isinstance(layer, torch.nn.ConvTranspose2d) else (0, 2, 3)
