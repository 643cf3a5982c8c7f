"""Figures of a record: for each artifact set, the medians over the rounds of one target, precision and thread count."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.record import BenchmarkRecord
from benchmarks.run_record import Load, Mode, Run, RunKey, key_title
from benchmarks.statistics import median
from dmvton_mobile.contract import Component


@dataclass(frozen=True)
class ArtifactFigures:
    """Medians over the rounds; None if no round has the figure.

    Attributes:
        key: Target, precision, threads.
        load_ms: First load of all components, cold where the cache could be dropped.
        warm_load_ms: Later load of all components.
        first_run_ms: First run of all components.
        garment_ms: Steady median of the garment encoder.
        frame_ms: Steady median of the frame.
        p90_ms: Steady 90th percentile of the frame.
        p99_ms: Steady 99th percentile of the frame.
        dispersion: Of the steady frame: (p90 - p10) / median.
        camera_ms: Median of the frame at camera rate.
        late: Share of the frames at camera rate that took longer than the period.
        sustained_ms: Median of the last quarter of the sustained frames.
        drift: Of the sustained frames: last quarter over first, less 1.
        rss_delta_bytes: Of the process.
        failures: Why processes ended early.
    """

    key: RunKey
    load_ms: float | None
    warm_load_ms: float | None
    first_run_ms: float | None
    garment_ms: float | None
    frame_ms: float | None
    p90_ms: float | None
    p99_ms: float | None
    dispersion: float | None
    camera_ms: float | None
    late: float | None
    sustained_ms: float | None
    drift: float | None
    rss_delta_bytes: int | None
    failures: tuple[str, ...]

    @property
    def title(self) -> str:
        """`tflite int8, 2 threads`."""
        return key_title(self.key)


def runs_by_key(record: BenchmarkRecord) -> dict[RunKey, list[Run]]:
    """The rounds of each artifact set, in the order in which they were started."""
    groups: dict[RunKey, list[Run]] = {}
    for run in record.runs:
        groups.setdefault(run.key, []).append(run)
    return groups


def artifact_figures(record: BenchmarkRecord) -> list[ArtifactFigures]:
    """The figures of each artifact set, in the order in which they were first started."""
    return [_figures(key, runs) for key, runs in runs_by_key(record).items()]


def _figures(key: RunKey, runs: Sequence[Run]) -> ArtifactFigures:
    steady = [run.frame.summary for run in runs if run.frame]
    garments = [each.summary for run in runs if (each := run.find(Component.GARMENT_ENCODER, Mode.STEADY))]
    cameras = [each for run in runs if (each := run.frames(Mode.CAMERA))]
    sustained = [each for run in runs if (each := run.frames(Mode.SUSTAINED))]
    rss_delta = _known_median([run.memory.rss_delta_bytes for run in runs if run.memory])
    return ArtifactFigures(
        key=key,
        load_ms=_known_median([_total(run, lambda load: load.first_load_ms) for run in runs]),
        warm_load_ms=_known_median([_total(run, lambda load: load.warm_load_ms) for run in runs]),
        first_run_ms=_known_median([_total(run, lambda load: load.first_run_ms) for run in runs]),
        garment_ms=_known_median([each.median_ms for each in garments]),
        frame_ms=_known_median([each.median_ms for each in steady]),
        p90_ms=_known_median([each.p90_ms for each in steady]),
        p99_ms=_known_median([each.p99_ms for each in steady]),
        dispersion=_known_median([each.dispersion for each in steady]),
        camera_ms=_known_median([each.summary.median_ms for each in cameras]),
        late=_known_median([each.late for each in cameras]),
        sustained_ms=_known_median([_last_quarter_median(each.samples_ms) for each in sustained]),
        drift=_known_median([each.summary.drift for each in sustained]),
        rss_delta_bytes=None if rss_delta is None else round(rss_delta),
        failures=tuple(run.failure for run in runs if run.failure),
    )


def _last_quarter_median(samples_ms: Sequence[float]) -> float:
    return median(samples_ms[-max(1, len(samples_ms) // 4) :])


def _total(run: Run, figure: Callable[[Load], float | None]) -> float | None:
    values = [figure(load) for load in run.loads]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _known_median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
