"""The state that a checkpoint stores of a quantized network.

It has the weights, under the float network's keys, and the ranges of activations; everything else follows from these.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.quantization.calibrate import switch
from dmvton_mobile.quantization.prepare import settle_weights

RANGE = ".range"  # suffix of the key of an activation's range: [2], its least and its greatest value


def quantized_state(network: TryOnNetwork) -> dict[str, Tensor]:
    """The weights and activation ranges of a prepared network, by key."""
    state = {name: value.detach() for name, value in network.named_parameters()}
    for name, fake in _activations(network):
        observer = fake.activation_post_process
        state[name + RANGE] = torch.stack([observer.min_val.reshape(()), observer.max_val.reshape(())]).detach()
    return state


def load_quantized_state(network: TryOnNetwork, state: Mapping[str, Tensor]) -> None:
    """Loads what `quantized_state` returned into a network that was prepared in the same way, in place."""
    with torch.no_grad():
        for name, value in network.named_parameters():
            value.copy_(state[name])
        for name, fake in _activations(network):
            observer = fake.activation_post_process
            observer.min_val, observer.max_val = (bound.clone() for bound in state[name + RANGE])
            scale, zero_point = fake.calculate_qparams()
            fake.scale, fake.zero_point = scale.reshape(1), zero_point.reshape(1).to(torch.int32)
    settle_weights(network)
    switch(network, observe=False, fake=True)


def _activations(network: nn.Module) -> Iterator[tuple[str, Any]]:
    # imported here, since float networks need no torchao
    from torchao.quantization.pt2e.fake_quantize import FusedMovingAvgObsFakeQuantize

    for name, module in network.named_modules():
        if isinstance(module, FusedMovingAvgObsFakeQuantize) and not module.is_per_channel:
            yield name, module
