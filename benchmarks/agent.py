"""Measures a bundle's artifacts where it runs: a single file of Python 3.9 or later that needs numpy and one runtime.

    python3 agent.py job.json          # events as lines of JSON on standard output

The same file measures on the host and on a board over adb; it imports nothing of this project. A job says what to run:

    {"target": "tflite" | "onnx" | "executorch" | "coreml", "threads": 2, "warmup_runs": 3, "outputs": FOLDER | null,
     "parts": [{"component": "garment_encoder", "artifact": "a.tflite", "inputs": {NAME: "NAME.npy", ...},
                "outputs": [NAME, ...], "until": {"min_runs": 20, "min_seconds": 0}}, ...],
     "camera": {"period_ms": 33.3, "seconds": 5} | null, "sustained": {"seconds": 60} | null, "slow_down": 0}

inputs: a file, or null for the output of that name of an earlier part. The last part is the frame. slow_down: a share
of every run that is waited after it and counted with it: what a gate must notice. Times are of the runtime's own call,
on tensors that lie ready. Every event is flushed: whoever reads them has all up to the moment that this process ends.
"""

from __future__ import annotations

import contextlib
import json
import os
import platform
import sys
import time
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import numpy as np

VERSION = "python 1"
CHUNK = 50  # samples in an event
CPU = Path("/sys/devices/system/cpu")

Arrays = list[np.ndarray]
Runner = Callable[[Arrays], Arrays]  # one run: inputs and outputs in the part's order
Opener = Callable[[dict[str, Any]], Runner]  # loads a part's artifact


def tell(event: str, **values: Any) -> None:
    print(json.dumps({"event": event, **values}), flush=True)


def device() -> dict[str, Any]:
    """What does not change; None for what the kernel does not tell."""
    model = _text(Path("/sys/firmware/devicetree/base/model")) or _text(Path("/sys/class/dmi/id/product_name"))
    names = _fields(Path("/etc/os-release"), "=")
    return {
        "model": model and model.strip("\0"),
        "processor": _fields(Path("/proc/cpuinfo"), ":").get("model name") or platform.processor() or None,
        "abi": platform.machine() or None,
        "cores": os.cpu_count(),
        "memory_bytes": _bytes(Path("/proc/meminfo"), "MemTotal"),
        "system": f"{names.get('PRETTY_NAME', platform.system())}, kernel {platform.release()}",
    }


def state() -> dict[str, Any]:
    """The device now; None for what the kernel does not tell."""
    governors = [_text(path) for path in sorted(CPU.glob("cpu[0-9]*/cpufreq/scaling_governor"))]
    clocks = [_number(path) for path in sorted(CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))]
    zones = [_number(path) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    degrees = [zone / 1000 for zone in zones if zone is not None and -60e3 <= zone <= 200e3]
    supplies = Path("/sys/class/power_supply").glob("*")
    battery = next((path for path in supplies if _text(path / "type") == "Battery"), None)
    charge = battery and _text(battery / "status")
    return {
        "governors": governors if governors and None not in governors else None,
        "frequencies_khz": [int(clock or 0) for clock in clocks] if clocks and None not in clocks else None,
        "temperature_celsius": max(degrees) if degrees else None,
        "battery_percent": battery and _number(battery / "capacity"),
        "charging": charge and charge in ("Charging", "Full"),
        "free_memory_bytes": _bytes(Path("/proc/meminfo"), "MemAvailable"),
        "load": _load(),
    }


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None


def _fields(path: Path, mark: str) -> dict[str, str]:
    """The first value of each name in lines like `name: value`."""
    found: dict[str, str] = {}
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(mark)
        found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def _bytes(path: Path, name: str) -> int | None:
    """Of a file of /proc that counts in kB."""
    value = _fields(path, ":").get(name, "").removesuffix(" kB")
    return int(value) * 1024 if value.isdecimal() else None


def _load(seconds: float = 0.5) -> float | None:
    """Processors that others keep busy: while this process sleeps."""
    before = _busy_ticks()
    time.sleep(seconds)
    after = _busy_ticks()
    if before is None or after is None:
        return None
    return max(0, after - before) / os.sysconf("SC_CLK_TCK") / seconds


def _busy_ticks() -> int | None:
    words = (_text(Path("/proc/stat")) or "").partition("\n")[0].split()[1:9]
    if len(words) < 8 or not all(word.isdecimal() for word in words):
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, words)
    return user + nice + system + sum(interrupts)


