"""A phone: its app measures a whole suite by itself, and gives a record, which is judged here.

The app is given a folder with `job.json` and the bundle. It leaves, in a folder of its own, `record.json`, written anew
after every run, and `ended` when it is done. A record is a stranger's: it must be of this very bundle and suite, what
the files weigh is taken from the files here, the verdict is made here, and a run that is missing is one that failed.
"""

import shutil
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import SerializerFunctionWrapHandler, field_serializer

from benchmarks.budget import weigh
from benchmarks.devices.device import BenchmarkDevice
from benchmarks.record import BenchmarkRecord, DeviceKind, RecordError, Run, read_record
from benchmarks.suite import Suite
from benchmarks.verdict import judge
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.records.base import Name, Record, Sha256, Strict, record_json
from dmvton_mobile.targets import Precision, Target

APP = "org.dmvton.demo"  # Android's package, Apple's bundle identifier
JOB, BUNDLE, RECORD, ENDED = "job.json", "bundle.dmvton", "record.json", "ended"
RUNTIMES = {DeviceKind.ANDROID: (Target.TFLITE, Target.EXECUTORCH), DeviceKind.IOS: (Target.COREML,)}
GONE = "The app ended before this was measured."


class Pair(Strict):
    """What one process would run."""

    target: Target
    precision: Precision


class AppJob(Record):
    """What `job.json` holds. device: the name that the record gives it. bundle: a folder beside this file."""

    schema_version: Literal[1] = 1
    suite: Suite
    suite_sha256: Sha256
    bundle: Name = BUNDLE
    bundle_name: Name
    pairs: tuple[Pair, ...]
    device: Name

    @field_serializer("suite", mode="wrap")
    def _as_apps_read_it(self, suite: Suite, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        # version 1 of the apps' contract calls the budget of the RSS delta growth_bytes
        values: dict[str, Any] = dump(suite)
        values["budget"]["growth_bytes"] = values["budget"].pop("rss_delta_bytes")
        return values


@dataclass(frozen=True)
class PhoneWork:
    """A suite on a bundle, for the app on one phone. pairs: what of the bundle the suite asks for there."""

    bundle: Bundle
    suite: Suite
    suite_sha256: str
    pairs: tuple[tuple[Target, Precision], ...]
    kind: DeviceKind
    device: str

    def stage(self, folder: Path) -> None:
        """Fills the folder with what the app is given: of the bundle, all of it, as an app would embed it."""
        shutil.copytree(self.bundle.folder, folder / BUNDLE)
        job = AppJob(
            suite=self.suite,
            suite_sha256=self.suite_sha256,
            bundle_name=self.bundle.folder.name,
            pairs=tuple(Pair(target=target, precision=precision) for target, precision in self.pairs),
            device=self.device,
        )
        (folder / JOB).write_text(record_json(job), encoding="utf-8")

    def stage_anew(self, folder: Path) -> None:
        """Into a folder of its own, for people to take along. Raises CheckFailed where it is there."""
        if folder.exists():
            raise CheckFailed(f"{folder} exists already. Remove it: what the app is given goes there.")
        folder.mkdir()
        self.stage(folder)

    @property
    def seconds(self) -> float:
        """That the app may take: the suite's timeout for each of its runs."""
        return self.suite.timeout_seconds * len(self.pairs) * len(self.suite.threads) * self.suite.rounds

    def accept(self, record: BenchmarkRecord, where: str) -> BenchmarkRecord:
        """The app's record, judged. where: for messages. Raises RecordError where it is not of this work."""
        for what, theirs, ours in (
            ("bundle", record.bundle.digest, self.bundle.manifest.digest),
            ("suite", record.suite.sha256, self.suite_sha256),
            ("kind of device", record.device.kind, self.kind),
        ):
            if theirs != ours:
                raise RecordError(f"{where} is of another {what}: {theirs}, not {ours}.")
        if others := [run.title for run in record.runs if run.key[:2] not in self.pairs]:
            raise RecordError(f"{where} has runs that nobody asked for: {', '.join(others[:3])}.")
        runs = (*record.runs, *self._missing(record.runs))
        artifacts = tuple(weigh(self.bundle, *pair) for pair in self.pairs)
        device = record.device.model_copy(update={"name": self.device})
        verdict = judge(self.suite, device, artifacts, runs)
        update = {"device": device, "artifacts": artifacts, "runs": runs, "verdict": verdict}
        return record.model_copy(update=update)

    def _missing(self, runs: tuple[Run, ...]) -> list[Run]:
        there = {(run.key, run.round) for run in runs}
        return [
            Run(target=target, precision=precision, threads=threads, round=number, failure=GONE)
            for number in range(1, self.suite.rounds + 1)
            for threads in self.suite.threads
            for target, precision in self.pairs
            if ((target, precision, threads), number) not in there
        ]


class Phone(BenchmarkDevice):
    def runs(self, target: Target) -> bool:
        """What its app has a runtime for."""
        return target in RUNTIMES[self.kind]

    @abstractmethod
    def record(self, work: PhoneWork, on_step: Callable[[str], None]) -> BenchmarkRecord:
        """What its app measured. Raises DeviceLost, RecordError, and DmvtonError where the phone cannot be asked."""


class Returned(Phone):
    """A phone whose record was brought here by hand. Raises RecordError where the file is no record of a phone."""

    def __init__(self, path: Path):
        self._path, self._record = path, read_record(path)
        self.kind, self.name = self._record.device.kind, self._record.device.name
        if self.kind not in RUNTIMES:
            raise RecordError(f"{path} is the record of a {self.kind} device: nothing is to be judged again.")

    def record(self, work: PhoneWork, on_step: Callable[[str], None]) -> BenchmarkRecord:
        return work.accept(self._record, str(self._path))
