"""The record of a benchmark: one JSON file that says what was measured, on what device, and the verdict on it.

Its JSON Schema is printed by `dmvton bench schema`. Its runs are described in `benchmarks.run_record`. An app's record
has no verdict; `benchmarks.verdict` gives it where the record is read.
"""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AwareDatetime, ConfigDict, Field, model_validator

from benchmarks.run_record import Bytes, Device, Run, StrictTypes, Versions
from benchmarks.suite import Budget
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.records.base import Name, Record, Sha256, Words, parse_record, record_json
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.files import atomic_file

MAX_BYTES = 64 * 2**20  # of a file: a larger one is not read

Seconds = Annotated[float, Field(ge=0, le=1e6)]


class ArtifactSizes(StrictTypes):
    """Sizes of the artifacts of one target and precision.

    Attributes:
        target: The runtime.
        precision: Of the artifacts.
        parameters_bytes: Parameters and buffers of the network, as papers count them.
        file_bytes: Of the artifacts.
        download_bytes: Of the same files deflated.
    """

    target: Target
    precision: Precision
    parameters_bytes: Bytes
    file_bytes: Bytes
    download_bytes: Bytes


class Validity(StrEnum):
    """Whether a measurement can be believed, best first."""

    VALID = "valid"
    SEMI_VALID = "semi-valid"  # measured, but not under the conditions of the suite, or that is not known
    INVALID = "invalid"


class Check(StrictTypes):
    """A requirement on the figures.

    Attributes:
        what: The requirement and the figure, as a sentence.
        held: Whether the requirement is met; None if that is not known.
    """

    what: Words
    held: bool | None


class Verdict(StrictTypes):
    """The verdict on a record; `benchmarks.verdict` gives it.

    Attributes:
        validity: Whether the measurement can be believed.
        reasons: Why it is not valid, worst first.
        checks: The requirements on the figures.
        passed: Whether the record is not invalid and every check is met.
    """

    validity: Validity
    reasons: Annotated[tuple[Words, ...], Field(max_length=1000)]
    checks: Annotated[tuple[Check, ...], Field(max_length=1000)]
    passed: bool

    @model_validator(mode="after")
    def _follows(self) -> "Verdict":
        if self.passed and (self.validity is Validity.INVALID or not all(check.held for check in self.checks)):
            raise ValueError("an invalid run, or a check that did not hold or is not known to, cannot pass")
        return self


class SuiteIdentity(StrictTypes):
    """The suite that a record follows.

    Attributes:
        name: Of the suite.
        sha256: Of its file.
        budget: Of its artifacts.
    """

    name: Name
    sha256: Sha256
    budget: Budget = Budget()


class BundleIdentity(StrictTypes):
    """The bundle whose artifacts were measured.

    Attributes:
        name: Of its folder.
        network: Which one.
        trained: Whether its weights are trained.
        digest: Of its manifest.
    """

    name: Name
    network: Name
    trained: bool
    digest: Sha256


class SuiteMeasurements(Record):
    """One suite on one device.

    Attributes:
        started_at: Start of the measurement, with time zone.
        seconds: Duration of the measurement.
        suite: What it follows.
        bundle: What it measures.
        device: What it ran on.
        agent: Name and version of the program that measured.
        versions: Of the tools that made the record.
        artifacts: Sizes, for each target and precision.
        runs: In the order in which they were started.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)

    schema_version: Literal[1] = 1
    started_at: AwareDatetime
    seconds: Seconds
    suite: SuiteIdentity
    bundle: BundleIdentity
    device: Device
    agent: Name
    versions: Versions
    artifacts: Annotated[tuple[ArtifactSizes, ...], Field(max_length=64)]
    runs: Annotated[tuple[Run, ...], Field(max_length=1000)]


class AppRecord(SuiteMeasurements):
    """The record that an app writes.

    Attributes:
        verdict: Apps of version 0.1 gave one; nobody reads it.
    """

    verdict: Verdict | None = None


class BenchmarkRecord(SuiteMeasurements):
    """The record of a host, a board or a phone, with its verdict.

    Attributes:
        verdict: Of `benchmarks.verdict`.
    """

    verdict: Verdict


class RecordError(CheckFailed):
    """A file that is not a benchmark record, or a record that cannot be believed."""


def read_record(path: Path) -> BenchmarkRecord:
    """Reads a record from a file.

    Raises:
        RecordError: The file is not a record; the message names the fields.
        DmvtonError: The file cannot be read.
    """
    return parse_benchmark(_read(path), str(path))


def read_app_record(path: Path) -> AppRecord:
    """Reads an app's record from a file; raises as `read_record`."""
    return parse_app_record(_read(path), str(path))


def _read(path: Path) -> bytes:
    try:
        if path.stat().st_size > MAX_BYTES:
            raise RecordError(
                f"{path} has more than {MAX_BYTES >> 20} MiB: no record is that large, so it is not read."
            )
        return path.read_bytes()
    except OSError as error:
        raise DmvtonError(f"{path} cannot be read: {error.strerror}.") from error


def parse_benchmark(text: bytes, where: str) -> BenchmarkRecord:
    """Reads a record from JSON text.

    Args:
        text: The content of the file.
        where: The file's name, for error messages.

    Raises:
        RecordError: The text is not a record; the message names the fields.
    """
    return parse_record(text, BenchmarkRecord, where, RecordError)


def parse_app_record(text: bytes, where: str) -> AppRecord:
    """Reads an app's record from JSON text; arguments and errors as for `parse_benchmark`."""
    return parse_record(text, AppRecord, where, RecordError)


def write_record(record: BenchmarkRecord, path: Path, *, overwrite: bool = False) -> None:
    """Writes a record to a file, completely or not at all.

    Raises:
        DmvtonError: The file exists and `overwrite` is false, or it cannot be written.
    """
    with atomic_file(path, overwrite=overwrite) as partial:
        partial.write_text(record_json(record), encoding="utf-8")
