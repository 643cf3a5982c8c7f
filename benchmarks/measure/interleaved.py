"""Variants of one thing timed against each other on this machine, in interleaved rounds.

Every measurement is a process of its own. In each round every variant is measured once, so that a slow minute of the
machine slows all of them; a ratio is the median over the rounds of that round's ratio.
"""

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.measure.client import run_agent
from benchmarks.measure.collector import EventCollector
from benchmarks.measure.components import MeasuredComponent
from benchmarks.measure.job import AgentJob, ComponentJob, input_files
from benchmarks.run_record import Mode
from benchmarks.suite import Until
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.progress import StepCallback

WARMUP_RUNS = 2


@dataclass(frozen=True)
class Measurement:
    """One process: its frames and its memory.

    Attributes:
        latency_ms: Time of every counted run of the last component, in order.
        rss_delta_bytes: Peak RSS while the components are loaded and the first frame runs, minus the RSS of the bare
            process with its runtime imported; None where the system does not report it.
    """

    latency_ms: tuple[float, ...]
    rss_delta_bytes: int | None

    @property
    def median_ms(self) -> float:
        """The median of all counted runs."""
        return statistics.median(self.latency_ms)


def measure_components(
    target: Target, components: Sequence[MeasuredComponent], *, threads: int, runs: int, keep_open: bool = False
) -> Measurement:
    """Loads and runs every component once, then times the last one, in a process of its own.

    Args:
        target: Whose runtime.
        components: In the order that they run. An input that is named like an output of an earlier component takes
            that output.
        threads: CPU threads of the runtime.
        runs: Runs that count, after WARMUP_RUNS.
        keep_open: Whether all components stay loaded to the end; by default, each until the next one is loaded.

    Raises:
        DmvtonError: The process failed; the message says which artifact and why.
    """
    with tempfile.TemporaryDirectory(prefix="dmvton-measure-") as temporary:
        folder = Path(temporary)
        jobs = _component_jobs(components, folder, runs)
        job = AgentJob(
            target=target, threads=threads, warmup_runs=WARMUP_RUNS, components=tuple(jobs), keep_open=keep_open
        )
        events = EventCollector()
        failure = events.failure(run_agent(job, folder, events))
    if failure is not None:
        raise DmvtonError(f"Measuring {components[-1].path.name} failed: {failure}")
    [steady] = [series for series in events.series if series.mode is Mode.STEADY]
    return Measurement(steady.samples_ms, events.memory.rss_delta_bytes if events.memory else None)


def measure_interleaved(
    target: Target,
    variants: Mapping[str, Sequence[MeasuredComponent]],
    *,
    threads: int,
    rounds: int,
    runs: int,
    on_step: StepCallback,
) -> dict[str, list[Measurement]]:
    """Measures every variant once a round.

    Args:
        target: Whose runtime.
        variants: The components of each variant, by its name; the last component is timed.
        threads: CPU threads of the runtime.
        rounds: How often each variant is measured.
        runs: Runs that count, in one measurement.
        on_step: Called with the variant and the round before each measurement.

    Returns:
        A measurement for each round, by the variant's name.
    """
    measured: dict[str, list[Measurement]] = {name: [] for name in variants}
    for number in range(1, rounds + 1):
        for name, components in variants.items():
            on_step(f"{target} {name}, round {number} of {rounds}")
            measured[name].append(measure_components(target, components, threads=threads, runs=runs))
    return measured


def median_ms(rounds: Sequence[Measurement]) -> float | None:
    """Median over the rounds of a frame's median latency; None without rounds."""
    return statistics.median(each.median_ms for each in rounds) if rounds else None


def median_ratio(rounds: Sequence[Measurement], others: Sequence[Measurement]) -> float | None:
    """Median over the rounds of a variant's latency relative to another's in the same round; None without rounds."""
    ratios = [own.median_ms / other.median_ms for own, other in zip(rounds, others, strict=True)]
    return statistics.median(ratios) if ratios else None


def median_rss_delta(rounds: Sequence[Measurement]) -> int | None:
    """Median RSS delta in bytes over the rounds that have one; None if none has."""
    known = [each.rss_delta_bytes for each in rounds if each.rss_delta_bytes is not None]
    return int(statistics.median(known)) if known else None


def _component_jobs(components: Sequence[MeasuredComponent], folder: Path, runs: int) -> list[ComponentJob]:
    """A job for each component, its inputs written into the folder."""
    jobs: list[ComponentJob] = []
    computed: set[str] = set()
    for number, (path, contract, inputs) in enumerate(components):
        files = {}
        for name, value in inputs.items():
            if name not in computed:
                files[name] = str(folder / f"{number}-{name}.npy")
                np.save(files[name], value)
        if missing := [name for name in contract.input_names if name not in files and name not in computed]:
            raise DmvtonError(f"Measuring {path.name} failed: it has no input {', '.join(missing)}.")
        jobs.append(
            ComponentJob(
                component=contract.component,
                artifact=str(path.resolve()),
                inputs=input_files(contract.input_names, files),
                outputs=tuple(contract.output_names),
                until=Until(min_runs=runs) if number == len(components) - 1 else None,
            )
        )
        computed.update(contract.output_names)
    return jobs
