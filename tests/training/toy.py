"""A stage of two small convolutions that draws random numbers of every kind; and a run of it to be killed, as a script:

python -m tests.training.toy DATA OUT STEP    trains, and kills itself with SIGKILL after that step
"""

import os
import random
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np
import torch
from torch import Tensor, nn

from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.networks import NetworkConfig
from dmvton_mobile.networks.network import PaperNetwork
from dmvton_mobile.networks.warp import PyramidWarp
from tests.conftest import SEED, SMALL
from training.losses.common import Losses
from training.losses.perceptual import StructuralPerceptual
from training.recipe import Recipe
from training.runtime.distributed import DistributedContext
from training.runtime.run_folder import TrainingData
from training.stages.paper_config import DMVTON
from training.stages.stage import OptimiserGroup, Pictures, Stage, StageConfig
from training.trainer import StepReport, train

CPU = DistributedContext(torch.device("cpu"))
PAIRS = 8


class Toy(Stage):
    """norm: BatchNorm, which keeps statistics. noise: draws. spoilt: (loss, call) that is NaN. late: the first epoch
    that steps the generator."""

    def __init__(
        self,
        width: int = 4,
        norm: bool = True,
        noise: bool = True,
        spoilt: tuple[str, int] | None = None,
        late: int = 1,
    ) -> None:
        torch.manual_seed(SEED)
        warp = nn.Conv2d(3, width, 3, padding=1)
        generator = nn.Sequential(nn.BatchNorm2d(width) if norm else nn.Identity(), nn.Conv2d(width, 3, 3, padding=1))
        config = NetworkConfig(name="toy", condition_channels=3)
        network = PaperNetwork(config, cast(PyramidWarp, warp), generator)
        super().__init__(network, StageConfig(DMVTON, StructuralPerceptual(), warp_rate=1e-2, constant_epochs=1))
        self.noise, self.spoilt, self.late = noise, spoilt, late
        self.calls = 0

    def forward(self, batch: TryOnSample, epoch: int) -> Losses:
        self.calls += 1
        small = batch.person[..., ::4, ::4]
        made = self.network.generator(self.network.warp(small + self._drawn(small)))
        losses = {
            "l1": (made - small).abs().mean(),
            "squared": 0.5 * (made - batch.garment[..., ::4, ::4]).pow(2).mean(),
        }
        if self.spoilt is not None and self.calls == self.spoilt[1]:
            losses[self.spoilt[0]] = losses[self.spoilt[0]] * float("nan")
        return losses

    def optimiser_groups(self) -> Sequence[OptimiserGroup]:
        return [
            OptimiserGroup("warp", list(cast(nn.Module, self.network.warp).parameters()), 1e-2),
            OptimiserGroup("generator", list(self.network.generator.parameters()), 2e-2, first_epoch=self.late),
        ]

    def pictures(self, batch: TryOnSample) -> Pictures:
        assert not self.network.training and not torch.is_grad_enabled()
        made = self.network.generator(cast(nn.Module, self.network.warp)(batch.person))
        return [("person", batch.person), ("made", made)]

    def _drawn(self, like: Tensor) -> Tensor | float:
        if not self.noise:
            return 0.0
        return torch.rand_like(like) * random.random() + float(np.random.rand())


def recipe(**changes: Any) -> Recipe:
    """Two epochs of four batches, one to four of them with an average, unless something is changed."""
    values: dict[str, Any] = {
        "scheme": "dmvton",
        "stage": "teacher-warp",
        "network": "toy",
        "epochs": {"constant": 1, "decaying": 1},
        "batch_size": 2,
        "learning_rates": {"warp": 1e-2},
        "perceptual": {"kind": "structural"},
        "size": SMALL,
        "seed": SEED,
        "checkpoint_every": 2,
    }
    return Recipe.model_validate(values | changes)


def dataset_of(people: Path) -> TryOnDataset:
    return open_dataset(people, "train", SMALL, SEED)


DATA = TrainingData(name="people", layout="viton", pairs=PAIRS, digest="0" * 64)
KILLED = {"ema_decay": 0.9, "checkpoint_every": 3, "sheet_every": 4}


def main(data: str, out: str, last: str) -> None:
    torch.set_num_threads(1)

    def kill(report: StepReport) -> None:
        if report.row.step == int(last):
            os.kill(os.getpid(), signal.SIGKILL)

    train(Toy(), dataset_of(Path(data)), DATA, recipe(**KILLED), Path(out), CPU, on_step=kill)


if __name__ == "__main__":
    main(*sys.argv[1:])
