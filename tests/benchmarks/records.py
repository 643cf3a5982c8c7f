"""Records for tests, built as a run would build them."""

from collections.abc import Sequence
from datetime import UTC, datetime

from benchmarks.record import ArtifactSizes, BenchmarkRecord, BundleIdentity, SuiteIdentity
from benchmarks.run_record import Device, DeviceKind, Load, Memory, MemoryKind, Mode, Run, Series, State
from benchmarks.suite import Suite, Until
from benchmarks.verdict import give_verdict
from dmvton_mobile.bundles.manifest import ParityFigure
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Precision, Target

SUITE = Suite(name="test", description="For tests.", rounds=4, frame=Until(min_runs=4))
STARTED = datetime(2026, 11, 25, 12, 0, tzinfo=UTC)
CALM = State(load=0.0, temperature_celsius=30.0, battery_percent=80.0, throttled=False, foreground=True)
DEVICE = Device(kind=DeviceKind.HOST, name="host", processor="Test CPU")


def series(samples_ms: Sequence[float], mode: Mode = Mode.STEADY, component: Component = Component.TRYON) -> Series:
    """Back to back."""
    starts = [sum(samples_ms[:index]) for index in range(len(samples_ms))]
    return Series(component=component, mode=mode, warmup_runs=1, started_ms=tuple(starts), samples_ms=tuple(samples_ms))


def run(frame_ms: float | Sequence[float] = 10.0, round: int = 1, **changes: object) -> Run:
    samples = [float(frame_ms)] * 8 if isinstance(frame_ms, int | float) else list(frame_ms)
    figure = ParityFigure(output="tryon", inputs="example", psnr_db=90.0, max_abs_error=1e-4, bound_db=60.0)
    made = Run(
        target=Target.ONNX,
        precision=Precision.FP32,
        threads=2,
        round=round,
        before=CALM,
        after=CALM,
        loads=(Load(component=Component.TRYON, cold=True, first_load_ms=50.0, first_run_ms=12.0, warm_load_ms=20.0),),
        series=(series(samples),),
        memory=Memory(kind=MemoryKind.RSS, bare_bytes=40_000_000, loaded_bytes=60_000_000, peak_bytes=70_000_000),
        parity=(figure,),
    )
    return made.model_copy(update=changes)


def record(runs: Sequence[Run], suite: Suite = SUITE, started_at: datetime = STARTED) -> BenchmarkRecord:
    artifacts = ArtifactSizes(
        target=Target.ONNX,
        precision=Precision.FP32,
        parameters_bytes=2_900_000,
        file_bytes=3_000_000,
        download_bytes=2_700_000,
    )
    return BenchmarkRecord(
        started_at=started_at,
        seconds=12.5,
        suite=SuiteIdentity(name=suite.name, sha256="a" * 64, budget=suite.budget),
        bundle=BundleIdentity(name="test.dmvton", network="dmvton-lite", trained=True, digest="b" * 64),
        device=DEVICE,
        agent="python 1",
        versions={"dmvton-mobile": "0.1.0"},
        artifacts=(artifacts,),
        runs=tuple(runs),
        verdict=give_verdict(suite, DEVICE, [artifacts], runs),
    )


def rounds(medians_ms: Sequence[float]) -> BenchmarkRecord:
    """One round of each median."""
    return record([run(median, round=number) for number, median in enumerate(medians_ms, 1)])
