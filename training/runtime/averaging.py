"""The exponential moving average of a network, which a run with `ema_decay` saves in place of the last weights."""

from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

_Tensors = tuple[Tensor, ...] | list[Tensor]


def moving_average(network: nn.Module, decay: float) -> AveragedModel:
    """Starts the average of a network's parameters and buffers at the values that they have now.

    Call `update_parameters(network)` after every step of the optimiser. Update n weighs the average by
    min(decay, (1 + n) / (10 + n)), so that a short run does not keep the weights it started from. Integers, like the
    batch counts of BatchNorm, are the newest.

    Args:
        network: The network that is trained.
        decay: The weight of the average against the newest values, in (0, 1).

    Returns:
        The average; `module` is the averaged network. Its state also loads from runs of before torch's AveragedModel.
    """

    def average(averaged: _Tensors, newest: _Tensors, updates: Tensor | int) -> None:
        if not averaged[0].is_floating_point():
            torch._foreach_copy_(averaged, newest)
            return
        warmed_up = min(decay, (1 + int(updates)) / (10 + int(updates)))
        get_ema_multi_avg_fn(warmed_up)(averaged, newest, updates)

    model = AveragedModel(network, multi_avg_fn=average, use_buffers=True)
    model.register_load_state_dict_pre_hook(_convert_old_state)
    model.update_parameters(network)  # the first update only copies: torch averages from the second on
    return model


def _convert_old_state(model: nn.Module, state: dict[str, Any], *_: Any) -> None:
    """Turns {weights, updates}, the state that runs wrote before AveragedModel, into AveragedModel's, in place."""
    if "updates" not in state:
        return
    weights, updates = state.pop("weights"), state.pop("updates")
    state["n_averaged"] = torch.tensor(updates + 1)  # the copy of the first weights counts
    state.update({f"module.{key}": value for key, value in weights.items()})
