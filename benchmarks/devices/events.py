"""An agent's events, line by line, made a run: whatever had come when the agent ended is kept.

The lines may come from a device that nobody trusts: each is one of the events below or an error, and no longer than
LONGEST_LINE.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from benchmarks.devices.job import Work
from benchmarks.record import (
    MAX_SAMPLES,
    Bytes,
    Count,
    Load,
    Measured,
    Memory,
    MemoryKind,
    Milliseconds,
    Mode,
    Run,
    Series,
    Started,
    State,
    Versions,
)
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import CheckFailed, plain
from dmvton_mobile.records.base import Name, Words

LONGEST_LINE = 2**20  # bytes; a chunk of samples has some thousands


class AgentFailed(CheckFailed):
    """An agent that says what no agent says."""


class DeviceFacts(Measured):
    """What an agent tells of its device; see `record.Device`."""

    model: Words | None
    processor: Words | None
    abi: Name | None
    cores: Count | None
    memory_bytes: Bytes | None
    system: Words | None


class _Start(Measured):
    event: Literal["start"]
    agent: Name
    device: DeviceFacts
    affinity: Annotated[tuple[Count, ...], Field(max_length=4096)] | None


class _State(State):
    event: Literal["state"]
    when: Literal["before", "after"]


class _Versions(Measured):
    event: Literal["versions"]
    versions: Versions


class _Load(Measured):
    event: Literal["load"]
    component: Component
    cold: bool | None
    first_load_ms: Milliseconds
    first_run_ms: Milliseconds


class _WarmLoad(Measured):
    event: Literal["warm_load"]
    component: Component
    warm_load_ms: Milliseconds


class _Memory(Measured):
    event: Literal["memory"]
    kind: MemoryKind
    bare_bytes: Bytes
    loaded_bytes: Bytes | None
    peak_bytes: Bytes | None


class _Outputs(Measured):
    event: Literal["outputs"]
    names: Annotated[tuple[Name, ...], Field(max_length=16)]


class _Samples(Measured):
    event: Literal["samples"]
    component: Component
    mode: Mode
    warmup_runs: Count
    period_ms: Milliseconds | None
    started_ms: Annotated[tuple[Started, ...], Field(max_length=1000)]
    samples_ms: Annotated[tuple[Milliseconds, ...], Field(max_length=1000)]


class _Failed(Measured):
    event: Literal["failed"]
    message: str


class _End(Measured):
    event: Literal["end"]


_Event = _Start | _State | _Versions | _Load | _WarmLoad | _Memory | _Outputs | _Samples | _Failed | _End
_EVENTS: TypeAdapter[_Event] = TypeAdapter(Annotated[_Event, Field(discriminator="event")])


class Collected:
    """The events of one process. facts: of its device; agent: its version; None until they are told. given_outputs:
    whether the frame's outputs lie ready. ended: whether it said that it had done everything."""

    def __init__(self) -> None:
        self.facts: DeviceFacts | None = None
        self.agent: str | None = None
        self.given_outputs = False
        self.ended = False
        self._failure: str | None = None
        self._affinity: tuple[int, ...] | None = None
        self._versions: dict[str, str] = {}
        self._states: dict[str, State] = {}
        self._loads: dict[Component, Load] = {}
        self._memory: Memory | None = None
        self._samples: dict[tuple[Component, Mode], list[_Samples]] = {}

    def add(self, line: bytes) -> None:
        """Takes an event; lines that are no JSON are a runtime's chatter. Raises AgentFailed for what is no event."""
        if not line.lstrip().startswith(b'{"event"'):
            return
        if len(line) > LONGEST_LINE:
            raise AgentFailed(f"The agent sent a line of {len(line)} bytes; no event has more than {LONGEST_LINE}.")
        try:
            event = _EVENTS.validate_json(line)
        except ValidationError as error:
            first = error.errors()[0]
            place = plain(".".join(map(str, first["loc"])) or "the line")[:200]
            raise AgentFailed(f"The agent sent what is no event: {place}: {plain(first['msg'])[:500]}.") from error
        match event:
            case _Start():
                self.agent, self.facts, self._affinity = event.agent, event.device, event.affinity
            case _State():
                self._states[event.when] = State(**event.model_dump(exclude={"event", "when"}))
            case _Versions():
                self._versions = event.versions
            case _Load():
                self._loads[event.component] = Load(**event.model_dump(exclude={"event"}))
            case _WarmLoad():
                if event.component in self._loads:
                    update = {"warm_load_ms": event.warm_load_ms}
                    self._loads[event.component] = self._loads[event.component].model_copy(update=update)
            case _Memory():
                loaded = event.loaded_bytes or (self._memory.loaded_bytes if self._memory else None)
                self._memory = Memory(
                    kind=event.kind, bare_bytes=event.bare_bytes, loaded_bytes=loaded, peak_bytes=event.peak_bytes
                )
            case _Outputs():
                self.given_outputs = True
            case _Samples():
                self._add_samples(event)
            case _Failed():
                self._failure = plain(event.message)
            case _End():
                self.ended = True

    def run(self, work: Work, failure: str | None = None) -> Run:
        """What was measured. failure: how the process ended, where it did not say so itself."""
        said = self._failure or failure
        if said is None and not self.ended:
            said = "The agent ended before it had measured everything."
        return Run(
            target=work.target,
            precision=work.precision,
            threads=work.threads,
            round=work.round,
            affinity=self._affinity,
            versions=self._versions,
            before=self._states.get("before"),
            after=self._states.get("after"),
            loads=tuple(self._loads.values()),
            series=tuple(_series(chunks) for chunks in self._samples.values()),
            memory=self._memory,
            failure=said and plain(said),
        )

    def _add_samples(self, event: _Samples) -> None:
        if len(event.started_ms) != len(event.samples_ms):
            raise AgentFailed(f"The agent sent {len(event.started_ms)} starts for {len(event.samples_ms)} samples.")
        held = self._samples.get((event.component, event.mode), [])
        starts = [time for chunk in held[-1:] for time in chunk.started_ms[-1:]] + list(event.started_ms)
        if starts != sorted(starts):
            raise AgentFailed("The agent sent starts that go back in time.")
        if sum(len(chunk.samples_ms) for chunk in held) + len(event.samples_ms) > MAX_SAMPLES:
            raise AgentFailed(f"The agent sent more than {MAX_SAMPLES} samples of one series.")
        self._samples.setdefault((event.component, event.mode), []).append(event)


def _series(chunks: list[_Samples]) -> Series:
    first = chunks[0]
    return Series(
        component=first.component,
        mode=first.mode,
        warmup_runs=first.warmup_runs,
        period_ms=first.period_ms,
        started_ms=tuple(time for chunk in chunks for time in chunk.started_ms),
        samples_ms=tuple(time for chunk in chunks for time in chunk.samples_ms),
    )
