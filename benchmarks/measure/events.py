"""The events of an agent: one JSON object a line.

The lines may come from a device that nobody trusts: a line is one of these events, no longer than LONGEST_LINE, or an
error.
"""

from typing import Annotated, Literal

from pydantic import Field, TypeAdapter, ValidationError

from benchmarks.run_record import (
    Bytes,
    Count,
    MemoryKind,
    Milliseconds,
    Mode,
    StartMilliseconds,
    State,
    StrictTypes,
    Versions,
)
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import CheckFailed, printable
from dmvton_mobile.records.base import Name, Words

LONGEST_LINE = 2**20  # bytes; a chunk of samples has some thousands


class AgentFailed(CheckFailed):
    """The agent sent a line that is not an event, or an event that cannot follow the earlier ones."""


class DeviceFacts(StrictTypes):
    """Facts about the agent's device; see `benchmarks.run_record.Device`."""

    model: Words | None
    processor: Words | None
    abi: Name | None
    cores: Count | None
    memory_bytes: Bytes | None
    system: Words | None


class StartEvent(StrictTypes):
    """The agent runs; its version and its device."""

    event: Literal["start"]
    agent: Name
    device: DeviceFacts
    affinity: Annotated[tuple[Count, ...], Field(max_length=4096)] | None


class StateEvent(State):
    """The device's state before or after the measurement."""

    event: Literal["state"]
    when: Literal["before", "after"]


class VersionsEvent(StrictTypes):
    """The runtime is imported; its packages' versions."""

    event: Literal["versions"]
    versions: Versions


class LoadEvent(StrictTypes):
    """A component was loaded and run once."""

    event: Literal["load"]
    component: Component
    cold: bool | None
    first_load_ms: Milliseconds
    first_run_ms: Milliseconds


class WarmLoadEvent(StrictTypes):
    """A component was loaded again, at the end."""

    event: Literal["warm_load"]
    component: Component
    warm_load_ms: Milliseconds


class MemoryEvent(StrictTypes):
    """Memory right after the first frame; see `benchmarks.record.Memory`."""

    event: Literal["memory"]
    kind: MemoryKind
    bare_bytes: Bytes
    loaded_bytes: Bytes | None
    peak_bytes: Bytes | None


class OutputsEvent(StrictTypes):
    """The frame's outputs lie in the folder that the job named."""

    event: Literal["outputs"]
    names: Annotated[tuple[Name, ...], Field(max_length=16)]


class SamplesEvent(StrictTypes):
    """A chunk of a series: when each run started, since the first one, and how long it took."""

    event: Literal["samples"]
    component: Component
    mode: Mode
    warmup_runs: Count
    period_ms: Milliseconds | None
    started_ms: Annotated[tuple[StartMilliseconds, ...], Field(max_length=1000)]
    samples_ms: Annotated[tuple[Milliseconds, ...], Field(max_length=1000)]


class FailedEvent(StrictTypes):
    """The agent ends early, and why."""

    event: Literal["failed"]
    message: str


class EndEvent(StrictTypes):
    """Everything was measured."""

    event: Literal["end"]


Event = (
    StartEvent
    | StateEvent
    | VersionsEvent
    | LoadEvent
    | WarmLoadEvent
    | MemoryEvent
    | OutputsEvent
    | SamplesEvent
    | FailedEvent
    | EndEvent
)
_EVENTS: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def parse_event(line: bytes) -> Event | None:
    """The event that a line holds.

    Returns:
        None for a line that does not look like an event: runtimes print what they like.

    Raises:
        AgentFailed: The line looks like an event, but is too long or not one of the known events.
    """
    if not line.lstrip().startswith(b'{"event"'):
        return None
    if len(line) > LONGEST_LINE:
        raise AgentFailed(f"The agent sent a line of {len(line)} bytes; no event has more than {LONGEST_LINE}.")
    try:
        return _EVENTS.validate_json(line)
    except ValidationError as error:
        first = error.errors()[0]
        place = printable(".".join(map(str, first["loc"])) or "the line")[:200]
        message = f"The agent sent a line that is not an event: {place}: {printable(first['msg'])[:500]}."
        raise AgentFailed(message) from error
