"""The job of one agent process: which artifacts it loads, on which inputs, and how long it runs them."""

from collections.abc import Iterable, Mapping
from typing import Annotated

from pydantic import Field

from benchmarks.suite import CameraRate, Sustained, Until
from dmvton_mobile.contract import Component
from dmvton_mobile.records.base import Strict
from dmvton_mobile.targets import Target


class ComponentJob(Strict):
    """One artifact.

    Attributes:
        component: What it computes.
        artifact: Its path, where the agent runs.
        inputs: The .npy file of each input in the artifact's layout, in its order; None for an output of an earlier
            component.
        outputs: Their names, in the artifact's order.
        until: When its steady series ends; None for no series, only the first run.
    """

    component: Component
    artifact: str
    inputs: dict[str, str | None]
    outputs: tuple[str, ...]
    until: Until | None


class AgentJob(Strict):
    """Everything that one agent process measures.

    Attributes:
        target: The runtime.
        threads: CPU threads of the runtime.
        warmup_runs: Runs before each steady series, which are not timed.
        components: In the order that they run; the last one is the frame.
        keep_open: Whether a component stays loaded until the end; by default, until the next one is loaded.
        outputs: The folder for the frame's outputs, NAME.npy; None writes none.
        camera: Frames at camera rate, after the steady series.
        sustained: Frames back to back for minutes, after those.
        slow_down: Share of every timed run that is waited after it and counted with it: a change of known size.
    """

    target: Target
    threads: Annotated[int, Field(ge=1)]
    warmup_runs: Annotated[int, Field(ge=0)]
    components: Annotated[tuple[ComponentJob, ...], Field(min_length=1)]
    keep_open: bool = False
    outputs: str | None = None
    camera: CameraRate | None = None
    sustained: Sustained | None = None
    slow_down: float = 0.0


def input_files(names: Iterable[str], files: Mapping[str, str]) -> dict[str, str | None]:
    """The file of each input; None for those that an earlier component computes."""
    return {name: files.get(name) for name in names}
