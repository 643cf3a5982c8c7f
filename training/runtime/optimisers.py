"""One optimiser per group of a stage, each stepped in its own epochs."""

from collections.abc import Sequence
from typing import Any

from torch.amp.grad_scaler import GradScaler
from torch.optim import Adam, AdamW, Optimizer

from training.recipe import Recipe
from training.runtime.schedule import learning_rate
from training.stages.stage import OptimiserGroup, Stage

_KINDS: dict[str, type[Adam]] = {"adam": Adam, "adamw": AdamW}


class Optimisers:
    """Of a stage. Parameters in no group are frozen."""

    def __init__(self, stage: Stage, recipe: Recipe) -> None:
        self._groups: Sequence[OptimiserGroup] = stage.optimiser_groups()
        self._epochs = recipe.epochs
        chosen = recipe.optimiser
        self._optimisers: list[Optimizer] = [
            _KINDS[chosen.name](
                list(group.parameters), lr=group.learning_rate, betas=chosen.betas, weight_decay=chosen.weight_decay
            )
            for group in self._groups
        ]
        self._active: list[Optimizer] = []
        trained = {id(parameter) for group in self._groups for parameter in group.parameters}
        for parameter in stage.parameters():
            if id(parameter) not in trained:
                parameter.requires_grad_(False)

    def start_epoch(self, epoch: int) -> dict[str, float]:
        """The learning rates of the groups that this epoch steps, by group."""
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
        for optimiser in self._active:
            scaler.step(optimiser)
        scaler.update()

    def state_dict(self) -> dict[str, Any]:
        return {
            group.name: optimiser.state_dict() for group, optimiser in zip(self._groups, self._optimisers, strict=True)
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        for group, optimiser in zip(self._groups, self._optimisers, strict=True):
            optimiser.load_state_dict(state[group.name])
