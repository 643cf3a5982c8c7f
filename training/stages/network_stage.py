"""What all stages share: the network that is trained, what they are told besides, a preview that disturbs nothing."""

from abc import abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from training.data.augmentation import mirror
from training.data.supervised_batch import Lesson
from training.losses.perceptual import Perceptual
from training.stages.paper_config import Scheme
from training.stages.stage import OptimiserGroup, Stage

Pictures = list[tuple[str, Tensor]]


@dataclass(frozen=True)
class Setting:
    """What every stage is told besides its network.

    warp_rate, generator_rate: the learning rates before they decay; generator_rate for the stages that train one.
    constant_epochs: how many epochs keep them.
    augment: what varies the batches of rendered people.
    """

    scheme: Scheme
    perceptual: Perceptual
    warp_rate: float
    constant_epochs: int
    generator_rate: float | None = None
    augment: Callable[[Lesson], Lesson] = mirror


class NetworkStage(Stage):
    """The network is its only submodule. The perceptual loss has weights, too, but is a part of the setting, where no
    optimiser and no checkpoint finds them."""

    def __init__(self, network: TryOnNetwork, setting: Setting):
        super().__init__()
        self.network = network
        self.setting = setting

    def warp_group(self) -> OptimiserGroup:
        return OptimiserGroup("warp", list(self.network.warp.parameters()), self.setting.warp_rate)

    def generator_group(self) -> OptimiserGroup:
        if self.setting.generator_rate is None:
            raise DmvtonError("This stage trains the generator, too: give its learning rate.")
        return OptimiserGroup("generator", list(self.network.generator.parameters()), self.setting.generator_rate)

    @abstractmethod
    def pictures(self, batch: TryOnSample) -> Pictures:
        """What `preview` shows."""

    @torch.no_grad()
    def preview(self, batch: TryOnSample) -> Sequence[tuple[str, Tensor]]:
        training = self.network.training
        self.network.eval()
        try:
            return self.pictures(batch)
        finally:
            self.network.train(training)

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> Self:
        """`.to()` and its like reach what is no submodule, too."""
        self.setting.perceptual._apply(fn, recurse)
        return super()._apply(fn, recurse)
