"""A stage of training: the network that is trained, and the losses of one batch. The trainer knows no more of it."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor, nn

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from training.data.augmentation import mirror
from training.data.supervised_batch import SupervisedBatch
from training.losses.common import Losses
from training.losses.perceptual import PerceptualLoss
from training.stages.paper_config import PaperConfig

Pictures = list[tuple[str, Tensor]]
"""Titled pictures [B, 3, H, W] in [-1, 1] for a sample sheet."""


@dataclass(frozen=True)
class OptimiserGroup:
    """Parameters that one optimiser steps.

    Attributes:
        name: in the log and in the state of the run.
        parameters: what is stepped.
        learning_rate: before it decays.
        first_epoch: the first epoch that steps them, counted from 1.
        last_epoch: the last one, included; None for the end of the run.
    """

    name: str
    parameters: Sequence[nn.Parameter]
    learning_rate: float
    first_epoch: int = 1
    last_epoch: int | None = None


@dataclass(frozen=True)
class StageConfig:
    """What a stage needs besides its networks.

    Attributes:
        paper: what sets the papers' training apart.
        perceptual: the perceptual loss.
        warp_rate: learning rate of the warp, before it decays.
        constant_epochs: the number of epochs with the full learning rates.
        generator_rate: learning rate of the generator, for stages that train one.
        augment: the augmentation of supervised batches.
    """

    paper: PaperConfig
    perceptual: PerceptualLoss
    warp_rate: float
    constant_epochs: int
    generator_rate: float | None = None
    augment: Callable[[SupervisedBatch], SupervisedBatch] = mirror


class Stage(nn.Module, ABC):
    """Trains a network; its only submodule, so that `state_dict` and `parameters` hold nothing else.

    The stage's companions, such as a teacher or a perceptual network, take part in its losses but are not trained: they
    are in eval mode, have no gradients, and follow the stage to another device or dtype. They are no submodules, so
    `train`, `parameters` and `state_dict` never reach them.

    Attributes:
        network: what the checkpoint is made of, trained in place. A stage that trains the warp alone leaves the
            generator as it was.
        config: what the stage needs besides.

    Args:
        network: see above.
        config: see above; its perceptual loss is a companion.
        companions: further ones; the stage freezes them.
    """

    network: TryOnNetwork

    def __init__(self, network: TryOnNetwork, config: StageConfig, companions: Sequence[nn.Module] = ()):
        super().__init__()
        self.network = network
        self.config = config
        # a tuple, which torch does not search for submodules
        self.companions = tuple(each.requires_grad_(False).eval() for each in (config.perceptual, *companions))

    @abstractmethod
    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        """The named losses of a batch.

        Args:
            batch: on the stage's device.
            epoch: counted from 1, for weights that change.
        """

    @abstractmethod
    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        """Which parameters are stepped, with which learning rates, in which epochs."""

    @abstractmethod
    def pictures(self, batch: TryOnSample) -> Pictures:
        """What `preview` shows."""

    @torch.no_grad()
    def preview(self, batch: TryOnSample) -> Pictures:
        """Pictures for a sample sheet, computed in eval mode; the network's mode is restored."""
        training = self.network.training
        self.network.eval()
        try:
            return self.pictures(batch)
        finally:
            self.network.train(training)

    def warp_group(self) -> OptimiserGroup:
        """All parameters of the warp."""
        return OptimiserGroup("warp", list(self.network.warp.parameters()), self.config.warp_rate)

    def generator_group(self) -> OptimiserGroup:
        """All parameters of the generator."""
        if self.config.generator_rate is None:
            raise DmvtonError("This stage trains the generator, too: give its learning rate.")
        return OptimiserGroup("generator", list(self.network.generator.parameters()), self.config.generator_rate)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """What `.to()` and its like call: the companions go where the stage goes."""
        for companion in self.companions:
            companion._apply(fn, recurse)
        return super()._apply(fn, recurse)
