"""The record of one process: the device's state, loads, times, memory, operations and parity of one artifact set.

Every field has its unit in its name. A probe that fails reports null, never 0. Raw samples are kept in the order in
which they were taken; `benchmarks.statistics` says how they are summarised. A record may come from a device that nobody
trusts, so types are strict, numbers are bounded, texts are short and names are plain.
"""

from enum import StrEnum
from typing import Annotated

from pydantic import ConfigDict, Field, model_validator

from benchmarks.statistics import Summary, summarise
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.contract import Component
from dmvton_mobile.records.base import Name, Strict, Words
from dmvton_mobile.targets import Precision, Target

MAX_SAMPLES = 1_000_000  # of a series: minutes of the fastest network

Bytes = Annotated[int, Field(ge=0, le=2**50)]
Milliseconds = Annotated[float, Field(gt=0, le=1e7)]
StartMilliseconds = Annotated[float, Field(ge=0, le=1e9)]
Count = Annotated[int, Field(ge=0, le=2**31)]
Versions = Annotated[dict[Name, Name], Field(max_length=100)]

RunKey = tuple[Target, Precision, int]  # the last is the number of threads; rounds repeat all three


class StrictTypes(Strict):
    """The base of everything in a benchmark record: no type is taken for another."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class DeviceKind(StrEnum):
    """What a device is."""

    HOST = "host"
    CUDA = "cuda"
    LINUX = "linux"  # a board over adb
    ANDROID = "android"
    IOS = "ios"


class Device(StrictTypes):
    """The device that was measured; None for what it does not report.

    Attributes:
        kind: What it is.
        name: As it was asked for: `host`, `adb:SERIAL`.
        model: Its maker's name for it.
        processor: Name of the CPU or the chip.
        accelerator: The GPU that was used.
        abi: Of the processor, as the kernel names it: `x86_64`, `aarch64`.
        cores: Logical processors.
        memory_bytes: Installed memory.
        system: Operating system and version.
    """

    kind: DeviceKind
    name: Name
    model: Words | None = None
    processor: Words | None = None
    accelerator: Words | None = None
    abi: Name | None = None
    cores: Count | None = None
    memory_bytes: Bytes | None = None
    system: Words | None = None


class State(StrictTypes):
    """State of the device at one moment; None for what it does not report.

    Attributes:
        governors: Of the processors' clocks.
        frequencies_khz: Of each processor now.
        temperature_celsius: Of the hottest zone.
        throttled: Whether the device reports that it limits its speed.
        battery_percent: Charge.
        charging: Whether it charges.
        low_power: Whether the low-power mode is on.
        foreground: Whether the app is in front; None for what is not an app.
        free_memory_bytes: Memory that can be allocated.
        load: Number of processors that other work keeps busy.
    """

    governors: tuple[Name, ...] | None = None
    frequencies_khz: tuple[Count, ...] | None = None
    temperature_celsius: Annotated[float, Field(ge=-60, le=200)] | None = None
    throttled: bool | None = None
    battery_percent: Annotated[float, Field(ge=0, le=100)] | None = None
    charging: bool | None = None
    low_power: bool | None = None
    foreground: bool | None = None
    free_memory_bytes: Bytes | None = None
    load: Annotated[float, Field(ge=0, le=1e5)] | None = None


class Load(StrictTypes):
    """Loading one component.

    Attributes:
        component: Which one.
        cold: Whether its file was out of the system's page cache; None if unknown.
        first_load_ms: First load in the process.
        first_run_ms: First run after it.
        warm_load_ms: A later load in the same process.
    """

    component: Component
    cold: bool | None
    first_load_ms: Milliseconds
    first_run_ms: Milliseconds
    warm_load_ms: Milliseconds | None = None


class Mode(StrEnum):
    """How the runs of a series follow each other."""

    STEADY = "steady"  # back to back, for the suite's minimum time and count
    CAMERA = "camera"  # one per period
    SUSTAINED = "sustained"  # back to back, for minutes


class Series(StrictTypes):
    """Consecutive runs of one component.

    Attributes:
        component: Which one.
        mode: How the runs follow each other.
        warmup_runs: Runs before the series, not among the samples.
        period_ms: Of `Mode.CAMERA`.
        started_ms: Start of each run since the first.
        samples_ms: Latency of each run.
    """

    component: Component
    mode: Mode
    warmup_runs: Count
    period_ms: Milliseconds | None = None
    started_ms: Annotated[tuple[StartMilliseconds, ...], Field(min_length=1, max_length=MAX_SAMPLES)]
    samples_ms: Annotated[tuple[Milliseconds, ...], Field(min_length=1, max_length=MAX_SAMPLES)]

    @model_validator(mode="after")
    def _of_one_length(self) -> "Series":
        if len(self.started_ms) != len(self.samples_ms):
            raise ValueError(f"{len(self.started_ms)} starts for {len(self.samples_ms)} samples")
        if any(later < earlier for earlier, later in zip(self.started_ms, self.started_ms[1:], strict=False)):
            raise ValueError("started_ms goes back in time")
        return self

    @property
    def summary(self) -> Summary:
        """Statistics of the samples."""
        return summarise(self.samples_ms)

    @property
    def late(self) -> float | None:
        """Share of the runs that took longer than the period; None without a period."""
        period = self.period_ms
        return None if period is None else sum(sample > period for sample in self.samples_ms) / len(self.samples_ms)


class MemoryKind(StrEnum):
    """What the bytes of a process count. Kinds are never compared with each other."""

    RSS = "rss"  # Linux: the resident set
    PSS = "pss"  # Android: shared pages counted by their share
    PHYS_FOOTPRINT = "phys_footprint"  # iOS: by which the system ends an app
    CUDA = "cuda"  # the allocator's peak and the context, on the GPU


class Memory(StrictTypes):
    """Memory of the measured process, in bytes.

    Attributes:
        kind: What the bytes count; kinds are never compared with each other.
        bare_bytes: With the runtime imported and no artifact loaded.
        loaded_bytes: After the first frame.
        peak_bytes: The highest value while the artifacts were loaded and the first frame ran; an app on a phone reports
            the highest value of the whole run.
        arena_bytes: The runtime's arena of activations, if the runtime reports it.
    """

    kind: MemoryKind
    bare_bytes: Bytes
    loaded_bytes: Bytes | None = None
    peak_bytes: Bytes | None = None
    arena_bytes: Bytes | None = None

    @property
    def rss_delta_bytes(self) -> int | None:
        """Peak memory during loading and the first frame, minus that of the bare process; None if unknown."""
        return None if self.peak_bytes is None else max(0, self.peak_bytes - self.bare_bytes)


class Operation(StrictTypes):
    """One operation of a frame.

    Attributes:
        name: Of the node or its output.
        kind: Its type, by the runtime's own name.
        backend: What ran it, like `XNNPACK`; None for the runtime's own kernels.
        milliseconds: Of one run; None if the runtime reports no time.
    """

    name: Words
    kind: Words
    backend: Name | None = None
    milliseconds: Annotated[float, Field(ge=0, le=1e7)] | None = None


class Run(StrictTypes):
    """One process, which runs the artifacts of one target and precision.

    Attributes:
        target: The runtime.
        precision: Of the artifacts.
        threads: CPU threads of the runtime.
        round: Number of the repetition, from 1.
        affinity: Processors that the process may use.
        versions: Of the runtime's packages.
        before: State of the device before the run.
        after: State of the device after it.
        loads: Of each component.
        series: Of each component and mode.
        memory: Of the process.
        parity: Of the outputs against the bundle's golden ones; None if they were not compared.
        operations: Of one frame, if the suite asks for them.
        failure: Why the process ended early; what was measured until then is kept.
    """

    target: Target
    precision: Precision
    threads: Annotated[int, Field(ge=1, le=1024)]
    round: Annotated[int, Field(ge=1, le=1000)]
    affinity: tuple[Count, ...] | None = None
    versions: Versions = {}
    before: State | None = None
    after: State | None = None
    loads: Annotated[tuple[Load, ...], Field(max_length=8)] = ()
    series: Annotated[tuple[Series, ...], Field(max_length=32)] = ()
    memory: Memory | None = None
    parity: Annotated[tuple[ParityFigure, ...], Field(max_length=16)] | None = None
    operations: Annotated[tuple[Operation, ...], Field(max_length=20_000)] | None = None
    failure: Words | None = None

    def find(self, component: Component, mode: Mode) -> Series | None:
        """The series of a component in a mode; None if there is none."""
        return next((each for each in self.series if (each.component, each.mode) == (component, mode)), None)

    def frames(self, mode: Mode) -> Series | None:
        """The series of the component that runs once per frame."""
        return self.find(Component.TRYON, mode) or self.find(Component.WHOLE, mode)

    @property
    def frame(self) -> Series | None:
        """The steady frames."""
        return self.frames(Mode.STEADY)

    @property
    def key(self) -> RunKey:
        """What the rounds of this run have in common."""
        return self.target, self.precision, self.threads

    @property
    def title(self) -> str:
        """`tflite int8, 2 threads, round 1`."""
        return f"{key_title(self.key)}, round {self.round}"


def key_title(key: RunKey) -> str:
    """`tflite int8, 2 threads`."""
    target, precision, threads = key
    return f"{target} {precision}, {threads} thread{'s' * (threads > 1)}"
