"""The optimisers of a stage, one per group of parameters, and the learning rates of their epochs."""

from collections.abc import Sequence
from typing import Any

from torch.amp.grad_scaler import GradScaler
from torch.optim import Adam, AdamW, Optimizer

from training.recipe import Epochs, Recipe
from training.stages.stage import OptimiserGroup, Stage

_KINDS: dict[str, type[Adam]] = {"adam": Adam, "adamw": AdamW}


def learning_rate(base: float, epoch: int, epochs: Epochs) -> float:
    """The learning rate of an epoch: constant, then down in equal steps, as in DM-VTON and PF-AFN.

    It is `base` through epoch constant + 1 and falls by base / decaying after each later one, so that the last epoch,
    constant + decaying, still has base / decaying.

    Args:
        base: The learning rate before it decays.
        epoch: The epoch, from 1.
        epochs: How many epochs are constant, and how many decay.
    """
    decays = max(epoch - epochs.constant - 1, 0)
    return base if not decays else base * (1 - decays / epochs.decaying)


class Optimisers:
    """One optimiser per group of a stage, each stepped in its own epochs; parameters in no group are frozen."""

    def __init__(self, stage: Stage, recipe: Recipe) -> None:
        self._groups: Sequence[OptimiserGroup] = stage.optimiser_groups()
        self._epochs = recipe.epochs
        config = recipe.optimiser
        self._optimisers: list[Optimizer] = [
            _KINDS[config.name](
                list(group.parameters), lr=group.learning_rate, betas=config.betas, weight_decay=config.weight_decay
            )
            for group in self._groups
        ]
        self._active: list[Optimizer] = []
        trained = {id(parameter) for group in self._groups for parameter in group.parameters}
        for parameter in stage.parameters():
            if id(parameter) not in trained:
                parameter.requires_grad_(False)

    def start_epoch(self, epoch: int) -> dict[str, float]:
        """Sets the learning rates of an epoch, from 1; returns those of the groups that it steps, by group."""
        rates = {}
        self._active = []
        for group, optimiser in zip(self._groups, self._optimisers, strict=True):
            if group.first_epoch <= epoch and (group.last_epoch is None or epoch <= group.last_epoch):
                rates[group.name] = learning_rate(group.learning_rate, epoch, self._epochs)
                for settings in optimiser.param_groups:
                    settings["lr"] = rates[group.name]
                self._active.append(optimiser)
        return rates

    def step(self, scaler: GradScaler) -> None:
        """Steps the groups of the epoch by the gradients, which `scaler` has scaled."""
        for optimiser in self._active:
            scaler.step(optimiser)
        scaler.update()

    def state_dict(self) -> dict[str, Any]:
        """The optimisers' states by group."""
        return {
            group.name: optimiser.state_dict() for group, optimiser in zip(self._groups, self._optimisers, strict=True)
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restores what `state_dict` returned."""
        for group, optimiser in zip(self._groups, self._optimisers, strict=True):
            optimiser.load_state_dict(state[group.name])
