"""Series of timed runs, and the events that carry them to the host."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from typing import Any

CHUNK, CHUNK_MS = 500, 1000  # an event carries that many samples at most, and waits that long at most

GoesOn = Callable[[int, float], bool]  # whether a series goes on, by its runs and its seconds so far


def emit(event: str, **values: Any) -> None:
    """Prints an event for the host."""
    print(json.dumps({"event": event, **values}), flush=True)


def until(min_runs: int, min_seconds: float) -> GoesOn:
    """A series that ends when it has that many runs and has lasted that long, both."""
    return lambda runs, seconds: runs < min_runs or seconds < min_seconds


def timed_ms(run: Callable[[], None], slow_down: float = 0.0) -> float:
    """Milliseconds of one run.

    Args:
        run: What is timed.
        slow_down: Share of the run's time that is waited after it and counted with it.
    """
    started = time.perf_counter()
    run()
    taken = time.perf_counter() - started
    while time.perf_counter() < started + taken * (1 + slow_down):
        pass
    return (time.perf_counter() - started) * 1e3


def emit_series(
    component: str,
    mode: str,
    run: Callable[[], None],
    goes_on: GoesOn,
    *,
    warmup_runs: int = 0,
    period_ms: float | None = None,
    slow_down: float = 0.0,
) -> None:
    """Runs a component again and again, and emits the times in chunks.

    Args:
        component: Name of the component.
        mode: `steady`, `camera` or `sustained`.
        run: Runs the component once.
        goes_on: Whether the series goes on.
        warmup_runs: Runs before the series, which are not timed.
        period_ms: Milliseconds from one start to the next; None starts a run when the last one ends.
        slow_down: See `timed_ms`.
    """
    about = {"component": component, "mode": mode, "warmup_runs": warmup_runs, "period_ms": period_ms}
    for _ in range(warmup_runs):
        run()
    chunk: list[tuple[float, float]] = []
    for sample in _samples(run, goes_on, period_ms, slow_down):
        chunk.append(sample)
        if len(chunk) == CHUNK or sample[0] - chunk[0][0] > CHUNK_MS:
            _emit_chunk(chunk, about)
            chunk = []
    if chunk:
        _emit_chunk(chunk, about)


def _samples(
    run: Callable[[], None], goes_on: GoesOn, period_ms: float | None, slow_down: float
) -> Iterator[tuple[float, float]]:
    """Start since the first run and duration of each run, in milliseconds."""
    runs, first = 0, time.perf_counter()
    while goes_on(runs, time.perf_counter() - first):
        if period_ms is not None:
            time.sleep(max(0.0, first + runs * period_ms / 1e3 - time.perf_counter()))
        began = (time.perf_counter() - first) * 1e3
        yield began, timed_ms(run, slow_down)
        runs += 1


def _emit_chunk(chunk: list[tuple[float, float]], about: dict[str, Any]) -> None:
    emit("samples", started_ms=[began for began, _ in chunk], samples_ms=[taken for _, taken in chunk], **about)
