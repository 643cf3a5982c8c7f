"""What a benchmark does: a YAML file that says which artifacts, how long, and what is asked of the device.

Ours lie in `benchmarks/suites`. A record carries the digest of its suite: two that differ were not measured alike.
"""

import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BeforeValidator, ConfigDict, Field, model_validator

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Name, Strict, renamed_fields
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.files import sha256_file
from dmvton_mobile.utils.yaml_files import YamlKind

CAMERA_PERIOD_MS = 1000 / 30

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]
Share = Annotated[float, Field(ge=0)]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class SuiteError(DmvtonError):
    """A suite that cannot be run."""


def parse_bytes(text: str) -> int:
    """`37MB` (of 10^6 bytes), `36 MiB`, `500 kB`. Raises SuiteError."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", text.strip())
    if found is None or found[2].upper() not in _UNITS:
        raise SuiteError(f"{text!r} is no number of bytes: write it like 37MB, 36MiB or 500kB.")
    return round(float(found[1]) * _UNITS[found[2].upper()])


def _bytes(value: object) -> object:
    if isinstance(value, str):
        try:
            return parse_bytes(value)
        except SuiteError as error:
            raise ValueError(str(error)) from error
    return value


Bytes = Annotated[int, BeforeValidator(_bytes), Field(ge=0, le=2**50)]


class Until(Strict):
    """A series goes on until it has that many runs and has lasted that long, both."""

    min_runs: Annotated[int, Field(ge=1, le=100_000)]
    min_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0


class Camera(Strict):
    """Frames at the rate of a camera, for that long: the processor rests between them, and its clock may sink."""

    period_ms: Positive = CAMERA_PERIOD_MS
    seconds: Annotated[float, Field(gt=0, le=3600)]


class Sustained(Strict):
    """Frames back to back for that long: what the device keeps up."""

    seconds: Annotated[float, Field(gt=0, le=7200)]


class Conditions(Strict):
    """What is asked of a device for a verdict; None asks nothing.

    max_spread, max_drift: of a steady series. max_load: of other work before a run, in processors. max_temperature:
    degrees Celsius before a run. min_battery_percent: of a device that has one. governors: of processors that are
    measured well.
    """

    max_spread: Share | None = 0.3
    max_drift: Share | None = 0.15
    max_load: Share | None = 0.5
    max_temperature_celsius: Positive | None = 45.0
    min_battery_percent: Annotated[float, Field(ge=0, le=100)] | None = 30.0
    governors: tuple[str, ...] | None = None


class Budget(Strict):
    """The most bytes that each number may have; None sets no limit.

    The numbers are never added up: see `benchmarks.budget`. `growth_bytes` is the deprecated name of `rss_delta_bytes`,
    which is still read.
    """

    model_config = ConfigDict(json_schema_extra=renamed_fields(growth_bytes="rss_delta_bytes"))

    parameters_bytes: Bytes | None = None
    file_bytes: Bytes | None = None
    download_bytes: Bytes | None = None
    arena_bytes: Bytes | None = None
    rss_delta_bytes: Bytes | None = Field(
        default=None, validation_alias=AliasChoices("rss_delta_bytes", "growth_bytes")
    )


class Band(Strict):
    """Where the median of a steady frame is expected. device: a pattern (`*Pixel 8*`) of its model or processor."""

    device: str
    target: Target
    precision: Precision
    threads: Annotated[int, Field(ge=1)]
    least_ms: Positive
    most_ms: Positive

    @model_validator(mode="after")
    def _in_order(self) -> "Band":
        if self.least_ms >= self.most_ms:
            raise ValueError("least_ms must be below most_ms")
        return self

    def is_for(self, names: tuple[str | None, ...]) -> bool:
        return any(fnmatchcase(name, self.device) for name in names if name)


class Suite(Strict):
    """targets, precisions: None for all that the bundle holds. recommended: of those, only what the manifest recommends
    for each target, where it recommends something. threads: each is measured. rounds: processes for each.

    warmup_runs: before a series, not counted. garment, frame: the two components apart. cooldown_seconds: before every
    process. operations: whether to profile them. timeout_seconds: for one process.
    """

    name: Name
    description: str
    targets: tuple[Target, ...] | None = None
    precisions: tuple[Precision, ...] | None = None
    recommended: bool = False
    threads: Annotated[tuple[Annotated[int, Field(ge=1, le=64)], ...], Field(min_length=1)] = (2,)
    rounds: Annotated[int, Field(ge=1, le=100)] = 1
    warmup_runs: Annotated[int, Field(ge=0, le=1000)] = 3
    garment: Until = Until(min_runs=20)
    frame: Until
    camera: Camera | None = None
    sustained: Sustained | None = None
    cooldown_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    operations: bool = False
    conditions: Conditions = Conditions()
    budget: Budget = Budget()
    bands: tuple[Band, ...] = ()
    timeout_seconds: Positive = 1800.0


SUITES = YamlKind("suite", Path(__file__).parent / "suites", SuiteError, extra="bench")


def load_suite(path: Path) -> tuple[Suite, str]:
    """The suite in a YAML file, or the one of ours with that name, and the file's SHA-256. Raises SuiteError."""
    return SUITES.load(path, Suite), sha256_file(SUITES.path(path))
