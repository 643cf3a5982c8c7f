"""Collects an agent's events: whatever came before the agent ended is kept."""

from typing import assert_never

from benchmarks.measure.events import (
    AgentFailed,
    DeviceFacts,
    EndEvent,
    FailedEvent,
    LoadEvent,
    MemoryEvent,
    OutputsEvent,
    SamplesEvent,
    StartEvent,
    StateEvent,
    VersionsEvent,
    WarmLoadEvent,
    parse_event,
)
from benchmarks.run_record import MAX_SAMPLES, Load, Memory, Mode, Series, State
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import printable


class EventCollector:
    """What one agent process has measured so far.

    Attributes:
        agent: The agent's version; None until it started. So are facts and affinity.
        facts: Facts about its device.
        affinity: Processors that it may run on; None if unknown.
        versions: Versions of Python, NumPy and the runtime.
        before: The device's state before the measurement.
        after: The device's state after it.
        memory: Memory right after the first frame.
        outputs_written: Whether the frame's outputs lie in their folder.
    """

    def __init__(self) -> None:
        self.agent: str | None = None
        self.facts: DeviceFacts | None = None
        self.affinity: tuple[int, ...] | None = None
        self.versions: dict[str, str] = {}
        self.before: State | None = None
        self.after: State | None = None
        self.memory: Memory | None = None
        self.outputs_written = False
        self._ended = False
        self._failure: str | None = None
        self._loads: dict[Component, Load] = {}
        self._samples: dict[tuple[Component, Mode], list[SamplesEvent]] = {}

    def add(self, line: bytes) -> None:
        """Takes a line of the agent's output; lines that are no events are ignored.

        Raises:
            AgentFailed: The agent sent what no agent sends; what came before is kept.
        """
        event = parse_event(line)
        match event:
            case None:
                pass
            case StartEvent():
                self.agent, self.facts, self.affinity = event.agent, event.device, event.affinity
            case StateEvent():
                state = State(**event.model_dump(exclude={"event", "when"}))
                if event.when == "before":
                    self.before = state
                else:
                    self.after = state
            case VersionsEvent():
                self.versions = event.versions
            case LoadEvent():
                self._loads[event.component] = Load(**event.model_dump(exclude={"event"}))
            case WarmLoadEvent():
                if event.component in self._loads:
                    update = {"warm_load_ms": event.warm_load_ms}
                    self._loads[event.component] = self._loads[event.component].model_copy(update=update)
            case MemoryEvent():
                self.memory = Memory(**event.model_dump(exclude={"event"}))
            case OutputsEvent():
                self.outputs_written = True
            case SamplesEvent():
                self._add_samples(event)
            case FailedEvent():
                self._failure = printable(event.message)
            case EndEvent():
                self._ended = True
            case _:
                assert_never(event)

    @property
    def loads(self) -> tuple[Load, ...]:
        """Loads and first runs, in the order that components were loaded."""
        return tuple(self._loads.values())

    @property
    def series(self) -> tuple[Series, ...]:
        """Every series, in the order that they began."""
        return tuple(_series(chunks) for chunks in self._samples.values())

    def failure(self, exit_failure: str | None = None) -> str | None:
        """Why the agent did not measure everything; None if it did.

        Args:
            exit_failure: How its process ended, for an agent that did not give a reason itself.
        """
        failure = self._failure or exit_failure
        if failure is None and not self._ended:
            failure = "The agent ended before it had measured everything."
        return None if failure is None else printable(failure)

    def _add_samples(self, event: SamplesEvent) -> None:
        if len(event.started_ms) != len(event.samples_ms):
            raise AgentFailed(f"The agent sent {len(event.started_ms)} starts for {len(event.samples_ms)} samples.")
        earlier = self._samples.get((event.component, event.mode), [])
        starts = [time for chunk in earlier[-1:] for time in chunk.started_ms[-1:]] + list(event.started_ms)
        if starts != sorted(starts):
            raise AgentFailed("The agent sent starts that go back in time.")
        if sum(len(chunk.samples_ms) for chunk in earlier) + len(event.samples_ms) > MAX_SAMPLES:
            raise AgentFailed(f"The agent sent more than {MAX_SAMPLES} samples of one series.")
        self._samples.setdefault((event.component, event.mode), []).append(event)


def _series(chunks: list[SamplesEvent]) -> Series:
    first = chunks[0]
    return Series(
        component=first.component,
        mode=first.mode,
        warmup_runs=first.warmup_runs,
        period_ms=first.period_ms,
        started_ms=tuple(time for chunk in chunks for time in chunk.started_ms),
        samples_ms=tuple(time for chunk in chunks for time in chunk.samples_ms),
    )
