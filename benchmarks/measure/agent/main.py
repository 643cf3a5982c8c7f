"""The order of a measurement, which is the same for every benchmark.

1. the device's facts and state; the runtime is imported; the inputs are read;
2. RSS of the bare process; its peak so far is forgotten;
3. every component in turn: cold load, first run, steady runs. A component is closed before the next one is loaded,
   as in an app, which needs the garment encoder again only when the garment changes, unless the job keeps it open;
4. RSS and peak RSS, right after the first run of the last component, which is the frame;
5. frames at camera rate and sustained frames, if the job asks for them;
6. the frame's outputs, warm loads, and the device's state again.
"""

from __future__ import annotations

import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from . import probes
from .runtimes import RUNTIMES, LoadedArtifact
from .series import emit, emit_series, until

VERSION = "python 2"


def measure(job: dict[str, Any]) -> None:
    """Measures what the job asks for; emits an event for every result.

    Args:
        job: `AgentJob` of `benchmarks/measure/job.py` as JSON.
    """
    emit("start", agent=VERSION, device=probes.device_facts(), affinity=probes.affinity())
    emit("state", when="before", **probes.device_state())
    runtime = RUNTIMES[job["target"]]
    emit("versions", versions={"python": platform.python_version(), "numpy": np.__version__, **runtime.versions()})
    components = job["components"]
    tensors = _read_inputs(components)
    probes.forget_peak()
    bare_bytes = probes.resident_bytes()

    opened: list[LoadedArtifact] = []
    for spec in components:
        if not job["keep_open"]:
            opened.clear()
        opened.append(_load_and_run(runtime, spec, job["threads"], tensors))
        if spec is components[-1]:
            _emit_memory(bare_bytes)
        else:
            tensors.update(zip(spec["outputs"], opened[-1].outputs()))
        if spec["until"]:
            _emit_steady(job, opened[-1])
    _emit_camera_and_sustained(job, opened[-1])
    if job["outputs"]:
        _write_outputs(Path(job["outputs"]), opened[-1])
    opened.clear()

    for spec in components:
        started = time.perf_counter()
        runtime(spec, job["threads"])
        emit("warm_load", component=spec["component"], warm_load_ms=(time.perf_counter() - started) * 1e3)
    emit("state", when="after", **probes.device_state())
    emit("end")


def _read_inputs(components: list[dict[str, Any]]) -> dict[str, np.ndarray]:
    """Tensors by name, of the inputs that lie in files; the others are outputs of earlier components."""
    files = {name: file for spec in components for name, file in spec["inputs"].items() if file is not None}
    return {name: np.load(file) for name, file in files.items()}


def _load_and_run(
    runtime: type[LoadedArtifact], spec: dict[str, Any], threads: int, tensors: dict[str, np.ndarray]
) -> LoadedArtifact:
    cold = probes.drop_from_cache(Path(spec["artifact"]))
    started = time.perf_counter()
    artifact = runtime(spec, threads)
    loaded = time.perf_counter()
    artifact.set_inputs([tensors[name] for name in spec["inputs"]])
    artifact.run()
    ran = time.perf_counter()
    emit(
        "load",
        component=spec["component"],
        cold=cold,
        first_load_ms=(loaded - started) * 1e3,
        first_run_ms=(ran - loaded) * 1e3,
    )
    return artifact


def _emit_memory(bare_bytes: int | None) -> None:
    if bare_bytes is not None:  # None: no Linux
        loaded_bytes, peak_bytes = probes.resident_bytes(), probes.peak_resident_bytes()
        emit("memory", kind="rss", bare_bytes=bare_bytes, loaded_bytes=loaded_bytes, peak_bytes=peak_bytes)


def _emit_steady(job: dict[str, Any], artifact: LoadedArtifact) -> None:
    spec = artifact.spec
    emit_series(
        spec["component"],
        "steady",
        artifact.run,
        until(**spec["until"]),
        warmup_runs=job["warmup_runs"],
        slow_down=job["slow_down"],
    )


def _emit_camera_and_sustained(job: dict[str, Any], artifact: LoadedArtifact) -> None:
    component, slow_down, camera, sustained = (
        artifact.spec["component"],
        job["slow_down"],
        job["camera"],
        job["sustained"],
    )
    if camera:
        goes_on = until(0, camera["seconds"])
        emit_series(component, "camera", artifact.run, goes_on, period_ms=camera["period_ms"], slow_down=slow_down)
    if sustained:
        emit_series(component, "sustained", artifact.run, until(0, sustained["seconds"]), slow_down=slow_down)


def _write_outputs(folder: Path, artifact: LoadedArtifact) -> None:
    names = artifact.spec["outputs"]
    for name, value in zip(names, artifact.outputs()):
        np.save(folder / f"{name}.npy", value)
    emit("outputs", names=names)


def main() -> None:
    """Measures the job in the file that the command line names; exit code 1 after a `failed` event."""
    try:
        measure(json.loads(Path(sys.argv[1]).read_text()))
    except Exception as error:  # the host learns of every failure, whatever it is
        emit("failed", message=f"{type(error).__name__}: {error}")
        sys.exit(1)
