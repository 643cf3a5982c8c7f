"""A benchmark suite: a YAML file that says which artifacts to measure, for how long, and under which conditions.

Ours are in `benchmarks/suites`. A record carries its suite's SHA-256, because records of two suites were not measured
alike.
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

Positive = Annotated[float, Field(gt=0)]
Fraction = Annotated[float, Field(ge=0)]

_UNITS = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "KIB": 2**10, "MIB": 2**20, "GIB": 2**30}


class SuiteError(DmvtonError):
    """A suite that cannot be run."""


def parse_bytes(text: str) -> int:
    """Reads a number of bytes with its unit: `37MB` (of 10^6 bytes), `36 MiB`, `500 kB`.

    Raises:
        SuiteError: The text is something else.
    """
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
    """Length of a series, which goes on until it has both.

    Attributes:
        min_runs: Number of runs.
        min_seconds: Duration.
    """

    min_runs: Annotated[int, Field(ge=1, le=100_000)]
    min_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0


class CameraRate(Strict):
    """Frames at the rate of a camera; the processor rests between them, so its clock may fall.

    Attributes:
        period_ms: From the start of a frame to that of the next.
        seconds: Duration.
    """

    period_ms: Positive = CAMERA_PERIOD_MS
    seconds: Annotated[float, Field(gt=0, le=3600)]


class Sustained(Strict):
    """Frames back to back for minutes, as long as the device can keep up.

    Attributes:
        seconds: Duration.
    """

    seconds: Annotated[float, Field(gt=0, le=7200)]


class Conditions(Strict):
    """Conditions of a valid measurement; None requires nothing.

    `max_spread` is the deprecated name of `max_dispersion`, which is still read.

    Attributes:
        max_dispersion: Of a steady series: (p90 - p10) / median.
        max_drift: Of a steady series, up or down.
        max_load: Number of processors kept busy by other work before a run.
        max_temperature_celsius: Before a run.
        min_battery_percent: If the device has a battery.
        governors: The only allowed governors of the processors' clocks.
    """

    model_config = ConfigDict(json_schema_extra=renamed_fields(max_spread="max_dispersion"))

    max_dispersion: Fraction | None = Field(default=0.3, validation_alias=AliasChoices("max_dispersion", "max_spread"))
    max_drift: Fraction | None = 0.15
    max_load: Fraction | None = 0.5
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
    """Expected range of the median of a steady frame.

    Attributes:
        device: Pattern of the device's name, model or processor, like `*Pixel 8*`.
        target: The runtime.
        precision: Of the artifacts.
        threads: CPU threads of the runtime.
        least_ms: Lower end.
        most_ms: Upper end.
    """

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
        """Whether one of a device's names matches the pattern."""
        return any(fnmatchcase(name, self.device) for name in names if name)


class Suite(Strict):
    """What to measure.

    Attributes:
        name: Of the suite.
        description: For people.
        targets: Runtimes; None for all in the bundle.
        precisions: Of the artifacts; None for all in the bundle.
        recommended: Only the precision that the manifest recommends for a target, where it recommends one.
        threads: Thread counts; each is measured.
        rounds: Processes for each target, precision and thread count.
        warmup_runs: Before each series, not counted.
        garment: Length of the garment encoder's series.
        frame: Length of the frame's steady series.
        camera: Frames at a camera's rate; None for none.
        sustained: Frames for minutes; None for none.
        cooldown_seconds: Pause before each process.
        operations: Whether to profile the operations of a frame.
        conditions: Of a valid measurement.
        budget: Of the artifacts.
        bands: Expected latencies.
        timeout_seconds: For one process.
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
    camera: CameraRate | None = None
    sustained: Sustained | None = None
    cooldown_seconds: Annotated[float, Field(ge=0, le=3600)] = 0.0
    operations: bool = False
    conditions: Conditions = Conditions()
    budget: Budget = Budget()
    bands: tuple[Band, ...] = ()
    timeout_seconds: Positive = 1800.0


SUITES = YamlKind("suite", Path(__file__).parent / "suites", SuiteError, extra="bench")


def load_suite(path: Path) -> tuple[Suite, str]:
    """Loads a suite.

    Args:
        path: A YAML file, or the name of one of ours.

    Returns:
        The suite and its file's SHA-256.

    Raises:
        SuiteError: The file is not a suite; the message names the key.
    """
    return SUITES.load(path, Suite), sha256_file(SUITES.path(path))