def uncached(artifact: Path) -> bool | None:
    """Asks the system to forget the file's pages; None where it cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return None
    for file in [path for path in artifact.rglob("*") if path.is_file()] or [artifact]:
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def tflite(threads: int, versions: dict[str, str]) -> Opener:
    try:
        from ai_edge_litert import interpreter

        versions["ai-edge-litert"] = _version("ai-edge-litert")
    except ImportError:
        from tflite_runtime import interpreter  # type: ignore[import-not-found]  # older boards

        versions["tflite-runtime"] = _version("tflite-runtime")

    def opener(part: dict[str, Any]) -> Runner:
        opened = interpreter.Interpreter(model_path=part["artifact"], num_threads=threads)
        opened.allocate_tensors()
        signature = opened._get_full_signature_list()["serving_default"]
        taken = [signature["inputs"][name] for name in part["inputs"]]
        given = [signature["outputs"][name] for name in part["outputs"]]

        def run(inputs: Arrays) -> Arrays:
            for index, value in zip(taken, inputs):
                opened.set_tensor(index, value)
            opened.invoke()
            return [opened.get_tensor(index) for index in given]

        return run

    return opener


def onnx(threads: int, versions: dict[str, str]) -> Opener:
    import onnxruntime

    versions["onnxruntime"] = onnxruntime.__version__
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.enable_mem_pattern = False
    options.log_severity_level = 3

    def opener(part: dict[str, Any]) -> Runner:
        session = onnxruntime.InferenceSession(part["artifact"], options, providers=["CPUExecutionProvider"])
        return lambda inputs: session.run(part["outputs"], dict(zip(part["inputs"], inputs)))

    return opener


def executorch(threads: int, versions: dict[str, str]) -> Opener:
    import torch
    from executorch.runtime import Runtime

    versions.update(torch=torch.__version__, executorch=_version("executorch"))
    torch.set_num_threads(threads)
    runtime = Runtime.get()

    def opener(part: dict[str, Any]) -> Runner:
        program = runtime.load_program(part["artifact"])
        method = program.load_method("forward")

        def run(inputs: Arrays, _program: Any = program) -> Arrays:  # a method does not keep its program
            return [output.numpy() for output in method.execute([torch.from_numpy(value) for value in inputs])]

        return run

    return opener


def coreml(threads: int, versions: dict[str, str]) -> Opener:
    """On a Mac; how many threads, Core ML decides."""
    from coremltools import __version__, models

    versions["coremltools"] = __version__

    def opener(part: dict[str, Any]) -> Runner:
        model = models.MLModel(part["artifact"])

        def run(inputs: Arrays) -> Arrays:
            given = model.predict(dict(zip(part["inputs"], inputs)))
            return [given[name] for name in part["outputs"]]

        return run

    return opener


RUNTIMES = {"tflite": tflite, "onnx": onnx, "executorch": executorch, "coreml": coreml}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


class Timed:
    """A part that can be run again and again on what it takes."""

    def __init__(self, component: str, run: Runner, inputs: Arrays, slow_down: float):
        self.component, self._run, self._inputs, self._slow_down = component, run, inputs, slow_down

    def warm_up(self, runs: int) -> None:
        for _ in range(runs):
            self._run(self._inputs)

    def milliseconds(self) -> float:
        """Of one run."""
        started = time.perf_counter()
        self._run(self._inputs)
        taken = time.perf_counter() - started
        while time.perf_counter() < started + taken * (1 + self._slow_down):
            pass
        return (time.perf_counter() - started) * 1e3

    def series(
        self, mode: str, warmup_runs: int, goes_on: Callable[[int, float], bool], period_ms: float | None = None
    ) -> None:
        """Tells a series, CHUNK by CHUNK. goes_on: of the runs by now and of the seconds since the first."""
        about = {"component": self.component, "mode": mode, "warmup_runs": warmup_runs, "period_ms": period_ms}
        self.warm_up(warmup_runs)
        chunk: list[tuple[float, float]] = []
        for sample in self._samples(goes_on, period_ms):
            chunk.append(sample)
            if len(chunk) == CHUNK:
                _tell_samples(chunk, about)
                chunk = []
        if chunk:
            _tell_samples(chunk, about)

    def _samples(self, goes_on: Callable[[int, float], bool], period_ms: float | None) -> Iterator[tuple[float, float]]:
        """(when it began, how long it took), milliseconds."""
        runs, first = 0, time.perf_counter()
        while goes_on(runs, time.perf_counter() - first):
            if period_ms is not None:
                time.sleep(max(0.0, first + runs * period_ms / 1e3 - time.perf_counter()))
            began = (time.perf_counter() - first) * 1e3
            yield began, self.milliseconds()
            runs += 1


def _tell_samples(chunk: list[tuple[float, float]], about: dict[str, Any]) -> None:
    tell("samples", started_ms=[began for began, _ in chunk], samples_ms=[taken for _, taken in chunk], **about)


def measure(job: dict[str, Any]) -> None:
    affinity = sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None
    tell("start", agent=VERSION, device=device(), affinity=affinity)
    tell("state", when="before", **state())
    versions = {"python": platform.python_version(), "numpy": np.__version__}
    opener = RUNTIMES[job["target"]](job["threads"], versions)
    tell("versions", versions=versions)
    _forget_peak()
    bare = _bytes(Path("/proc/self/status"), "VmRSS")
    parts, outputs = _loaded(job, opener)
    _tell_memory(bare, loaded_bytes=_bytes(Path("/proc/self/status"), "VmRSS"))
    if job.get("outputs"):
        for name in job["parts"][-1]["outputs"]:
            np.save(Path(job["outputs"], f"{name}.npy"), outputs[name])
        tell("outputs", names=job["parts"][-1]["outputs"])
    for part, asked in zip(parts, job["parts"]):
        part.series("steady", job["warmup_runs"], _until(**asked["until"]))
    frame, camera, sustained = parts[-1], job.get("camera"), job.get("sustained")
    if camera:
        frame.series("camera", 0, _until(0, camera["seconds"]), camera["period_ms"])
    if sustained:
        frame.series("sustained", 0, _until(0, sustained["seconds"]))
    _tell_memory(bare)
    for asked in job["parts"]:  # last: a second copy is no part of the footprint
        started = time.perf_counter()
        opener(asked)
        tell("warm_load", component=asked["component"], warm_load_ms=(time.perf_counter() - started) * 1e3)
    tell("state", when="after", **state())
    tell("end")


def _until(min_runs: int, min_seconds: float) -> Callable[[int, float], bool]:
    return lambda runs, seconds: runs < min_runs or seconds < min_seconds


def _loaded(job: dict[str, Any], opener: Opener) -> tuple[list[Timed], dict[str, np.ndarray]]:
    """Every part loaded and run once, told as it goes; and what they gave, by name."""
    parts: list[Timed] = []
    made: dict[str, np.ndarray] = {}
    for asked in job["parts"]:
        inputs = [made[name] if file is None else np.load(file) for name, file in asked["inputs"].items()]
        cold = uncached(Path(asked["artifact"]))
        started = time.perf_counter()
        run = opener(asked)
        loaded = time.perf_counter()
        given = run(inputs)
        ran = time.perf_counter()
        tell(
            "load",
            component=asked["component"],
            cold=cold,
            first_load_ms=(loaded - started) * 1e3,
            first_run_ms=(ran - loaded) * 1e3,
        )
        made.update(zip(asked["outputs"], [np.array(value) for value in given]))
        parts.append(Timed(asked["component"], run, inputs, job.get("slow_down", 0.0)))
    return parts, made


def _forget_peak() -> None:
    """Imports have peaks of their own (clear_refs, 5: proc(5)); where they cannot be forgotten they count."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def _tell_memory(bare: int | None, loaded_bytes: int | None = None) -> None:
    if bare is not None:  # else no Linux
        peak = _bytes(Path("/proc/self/status"), "VmHWM")
        tell("memory", kind="rss", bare_bytes=bare, loaded_bytes=loaded_bytes, peak_bytes=peak)


def main() -> None:
    try:
        measure(json.loads(Path(sys.argv[1]).read_text()))
    except Exception as error:  # whoever reads the events is told, whatever it was
        tell("failed", message=f"{type(error).__name__}: {error}")
        sys.exit(1)


if __name__ == "__main__":
    main()
