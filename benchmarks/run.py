"""A suite on a device: every artifact it asks for, process after process, and the record of it.

`measure` makes one record, on whatever device. `measure_beside` makes two, of bundles whose processes take turns: what
slows the machine slows both, so `compare` can tell a change from noise.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime

from benchmarks.budget import weigh
from benchmarks.devices.device import AgentDevice, BenchmarkDevice, DeviceLost
from benchmarks.devices.job import Work
from benchmarks.devices.phone import Phone, PhoneWork
from benchmarks.record import Artifacts, BenchmarkRecord, BundleIdentity, Run, SuiteIdentity
from benchmarks.suite import Suite, SuiteError
from benchmarks.verdict import judge
from dmvton_mobile.bundles.bundle import Bundle, verify_files
from dmvton_mobile.bundles.manifest import DEVICE_ONLY
from dmvton_mobile.errors import plain
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import held_pairs
from dmvton_mobile.utils.build import DISTRIBUTION, package_versions

OnStep = Callable[[str], None]


@dataclass
class Session:
    """One bundle's share of a run: what was measured by now. slow_down: see `agent`."""

    bundle: Bundle
    pairs: list[tuple[Target, Precision]]
    slow_down: float = 0.0
    runs: list[Run] = field(default_factory=list)


def measure(
    bundle: Bundle, suite: Suite, suite_sha256: str, device: BenchmarkDevice, on_step: OnStep
) -> BenchmarkRecord:
    """The record, whatever went wrong on the way: a device that is lost keeps what it gave. on_step: told what is
    measured. Raises SuiteError where the suite asks for what is not in the bundle or does not run on the device."""
    if isinstance(device, Phone):
        pairs = tuple(wanted_pairs(bundle, suite, device))
        verify_files(bundle)
        return device.record(PhoneWork(bundle, suite, suite_sha256, pairs, device.kind, device.name), on_step)
    assert isinstance(device, AgentDevice)
    return measure_beside([bundle], suite, suite_sha256, device, on_step)[0]


def measure_beside(
    bundles: Sequence[Bundle],
    suite: Suite,
    suite_sha256: str,
    device: AgentDevice,
    on_step: OnStep,
    slow_downs: Sequence[float] | None = None,
) -> list[BenchmarkRecord]:
    """A record of each bundle; as `measure`. The order turns with every round: A B, B A, ..."""
    sessions = [
        Session(bundle, wanted_pairs(bundle, suite, device), slow_down)
        for bundle, slow_down in zip(bundles, slow_downs or [0.0] * len(bundles), strict=True)
    ]
    for bundle in bundles:
        verify_files(bundle)
    started_at, started = datetime.now(UTC), time.monotonic()
    try:
        for session, work in _works(sessions, suite):
            on_step(f"Measuring {work.bundle.folder.name}, {work.target} {work.precision}, round {work.round}")
            time.sleep(suite.cooldown_seconds)
            try:
                session.runs.append(device.measure(work))
            except DeviceLost as error:
                session.runs.append(_unmeasured(work, str(error)))
                break
    finally:
        device.close()
    seconds = time.monotonic() - started
    return [_record(session, suite, suite_sha256, device, started_at, seconds) for session in sessions]


def wanted_pairs(bundle: Bundle, suite: Suite, device: BenchmarkDevice) -> list[tuple[Target, Precision]]:
    """What the suite asks for, in the manifest's order; what it names must be there and run on the device."""
    held = held_pairs(bundle)
    manifest = bundle.manifest
    able = [
        pair
        for pair in held
        if device.runs(pair[0])
        and (isinstance(device, Phone) or all(item.evaluator != DEVICE_ONLY for item in manifest.artifacts_of(*pair)))
    ]
    wanted = [
        (target, precision)
        for target, precision in able
        if (suite.targets is None or target in suite.targets)
        and (suite.precisions is None or precision in suite.precisions)
        and (not suite.recommended or _recommended(bundle, target) in (None, precision))
    ]
    holds = ", ".join(f"{target} {precision}" for target, precision in able) or "none"
    if absent := [target for target in suite.targets or () if target not in [pair[0] for pair in able]]:
        raise SuiteError(
            f"The suite {suite.name} asks for {', '.join(absent)}. Of {bundle.folder.name}, {device.name} runs {holds}."
        )
    if not wanted:
        raise SuiteError(f"{bundle.folder.name} has nothing that {suite.name} asks for; {device.name} runs {holds}.")
    return wanted


def _recommended(bundle: Bundle, target: Target) -> Precision | None:
    advice = bundle.manifest.recommendations
    return advice.precision(target) if advice else None


def _works(sessions: Sequence[Session], suite: Suite) -> Iterator[tuple[Session, Work]]:
    for number in range(1, suite.rounds + 1):
        for threads in suite.threads:
            for index in range(max(len(session.pairs) for session in sessions)):
                for session in sessions if number % 2 else reversed(sessions):
                    if index < len(session.pairs):
                        target, precision = session.pairs[index]
                        yield (
                            session,
                            Work(session.bundle, target, precision, threads, number, suite, session.slow_down),
                        )


def _unmeasured(work: Work, failure: str) -> Run:
    return Run(
        target=work.target, precision=work.precision, threads=work.threads, round=work.round, failure=plain(failure)
    )


def _record(
    session: Session,
    suite: Suite,
    suite_sha256: str,
    device: AgentDevice,
    started_at: datetime,
    seconds: float,
) -> BenchmarkRecord:
    bundle, manifest = session.bundle, session.bundle.manifest
    artifacts: tuple[Artifacts, ...] = tuple(weigh(bundle, *pair) for pair in session.pairs)
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
        runs=tuple(session.runs),
        verdict=judge(suite, device.device, artifacts, session.runs),
    )
