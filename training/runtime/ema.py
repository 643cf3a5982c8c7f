"""An exponential moving average of a network's weights."""

from typing import Any

import torch
from torch import Tensor, nn


class Ema:
    """weights: the average of the network's state. Early on it follows faster, as (1 + n) / (10 + n) after n updates,
    so that a short run does not keep the weights it started from. Integers, like BatchNorm's counts, are the newest."""

    def __init__(self, network: nn.Module, decay: float) -> None:
        self.weights = {key: value.detach().clone() for key, value in network.state_dict().items()}
        self._decay = decay
        self._updates = 0

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        self._updates += 1
        decay = min(self._decay, (1 + self._updates) / (10 + self._updates))
        for key, value in network.state_dict().items():
            if value.is_floating_point():
                self.weights[key].lerp_(value, 1 - decay)
            else:
                self.weights[key].copy_(value)

    def state_dict(self) -> dict[str, Any]:
        return {"weights": self.weights, "updates": self._updates}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        weights: dict[str, Tensor] = state["weights"]
        if weights.keys() != self.weights.keys():
            raise ValueError("the moving average is of another network")
        for key, value in weights.items():
            self.weights[key].copy_(value)
        self._updates = state["updates"]
