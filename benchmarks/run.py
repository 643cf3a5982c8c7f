"""Runs a suite on a device, process after process, and makes the record.

`measure` makes one record, on any device. `measure_beside` makes one for each of several bundles, whose processes run
in interleaved rounds: what slows the machine slows all of them, so that `compare` can tell a change from noise.
"""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.budget import artifact_sizes
from benchmarks.devices.device import AgentDevice, BenchmarkDevice, DeviceLost
from benchmarks.devices.job import AgentTask
from benchmarks.devices.phone import Phone, PhoneTask
from benchmarks.record import ArtifactSizes, BenchmarkRecord, BundleIdentity, SuiteIdentity
from benchmarks.run_record import Run
from benchmarks.suite import Suite, SuiteError
from benchmarks.verdict import give_verdict
from dmvton_mobile.bundles.bundle import Bundle, verify_files
from dmvton_mobile.bundles.manifest import DEVICE_ONLY
from dmvton_mobile.errors import printable
from dmvton_mobile.runtimes.bundled import bundled_targets
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.build import DISTRIBUTION, package_versions
from dmvton_mobile.utils.progress import StepCallback


@dataclass
class BundleRuns:
    """One bundle's share of a session: what is measured, and the runs so far.

    Attributes:
        bundle: Whose artifacts are measured.
        selected: Their targets and precisions.
        slow_down: See `AgentJob`.
        runs: What was measured so far.
    """

    bundle: Bundle
    selected: list[tuple[Target, Precision]]
    slow_down: float = 0.0
    runs: list[Run] = field(default_factory=list)


def measure(
    bundle: Bundle, suite: Suite, suite_sha256: str, device: BenchmarkDevice, on_step: StepCallback
) -> BenchmarkRecord:
    """Measures a bundle on a device.

    Args:
        bundle: Whose artifacts are measured.
        suite: Which of them, and how long.
        suite_sha256: Of the suite's file, for the record.
        device: Where.
        on_step: Called before every process.

    Returns:
        The record; failures are part of it. What a device measured before it was lost is kept.

    Raises:
        SuiteError: The suite asks for what is not in the bundle, or does not run on the device.
        BundleError: The bundle was changed.
    """
    if isinstance(device, Phone):
        selected = tuple(select_artifacts(bundle, suite, device))
        verify_files(bundle)
        return device.record(PhoneTask(bundle, suite, suite_sha256, selected, device.kind, device.name), on_step)
    assert isinstance(device, AgentDevice)
    return measure_beside([bundle], suite, suite_sha256, device, on_step)[0]


def measure_beside(
    bundles: Sequence[Bundle],
    suite: Suite,
    suite_sha256: str,
    device: AgentDevice,
    on_step: StepCallback,
    slow_downs: Sequence[float] | None = None,
) -> list[BenchmarkRecord]:
    """Measures bundles in interleaved rounds, whose order alternates: A B, B A, ...

    Args:
        bundles: What is measured; other arguments as of `measure`.
        suite: See `measure`.
        suite_sha256: See `measure`.
        device: See `measure`.
        on_step: See `measure`.
        slow_downs: For each bundle, see `AgentJob`; None slows none down.

    Returns:
        A record for each bundle.
    """
    shares = [
        BundleRuns(bundle, select_artifacts(bundle, suite, device), slow_down)
        for bundle, slow_down in zip(bundles, slow_downs or [0.0] * len(bundles), strict=True)
    ]
    for bundle in bundles:
        verify_files(bundle)
    started_at, started = datetime.now(UTC), time.monotonic()
    try:
        for share, task in _tasks(shares, suite):
            on_step(f"Measuring {task.bundle.folder.name}, {task.target} {task.precision}, round {task.round}")
            time.sleep(suite.cooldown_seconds)
            try:
                share.runs.append(device.measure(task))
            except DeviceLost as error:
                share.runs.append(_unmeasured(task, str(error)))
                break
    finally:
        device.close()
    seconds = time.monotonic() - started
    return [_record(share, suite, suite_sha256, device, started_at, seconds) for share in shares]


def select_artifacts(bundle: Bundle, suite: Suite, device: BenchmarkDevice) -> list[tuple[Target, Precision]]:
    """The targets and precisions that a suite asks for, in the manifest's order.

    Raises:
        SuiteError: A target that the suite names is missing or does not run on the device, or nothing remains.
    """
    runnable = [each for each in bundled_targets(bundle) if _runs_on(bundle, *each, device)]
    selected = [
        (target, precision)
        for target, precision in runnable
        if (suite.targets is None or target in suite.targets)
        and (suite.precisions is None or precision in suite.precisions)
        and (not suite.recommended or _recommended(bundle, target) in (None, precision))
    ]
    listed = ", ".join(f"{target} {precision}" for target, precision in runnable) or "none"
    if absent := [target for target in suite.targets or () if target not in [each[0] for each in runnable]]:
        raise SuiteError(
            f"The suite {suite.name} asks for {', '.join(absent)}. "
            f"Of {bundle.folder.name}, {device.name} runs {listed}."
        )
    if not selected:
        raise SuiteError(f"{bundle.folder.name} has nothing that {suite.name} asks for; {device.name} runs {listed}.")
    return selected


def _runs_on(bundle: Bundle, target: Target, precision: Precision, device: BenchmarkDevice) -> bool:
    """A phone also runs artifacts that no host can run."""
    artifacts = bundle.manifest.artifacts_of(target, precision)
    return device.runs(target) and (
        isinstance(device, Phone) or all(item.evaluator != DEVICE_ONLY for item in artifacts)
    )


def _recommended(bundle: Bundle, target: Target) -> Precision | None:
    advice = bundle.manifest.recommendations
    return advice.precision(target) if advice else None


def _tasks(shares: Sequence[BundleRuns], suite: Suite) -> Iterator[tuple[BundleRuns, AgentTask]]:
    for number in range(1, suite.rounds + 1):
        for threads in suite.threads:
            for index in range(max(len(share.selected) for share in shares)):
                for share in shares if number % 2 else reversed(shares):
                    if index < len(share.selected):
                        yield (
                            share,
                            AgentTask(share.bundle, *share.selected[index], threads, number, suite, share.slow_down),
                        )


def _unmeasured(task: AgentTask, failure: str) -> Run:
    return Run(
        target=task.target, precision=task.precision, threads=task.threads, round=task.round, failure=printable(failure)
    )


def _record(
    share: BundleRuns,
    suite: Suite,
    suite_sha256: str,
    device: AgentDevice,
    started_at: datetime,
    seconds: float,
) -> BenchmarkRecord:
    bundle, manifest = share.bundle, share.bundle.manifest
    artifacts: tuple[ArtifactSizes, ...] = tuple(artifact_sizes(bundle, *each) for each in share.selected)
    return BenchmarkRecord(
        started_at=started_at,
        seconds=seconds,
        suite=SuiteIdentity(name=suite.name, sha256=suite_sha256, budget=suite.budget),
        bundle=BundleIdentity(
            name=bundle.folder.name, network=manifest.network, trained=manifest.trained, digest=manifest.digest
        ),
        device=device.device,
        agent=device.agent,
        versions=package_versions((DISTRIBUTION,)),
        artifacts=artifacts,
        runs=tuple(share.runs),
        verdict=give_verdict(suite, device.device, artifacts, share.runs),
    )
