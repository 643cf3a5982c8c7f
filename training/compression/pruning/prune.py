"""Latency-guided structured pruning: removes the channels of least importance per second, some at a time."""

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
from training.compression.latency import ConvLatencies, ConvShape, conv_shapes
from training.compression.pruning.dependencies import ChannelGroup, Dependencies
from training.compression.pruning.importance import channel_importance
from training.stages.stage import Stage

CHANNEL_STEP = 16  # what kernels of all runtimes work on at once; with 8, ONNX Runtime is slower for as many MACs
PLANS = 3  # each plan uses latencies that were measured once more
LEAST_SHARE_LEFT = 1 / 3  # of a group's channels: the importance of each alone says nothing of the last ones


@dataclass(frozen=True)
class PruningResult:
    """What was removed.

    Attributes:
        macs_before: The multiply-accumulate operations of a frame before.
        macs: Those after.
        predicted: The predicted time of a frame's convolutions, as a share of the time before.
        removed: The number of removed channels by the root of their group.
    """

    macs_before: int
    macs: int
    predicted: float
    removed: dict[str, int]

    def record(self) -> dict[str, JsonValue]:
        """The result for the checkpoint's card."""
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
) -> PruningResult:
    """Removes channels of the stage's network, in place, until its convolutions need that share of their time.

    Args:
        stage: The stage whose losses tell the importance of channels.
        samples: Batches of one, for the importance.
        time: The time that the convolutions of a frame may still take, as a share of the time now, in (0, 1).
        size: Height and width of the person's image.
        threads: The number of CPU threads that convolutions are timed with.
        seconds: The latency of a convolution; None to measure it.

    Raises:
        DmvtonError: The share cannot be reached; the network is left as it was.
    """
    network = stage.network
    dependencies = Dependencies(network)
    groups = dependencies.groups()
    importance = channel_importance(stage, groups, samples)
    shapes = conv_shapes(network, *size)
    if seconds is not None:
        plan = _plan(groups, importance, shapes, seconds, time)
    else:
        plan = _measured_plan(groups, importance, shapes, threads, time)
    for group in groups:
        if count := plan.removed[group.root]:
            dependencies.remove(group, importance[group.root].argsort()[:count].tolist())
    _record_widths(stage)
    shapes_after = conv_shapes(network, *size)
    return PruningResult(
        macs_before=sum(shape.macs for shape in shapes.values()),
        macs=sum(shape.macs for shape in shapes_after.values()),
        predicted=plan.share_of_time(),
        removed={root: count for root, count in plan.removed.items() if count},
    )


def _measured_plan(
    groups: list[ChannelGroup],
    importance: dict[str, Tensor],
    shapes: dict[str, ConvShape],
    threads: int,
    time: float,
) -> "_PruningPlan":
    """The last of several plans, after each of which all latencies are measured again."""
    latencies = ConvLatencies(threads)
    plan = _plan(groups, importance, shapes, latencies.seconds, time)
    for _ in range(1, PLANS):
        latencies.measure_again()
        plan = _plan(groups, importance, shapes, latencies.seconds, time)
    return plan


def _plan(
    groups: list[ChannelGroup],
    importance: dict[str, Tensor],
    shapes: dict[str, ConvShape],
    seconds: Callable[[ConvShape], float],
    time: float,
) -> "_PruningPlan":
    """Plans removals until the convolutions need that share of their time."""
    plan = _PruningPlan(groups, importance, shapes, seconds)
    while plan.share_of_time() > time:
        if not plan.remove_more():
            raise DmvtonError(
                f"No more channels can go, and the convolutions still need {plan.share_of_time():.2f} of their time, "
                f"not {time}: ask for less."
            )
    return plan


class _PruningPlan:
    """How many channels of each group go. The least important ones go first, CHANNEL_STEP at a time.

    Attributes:
        removed: The number of channels by the root of their group.
    """

    def __init__(
        self,
        groups: list[ChannelGroup],
        importance: dict[str, Tensor],
        shapes: dict[str, ConvShape],
        seconds: Callable[[ConvShape], float],
    ):
        self.removed: Counter[str] = Counter()
        self._groups = groups
        self._summed_importance = {root: values.sort().values.cumsum(0) for root, values in importance.items()}
        self._shapes, self._seconds = shapes, seconds
        self._groups_of: dict[str, list[tuple[ChannelGroup, bool]]] = {layer: [] for layer in shapes}
        for group in groups:
            for member in group.members:
                if member.layer in shapes:
                    self._groups_of[member.layer].append((group, member.is_output))
        self._time_before = self._time(self.removed, list(shapes))

    def share_of_time(self) -> float:
        """The time of all convolutions after the removals, as a share of the time before."""
        return self._time(self.removed, list(self._shapes)) / self._time_before

    def remove_more(self) -> bool:
        """Removes what is least important per second saved; False where nothing can go or nothing saves time."""
        choices = [choice for group in self._groups if (choice := self._best_choice(group))]
        if not choices:
            return False
        _, root, count = min(choices)
        self.removed[root] += count
        return True

    def _best_choice(self, group: ChannelGroup) -> tuple[float, str, int] | None:
        """The best next removal of a group: importance per second saved, root, number of channels.

        It is the shortest removal, or a longer one that reaches a faster kernel.
        """
        layers = list(dict.fromkeys(member.layer for member in group.members if member.layer in self._shapes))
        time_now, removed = self._time(self.removed, layers), self.removed[group.root]
        summed = self._summed_importance[group.root]
        best: tuple[float, str, int] | None = None
        left = group.channels - removed
        least_left = max(CHANNEL_STEP, math.ceil(group.channels * LEAST_SHARE_LEFT))
        for left_after in range((left - 1) // CHANNEL_STEP * CHANNEL_STEP, least_left - 1, -CHANNEL_STEP):
            count = left - left_after
            saved = time_now - self._time(self.removed + Counter({group.root: count}), layers)
            if saved <= 0:
                continue
            lost = float(summed[removed + count - 1] - (summed[removed - 1] if removed else 0))
            if best is None or lost / saved < best[0]:
                best = (lost / saved, group.root, count)
        return best

    def _time(self, removed: Counter[str], layers: list[str]) -> float:
        return sum(self._seconds(self._shape_after(layer, removed)) for layer in layers)

    def _shape_after(self, layer: str, removed: Counter[str]) -> ConvShape:
        shape = self._shapes[layer]
        outputs = shape.outputs - sum(removed[group.root] for group, is_output in self._groups_of[layer] if is_output)
        inputs = shape.inputs - sum(removed[group.root] for group, is_output in self._groups_of[layer] if not is_output)
        return shape.with_channels(outputs if shape.depthwise else inputs, outputs)


def _record_widths(stage: Stage) -> None:
    """Writes the layers that are narrower than the named network's into the network's config."""
    network = stage.network
    widths = widths_of(build_network(network.config.name))
    narrower = {layer: width for layer, width in widths_of(network).items() if width != widths[layer]}
    network.config = replace(network.config, widths=narrower)
