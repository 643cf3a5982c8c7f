"""A phone: its app measures a whole suite by itself and writes a record, which is checked here.

The app gets a folder with `job.json` and the bundle. It writes, in a folder of its own, `record.json`, again after
every run, and `ended` when it is done. A record is not trusted: it must be of this very bundle and suite, file sizes
are those of the files here, the verdict is given here, and a missing run counts as failed.
"""

import shutil
from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, field_serializer

from benchmarks.budget import artifact_sizes
from benchmarks.devices.device import BenchmarkDevice
from benchmarks.record import BenchmarkRecord, RecordError, SuiteMeasurements, read_app_record
from benchmarks.run_record import DeviceKind, Run
from benchmarks.suite import Suite
from benchmarks.verdict import give_verdict
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.records.base import Name, Record, Sha256, Strict, record_json
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.progress import StepCallback

APP = "org.dmvton.demo"  # Android's package, Apple's bundle identifier
JOB, BUNDLE, RECORD, ENDED = "job.json", "bundle.dmvton", "record.json", "ended"
RUNTIMES = {DeviceKind.ANDROID: (Target.TFLITE, Target.EXECUTORCH), DeviceKind.IOS: (Target.COREML,)}
GONE = "The app ended before this was measured."


class AppArtifacts(Strict):
    """A target and precision that the app measures."""

    target: Target
    precision: Precision


class AppJob(Record):
    """The content of `job.json`.

    Attributes:
        suite: What is measured.
        suite_sha256: Of the suite's file.
        bundle: The bundle's folder, beside this file.
        bundle_name: The bundle's name, for the record.
        pairs: The targets and precisions to measure.
        device: The device's name, for the record.
    """

    schema_version: Literal[1] = 1
    suite: Suite
    suite_sha256: Sha256
    bundle: Name = BUNDLE
    bundle_name: Name
    pairs: tuple[AppArtifacts, ...]
    device: Name

    @field_serializer("suite", mode="wrap")
    def _as_apps_read_it(self, suite: Suite, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # version 1 of the apps' contract has the former names of these two keys
        values: dict[str, Any] = dump(suite)
        values["budget"]["growth_bytes"] = values["budget"].pop("rss_delta_bytes")
        values["conditions"]["max_spread"] = values["conditions"].pop("max_dispersion")
        return values


@dataclass(frozen=True)
class PhoneTask:
    """A suite on a bundle, for the app on one phone.

    Attributes:
        bundle: Whose artifacts are measured.
        suite: What is measured.
        suite_sha256: Of the suite's file.
        pairs: The targets and precisions of the bundle that the suite asks for on that phone.
        kind: Of the phone.
        device: The phone's name, for the record.
    """

    bundle: Bundle
    suite: Suite
    suite_sha256: str
    pairs: tuple[tuple[Target, Precision], ...]
    kind: DeviceKind
    device: str

    def stage(self, folder: Path) -> None:
        """Writes the app's job and the whole bundle, as an app embeds it, into a folder."""
        shutil.copytree(self.bundle.folder, folder / BUNDLE)
        job = AppJob(
            suite=self.suite,
            suite_sha256=self.suite_sha256,
            bundle_name=self.bundle.folder.name,
            pairs=tuple(AppArtifacts(target=target, precision=precision) for target, precision in self.pairs),
            device=self.device,
        )
        (folder / JOB).write_text(record_json(job), encoding="utf-8")

    def stage_new(self, folder: Path) -> None:
        """As `stage`, into a new folder for a person to take along.

        Raises:
            CheckFailed: The folder exists.
        """
        if folder.exists():
            raise CheckFailed(f"{folder} exists already. Remove it: the app's job and the bundle are written there.")
        folder.mkdir()
        self.stage(folder)

    @property
    def timeout_seconds(self) -> float:
        """How long the app may take: the suite's timeout for each of its runs."""
        return self.suite.timeout_seconds * len(self.pairs) * len(self.suite.threads) * self.suite.rounds

    def accept(self, record: SuiteMeasurements, where: str) -> BenchmarkRecord:
        """Checks the app's record and completes it: sizes, missing runs and verdict are ours.

        Args:
            record: As the app wrote it.
            where: Where it came from, for messages.

        Raises:
            RecordError: It is not a record of this task.
        """
        for what, theirs, ours in (
            ("bundle", record.bundle.digest, self.bundle.manifest.digest),
            ("suite", record.suite.sha256, self.suite_sha256),
            ("kind of device", record.device.kind, self.kind),
        ):
            if theirs != ours:
                raise RecordError(f"{where} is of another {what}: {theirs}, not {ours}.")
        if others := [run.title for run in record.runs if run.key[:2] not in self.pairs]:
            raise RecordError(f"{where} has runs that the job does not ask for: {', '.join(others[:3])}.")
        runs = (*record.runs, *self._missing(record.runs))
        artifacts = tuple(artifact_sizes(self.bundle, *pair) for pair in self.pairs)
        device = record.device.model_copy(update={"name": self.device})
        verdict = give_verdict(self.suite, device, artifacts, runs)
        measured = {name: getattr(record, name) for name in SuiteMeasurements.model_fields}
        completed = {"device": device, "artifacts": artifacts, "runs": runs, "verdict": verdict}
        return BenchmarkRecord.model_validate({**measured, **completed})

    def _missing(self, runs: tuple[Run, ...]) -> list[Run]:
        present = {(run.key, run.round) for run in runs}
        return [
            Run(target=target, precision=precision, threads=threads, round=number, failure=GONE)
            for number in range(1, self.suite.rounds + 1)
            for threads in self.suite.threads
            for target, precision in self.pairs
            if ((target, precision, threads), number) not in present
        ]


class Phone(BenchmarkDevice):
    """A device whose app measures a whole suite by itself."""

    def runs(self, target: Target) -> bool:
        """Whether the app has a runtime for the target."""
        return target in RUNTIMES[self.kind]

    @abstractmethod
    def record(self, task: PhoneTask, on_step: StepCallback) -> BenchmarkRecord:
        """Runs the task in the phone's app.

        Args:
            task: What the app measures.
            on_step: Called with a few words when something begins.

        Returns:
            The app's record, checked.

        Raises:
            DeviceLost: The phone no longer answers, or returned no record.
            RecordError: The record is not of this task.
            DmvtonError: The phone is not ready for the app.
        """


class ReturnedRecord(Phone):
    """A phone whose record was brought here by hand.

    Args:
        path: The record.

    Raises:
        RecordError: The file is not a record of a phone.
    """

    def __init__(self, path: Path):
        self._path, self._record = path, read_app_record(path)
        self.kind, self.name = self._record.device.kind, self._record.device.name
        if self.kind not in RUNTIMES:
            raise RecordError(
                f"{path} is the record of a {self.kind} device, not of a phone: it has its verdict already."
            )

    def record(self, task: PhoneTask, on_step: StepCallback) -> BenchmarkRecord:
        """Checks the record; nothing is measured."""
        return task.accept(self._record, str(self._path))
