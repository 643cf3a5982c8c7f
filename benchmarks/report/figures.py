"""What a record says of each of its artifacts: the rounds of one target, precision and thread count taken together."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from benchmarks.record import BenchmarkRecord
from benchmarks.run_record import Load, Mode, Run, RunKey, key_title
from benchmarks.statistics import median
from dmvton_mobile.contract import Component


@dataclass(frozen=True)
class Figures:
    """Medians over the rounds; None where no round has it. Times are milliseconds.

    load: cold where it can be, of all components. first: their first runs. garment, frame, p90, p99: steady. camera:
    a frame's median at camera rate; late: the share that missed its period. sustained: the last quarter's median, with
    drift against the first. rss_delta_bytes: of the process.
    """

    key: RunKey
    load: float | None
    warm_load: float | None
    first: float | None
    garment: float | None
    frame: float | None
    p90: float | None
    p99: float | None
    dispersion: float | None
    camera: float | None
    late: float | None
    sustained: float | None
    drift: float | None
    rss_delta_bytes: int | None
    failures: tuple[str, ...]

    @property
    def title(self) -> str:
        return key_title(self.key)


def grouped(record: BenchmarkRecord) -> dict[RunKey, list[Run]]:
    """The rounds of each, in the order they were begun."""
    groups: dict[RunKey, list[Run]] = {}
    for run in record.runs:
        groups.setdefault(run.key, []).append(run)
    return groups


def figures(record: BenchmarkRecord) -> list[Figures]:
    return [_of(key, runs) for key, runs in grouped(record).items()]


def _of(key: RunKey, runs: Sequence[Run]) -> Figures:
    frames = [run.frame for run in runs if run.frame]
    garments = [each for run in runs if (each := run.find(Component.GARMENT_ENCODER, Mode.STEADY))]
    cameras = [each for run in runs if (each := run.frames(Mode.CAMERA))]
    sustained = [each for run in runs if (each := run.frames(Mode.SUSTAINED))]
    deltas = [run.memory.rss_delta_bytes for run in runs if run.memory]
    delta = _median(deltas)
    return Figures(
        key=key,
        load=_median([_total(run, lambda load: load.first_load_ms) for run in runs]),
        warm_load=_median([_total(run, lambda load: load.warm_load_ms) for run in runs]),
        first=_median([_total(run, lambda load: load.first_run_ms) for run in runs]),
        garment=_median([each.summary.median_ms for each in garments]),
        frame=_median([each.summary.median_ms for each in frames]),
        p90=_median([each.summary.p90_ms for each in frames]),
        p99=_median([each.summary.p99_ms for each in frames]),
        dispersion=_median([each.summary.dispersion for each in frames]),
        camera=_median([each.summary.median_ms for each in cameras]),
        late=_median([each.late for each in cameras]),
        sustained=_median([median(each.samples_ms[-max(1, len(each.samples_ms) // 4) :]) for each in sustained]),
        drift=_median([each.summary.drift for each in sustained]),
        rss_delta_bytes=None if delta is None else round(delta),
        failures=tuple(run.failure for run in runs if run.failure),
    )


def _total(run: Run, figure: Callable[[Load], float | None]) -> float | None:
    values = [figure(load) for load in run.loads]
    known = [value for value in values if value is not None]
    return sum(known) if known and len(known) == len(values) else None


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return median(known) if known else None
