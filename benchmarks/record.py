"""What a benchmark leaves behind: one JSON file that says what was measured, on what, how, and whether to believe it.

Published as JSON Schema: `dmvton bench schema`. Every field has its unit in its name; what a probe could not read is
null, never 0. Raw samples are kept, in the order they were taken; whatever is said of them follows
`benchmarks.statistics`. A record may come from a device that nobody trusts: types are strict, numbers bounded, texts
short, names plain, and a file of more than MAX_BYTES is not read.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from benchmarks.statistics import Summary, summarise
from benchmarks.suite import Budget
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.records.base import Name, Record, Sha256, Strict, Words, parse_record, record_json
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.files import atomic_file

MAX_BYTES = 64 * 2**20
MAX_SAMPLES = 1_000_000  # of a series: minutes of the fastest network

Bytes = Annotated[int, Field(ge=0, le=2**50)]
Milliseconds = Annotated[float, Field(gt=0, le=1e7)]
Started = Annotated[float, Field(ge=0, le=1e9)]
Seconds = Annotated[float, Field(ge=0, le=1e6)]
Count = Annotated[int, Field(ge=0, le=2**31)]
Versions = Annotated[dict[Name, Name], Field(max_length=100)]


class Measured(Strict):
    """Of a record: no type is taken for another."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class Mode(StrEnum):
    """How the runs of a series follow each other."""

    STEADY = "steady"  # back to back, for the suite's least time and count
    CAMERA = "camera"  # one every period
    SUSTAINED = "sustained"  # back to back, for minutes


class DeviceKind(StrEnum):
    HOST = "host"
    CUDA = "cuda"
    LINUX = "linux"  # a board over adb
    ANDROID = "android"
    IOS = "ios"


class Device(Measured):
    """name: as it was asked for, `host`, `adb:SERIAL`. abi: of its processor, as the kernel says, `x86_64`,
    `aarch64`. accelerator: the GPU that was used."""

    kind: DeviceKind
    name: Name
    model: Words | None = None
    processor: Words | None = None
    accelerator: Words | None = None
    abi: Name | None = None
    cores: Count | None = None
    memory_bytes: Bytes | None = None
    system: Words | None = None


class State(Measured):
    """Of the device at one moment.

    temperature_celsius: of its hottest zone. throttled: whether it says that it holds itself back. load: processors
    that other work keeps busy. frequencies_khz: of each processor now. foreground: whether the app is in front; None
    for what is no app.
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


class Load(Measured):
    """One component. cold: whether its file was out of the system's cache; None where that cannot be told."""

    component: Component
    cold: bool | None
    first_load_ms: Milliseconds
    first_run_ms: Milliseconds
    warm_load_ms: Milliseconds | None = None


class Series(Measured):
    """Runs of one component. started_ms: when each began, since the first. period_ms: of Mode.CAMERA."""

    component: Component
    mode: Mode
    warmup_runs: Count
    period_ms: Milliseconds | None = None
    started_ms: Annotated[tuple[Started, ...], Field(min_length=1, max_length=MAX_SAMPLES)]
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
        return summarise(self.samples_ms)

    @property
    def late(self) -> float | None:
        """The share of frames that took longer than a period; None where there is none."""
        period = self.period_ms
        return None if period is None else sum(sample > period for sample in self.samples_ms) / len(self.samples_ms)


class MemoryKind(StrEnum):
    """What the bytes of a process are: never compared with each other."""

    RSS = "rss"  # Linux: the resident set
    PSS = "pss"  # Android: shared pages counted by their share
    PHYS_FOOTPRINT = "phys_footprint"  # iOS: what the system ends an app for
    CUDA = "cuda"  # the allocator's peak and the context, on the GPU


class Memory(Measured):
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


class Operation(Measured):
    """Of one run of the frame. backend: what ran it, `XNNPACK`; None for the runtime's own kernels."""

    name: Words
    kind: Words
    backend: Name | None = None
    milliseconds: Annotated[float, Field(ge=0, le=1e7)] | None = None


