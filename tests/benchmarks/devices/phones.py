"""The record that a phone's app would leave of what it was given."""

from collections.abc import Sequence
from pathlib import Path

from benchmarks.devices.phone import BUNDLE, JOB, AppJob
from benchmarks.record import BenchmarkRecord, BundleIdentity, SuiteIdentity
from benchmarks.run_record import Device, DeviceKind, Run
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import parse_record
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks import records

SUITE = Suite(name="app", description="For tests.", threads=(2,), rounds=2, frame=Until(min_runs=8))


def app_run(target: Target, frame_ms: float | Sequence[float] = 10.0, round: int = 1) -> Run:
    return records.run(frame_ms, round).model_copy(update={"target": target, "precision": Precision.FP16})


def app_record(job: AppJob, bundle: Bundle, kind: DeviceKind, runs: Sequence[Run]) -> BenchmarkRecord:
    """As an app makes it: with a verdict of its own, which is not believed."""
    manifest = bundle.manifest
    identity = BundleIdentity(
        name=job.bundle_name, network=manifest.network, trained=manifest.trained, digest=manifest.digest
    )
    device = Device(kind=kind, name=job.device, model="Test Phone")
    suite = SuiteIdentity(name=job.suite.name, sha256=job.suite_sha256)
    update = {"suite": suite, "bundle": identity, "device": device, "agent": "app 1"}
    return records.record(runs, job.suite).model_copy(update=update)


def read_job(folder: Path) -> tuple[AppJob, Bundle]:
    """What an app was given."""
    job = parse_record((folder / JOB).read_bytes(), AppJob, JOB, DmvtonError)
    assert job.bundle == BUNDLE
    return job, read_bundle(folder / BUNDLE)
