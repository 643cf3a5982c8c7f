"""Artifacts in a process of their own: how much its memory grows, how long a run of the last one takes.

Memory is the resident set of the process (VmRSS of /proc/self/status, bytes): growth from when it is bare, its runtime
imported and nothing loaded, to after the first run of the last; and the highest it has been (VmHWM) after all runs.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, NamedTuple

import numpy as np
from pydantic import Field
from safetensors.numpy import load_file, save_file

from dmvton_mobile.contract import ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Strict
from dmvton_mobile.runtimes import Session, open_session
from dmvton_mobile.targets import Target

WARMUP_RUNS = 2


class Part(NamedTuple):
    """An artifact, and what it is run on, in its own layouts and order."""

    path: Path
    contract: ComponentContract
    inputs: list[np.ndarray]


class _Part(Strict):
    """inputs: the file that they lie in."""

    path: Path
    contract: ComponentContract
    inputs: Path


class Job(Strict):
    target: Target
    parts: tuple[_Part, ...]
    kept_open: bool
    threads: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]


class Measurement(Strict):
    """latency_ms: every counted run, in order, after WARMUP_RUNS. Memory is None where the system does not tell."""

    latency_ms: list[float]
    growth_bytes: int | None
    peak_growth_bytes: int | None

    @property
    def median_ms(self) -> float:
        return statistics.median(self.latency_ms)


def measure(target: Target, parts: Sequence[Part], *, threads: int, runs: int, kept_open: bool = False) -> Measurement:
    """Loads each artifact and runs it once, then the last one again and again, in a fresh process with that many
    threads. kept_open: every artifact stays loaded to the end; else each but the last is closed after its run."""
    with tempfile.TemporaryDirectory() as folder:
        written = []
        for number, (path, contract, inputs) in enumerate(parts):
            tensors = Path(folder) / f"{number}.safetensors"
            save_file({f"{index:03}": np.ascontiguousarray(value) for index, value in enumerate(inputs)}, tensors)
            written.append(_Part(path=path, contract=contract, inputs=tensors))
        job = Job(target=target, parts=tuple(written), kept_open=kept_open, threads=threads, runs=runs)
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.measure.process"],
            input=job.model_dump_json(),
            capture_output=True,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": str(threads)},
        )
    if done.returncode:
        said = done.stderr.strip().splitlines() or [f"its process ended with {done.returncode} and said nothing"]
        raise DmvtonError(f"Measuring {parts[-1].path.name} failed: {said[-1]}")
    return Measurement.model_validate_json(done.stdout.splitlines()[-1])


def megabytes(values: Sequence[int | None]) -> str:
    """The median of what is known, in MB of 10^6 bytes; "-" where nothing is."""
    known = [value for value in values if value is not None]
    return f"{statistics.median(known) / 1e6:.0f}" if known else "-"


def _work(job: Job) -> Measurement:
    fed = [[value for _, value in sorted(load_file(part.inputs).items())] for part in job.parts]
    _import_runtime(job.target)
    before = _status("VmRSS")
    held: list[Session] = []
    for part, inputs in zip(job.parts, fed, strict=True):
        if not job.kept_open:
            held.clear()
        held.append(open_session(job.target, part.path, part.contract, threads=job.threads))
        held[-1].run_held(inputs)
    session = held[-1]
    after = _status("VmRSS")
    for _ in range(WARMUP_RUNS):
        session.run_held(inputs)
    latencies = []
    for _ in range(job.runs):
        started = time.perf_counter()
        session.run_held(inputs)
        latencies.append((time.perf_counter() - started) * 1e3)
    return Measurement(
        latency_ms=latencies, growth_bytes=_less(after, before), peak_growth_bytes=_less(_status("VmHWM"), before)
    )


def _import_runtime(target: Target) -> None:
    if target is Target.ONNX:
        import onnxruntime  # noqa: F401
    elif target is Target.TFLITE:
        import ai_edge_litert.interpreter  # noqa: F401
    elif target is Target.EXECUTORCH:
        import executorch.runtime

        executorch.runtime.Runtime.get()


def _status(field: str) -> int | None:
    try:
        lines = Path("/proc/self/status").read_text().splitlines()
    except OSError:
        return None  # not Linux
    return next((int(line.split()[1]) * 1024 for line in lines if line.startswith(f"{field}:")), None)


def _less(after: int | None, before: int | None) -> int | None:
    return None if after is None or before is None else after - before


if __name__ == "__main__":
    print(_work(Job.model_validate(json.load(sys.stdin))).model_dump_json())
