"""Latency-guided structured pruning: again and again, the channels that are worth least for the time they take go."""

import math
from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from pydantic import JsonValue
from torch import Tensor

from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network
from dmvton_mobile.networks.widths import widths_of
from training.compression.latency import ConvShape, Latencies, conv_shapes
from training.compression.pruning.dependencies import ChannelGroup, Dependencies
from training.compression.pruning.importance import channel_worth
from training.stages.stage import Stage

STEP = 16  # channels: what kernels of all runtimes work on at once; with 8, ONNX Runtime is slower for as many MACs
PASSES = 3  # plans, each by times measured once more
LEAST = 1 / 3  # of a group's channels stay: what they are worth alone says nothing of the last ones


@dataclass(frozen=True)
class Pruned:
    """What was taken out. macs_before, macs: of a frame. predicted: its convolutions' time, of what it was. removed: by
    root."""

    macs_before: int
    macs: int
    predicted: float
    removed: dict[str, int]

    def record(self) -> dict[str, JsonValue]:
        removed: dict[str, JsonValue] = dict(self.removed)
        return {
            "macs_before": self.macs_before,
            "macs": self.macs,
            "predicted_convolution_time": self.predicted,
            "removed_channels": removed,
        }


def prune(
    stage: Stage,
    samples: Iterable[TryOnSample],
    *,
    time: float,
    size: tuple[int, int],
    threads: int,
    seconds: Callable[[ConvShape], float] | None = None,
) -> Pruned:
    """Takes channels out of the stage's network, in place, until its convolutions need that share of their time.

    samples: batches of one, for what channels are worth under the stage's losses. seconds: of a convolution; else
    measured. Raises DmvtonError where the share cannot be reached.
    """
    network = stage.network
    dependencies = Dependencies(network)
    groups = dependencies.groups()
    worth = channel_worth(stage, groups, samples)
    shapes = conv_shapes(network, *size)
    if seconds is not None:
        plan = _Plan(groups, worth, shapes, seconds)
        plan.take_until(time)
    else:
        latencies = Latencies(threads)
        for number in range(PASSES):
            if number:
                latencies.measure_again()
            plan = _Plan(groups, worth, shapes, latencies.seconds)
            plan.take_until(time)
    for group in groups:
        if gone := plan.removed[group.root]:
            dependencies.remove(group, worth[group.root].argsort()[:gone].tolist())
    _note_widths(stage)
    after = conv_shapes(network, *size)
    return Pruned(
        macs_before=sum(shape.macs for shape in shapes.values()),
        macs=sum(shape.macs for shape in after.values()),
        predicted=plan.share(),
        removed={root: count for root, count in plan.removed.items() if count},
    )


class _Plan:
    """How many channels of each group go. The least worth one goes first, STEP at a time."""

    def __init__(
        self,
        groups: list[ChannelGroup],
        worth: dict[str, Tensor],
        shapes: dict[str, ConvShape],
        seconds: Callable[[ConvShape], float],
    ):
        self.removed: Counter[str] = Counter()
        self._groups = groups
        self._loss = {root: values.sort().values.cumsum(0) for root, values in worth.items()}
        self._shapes, self._seconds = shapes, seconds
        self._readers: dict[str, list[tuple[ChannelGroup, bool]]] = {name: [] for name in shapes}
        for group in groups:
            for share in group.shares:
                if share.layer in shapes:
                    self._readers[share.layer].append((group, share.output))
        self._before = self._time(self.removed, list(shapes))

    def share(self) -> float:
        return self._time(self.removed, list(self._shapes)) / self._before

    def take_until(self, time: float) -> None:
        """Raises DmvtonError where that share cannot be reached."""
        while self.share() > time:
            if not self.take():
                raise DmvtonError(
                    f"No more channels can go, and the convolutions still need {self.share():.2f} of their time, not "
                    f"{time}: ask for less."
                )

    def take(self) -> bool:
        """Removes what is worth least per second saved; False where nothing can go or nothing saves time."""
        choices = [choice for group in self._groups if (choice := self._choice(group))]
        if not choices:
            return False
        _, root, count = min(choices)
        self.removed[root] += count
        return True

    def _choice(self, group: ChannelGroup) -> tuple[float, str, int] | None:
        """(worth per second, root, channels) of the group's best next step: the first, or a longer one that crosses
        into a faster kernel."""
        layers = list(dict.fromkeys(share.layer for share in group.shares if share.layer in self._shapes))
        now, gone = self._time(self.removed, layers), self.removed[group.root]
        lost = self._loss[group.root]
        best: tuple[float, str, int] | None = None
        left = group.channels - gone
        least = max(STEP, math.ceil(group.channels * LEAST))
        for remaining in range((left - 1) // STEP * STEP, least - 1, -STEP):
            count = left - remaining
            saved = now - self._time(self.removed + Counter({group.root: count}), layers)
            if saved <= 0:
                continue
            worth = float(lost[gone + count - 1] - (lost[gone - 1] if gone else 0))
            if best is None or worth / saved < best[0]:
                best = (worth / saved, group.root, count)
        return best

    def _time(self, removed: Counter[str], layers: list[str]) -> float:
        return sum(self._seconds(self._narrowed(layer, removed)) for layer in layers)

    def _narrowed(self, layer: str, removed: Counter[str]) -> ConvShape:
        shape = self._shapes[layer]
        outputs = shape.outputs - sum(removed[group.root] for group, output in self._readers[layer] if output)
        inputs = shape.inputs - sum(removed[group.root] for group, output in self._readers[layer] if not output)
        return shape.resized(outputs if shape.depthwise else inputs, outputs)


def _note_widths(stage: Stage) -> None:
    """Writes what is narrower than the named network into the network's config."""
    network = stage.network
    named = widths_of(build_network(network.config.name))
    narrower = {name: width for name, width in widths_of(network).items() if width != named[name]}
    network.config = replace(network.config, widths=narrower)
