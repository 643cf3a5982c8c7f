"""A stage of training: what is trained, who teaches it, and the losses of one batch. The trainer knows no more."""

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor, nn

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import TryOnNetwork

Losses = dict[str, Tensor]  # scalars by name, weighted: what is minimised is their sum


@dataclass(frozen=True)
class OptimiserGroup:
    """Parameters that one optimiser steps, with its learning rate, from one epoch to another (counted from 1, the last
    one included; None: to the end)."""

    name: str
    parameters: Sequence[nn.Parameter]
    learning_rate: float
    first_epoch: int = 1
    last_epoch: int | None = None


class Stage(nn.Module, ABC):
    """Its `state_dict` holds what is trained and nothing else: teachers are frozen, in eval mode, and no submodules.

    network: what the checkpoint is made of. A stage that trains the warp alone leaves the generator as it was.
    """

    network: TryOnNetwork

    @abstractmethod
    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """The named losses of a batch on the stage's device; epoch: counted from 1, for schedules of weights."""

    @abstractmethod
    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """Who steps what, and when."""

    @abstractmethod
    def preview(self, batch: TryOnSample) -> Sequence[tuple[str, Tensor]]:
        """Titled pictures [B, 3, H, W] in [-1, 1] for a sample sheet, made in eval mode without gradients."""