Key = tuple[Target, Precision, int]  # threads: what rounds repeat


def titled(key: Key) -> str:
    """`tflite int8, 2 threads`"""
    target, precision, threads = key
    return f"{target} {precision}, {threads} thread{'s' * (threads > 1)}"


class Run(Measured):
    """One process: the artifacts of one target and precision. failure: why it ended early; what was measured by then
    is here. parity: of its outputs against the bundle's golden ones."""

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
        return next((each for each in self.series if (each.component, each.mode) == (component, mode)), None)

    def frames(self, mode: Mode) -> Series | None:
        """The series of what runs once per frame."""
        return self.find(Component.TRYON, mode) or self.find(Component.WHOLE, mode)

    @property
    def frame(self) -> Series | None:
        """Steady frames."""
        return self.frames(Mode.STEADY)

    @property
    def key(self) -> Key:
        return self.target, self.precision, self.threads

    @property
    def title(self) -> str:
        return f"{titled(self.key)}, round {self.round}"


class Artifacts(Measured):
    """What the files of a target and precision weigh. parameters_bytes: parameters and buffers, as papers count."""

    target: Target
    precision: Precision
    parameters_bytes: Bytes
    file_bytes: Bytes
    download_bytes: Bytes


class Validity(StrEnum):
    VALID = "valid"
    SEMI_VALID = "semi-valid"  # measured, but not as the suite asks, or not known whether
    INVALID = "invalid"


class Check(Measured):
    """Something that had to hold. held: None where it could not be told."""

    what: Words
    held: bool | None


class Verdict(Measured):
    """passed: the run is not invalid, and every check held."""

    validity: Validity
    reasons: Annotated[tuple[Words, ...], Field(max_length=1000)]
    checks: Annotated[tuple[Check, ...], Field(max_length=1000)]
    passed: bool

    @model_validator(mode="after")
    def _follows(self) -> "Verdict":
        if self.passed and (self.validity is Validity.INVALID or not all(check.held for check in self.checks)):
            raise ValueError("an invalid run, or a check that did not hold or is not known to, cannot pass")
        return self


class SuiteIdentity(Measured):
    """budget: that artifacts were held to."""

    name: Name
    sha256: Sha256
    budget: Budget = Budget()


class BundleIdentity(Measured):
    """digest: of its manifest."""

    name: Name
    network: Name
    trained: bool
    digest: Sha256


class BenchmarkRecord(Record):
    """One suite on one device. seconds: that it took. agent: what measured. versions: of the tools that made it."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    schema_version: Literal[1] = 1
    started_at: AwareDatetime
    seconds: Seconds
    suite: SuiteIdentity
    bundle: BundleIdentity
    device: Device
    agent: Name
    versions: Versions
    artifacts: Annotated[tuple[Artifacts, ...], Field(max_length=64)]
    runs: Annotated[tuple[Run, ...], Field(max_length=1000)]
    verdict: Verdict


class RecordError(CheckFailed):
    """A file that is no benchmark's record, or one that cannot be believed."""


def read_record(path: Path) -> BenchmarkRecord:
    """Raises RecordError, naming the file and the fields, for what is no record; DmvtonError where there is none."""
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(
                f"{path} has more than {MAX_BYTES >> 20} MiB: no record is that large, so it is not read."
            )
        text = path.read_bytes()
    except OSError as error:
        raise DmvtonError(f"{path} cannot be read: {error.strerror}.") from error
    return parse_benchmark(text, str(path))


def parse_benchmark(text: bytes, where: str) -> BenchmarkRecord:
    """The record that the JSON holds. where: for messages. Raises RecordError."""
    return parse_record(text, BenchmarkRecord, where, RecordError)


def write_record(record: BenchmarkRecord, path: Path, *, overwrite: bool = False) -> None:
    with atomic_file(path, overwrite=overwrite) as partial:
        partial.write_text(record_json(record), encoding="utf-8")
