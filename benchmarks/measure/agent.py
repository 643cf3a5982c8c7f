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
CHUNK, CHUNK_MS = 500, 1000  # samples in an event, and how long they may wait to be told
CPU = Path("/sys/devices/system/cpu")

Arrays = list[np.ndarray]


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


def _load(seconds: float = 0.25) -> float | None:
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


class Artifact:
    """One file in its runtime. `run` is what is timed: inputs lie in it already, outputs are read when it is done."""

    def __init__(self, part: dict[str, Any], threads: int):
        self.part, self.threads = part, threads

    @staticmethod
    def versions() -> dict[str, str]:
        """Imports the runtime, and says which it is."""
        raise NotImplementedError

    def set(self, inputs: Arrays) -> None:
        """In the part's order."""
        raise NotImplementedError

    def run(self) -> None:
        raise NotImplementedError

    def outputs(self) -> Arrays:
        """Of the last run, in the part's order: copies."""
        raise NotImplementedError


class LiteRT(Artifact):
    @staticmethod
    def versions() -> dict[str, str]:
        name = "ai-edge-litert" if "ai_edge_litert" in _interpreter().__name__ else "tflite-runtime"
        return {name: _version(name)}

    def __init__(self, part: dict[str, Any], threads: int):
        super().__init__(part, threads)
        self._opened = _interpreter().Interpreter(model_path=part["artifact"], num_threads=threads)
        self._opened.allocate_tensors()
        self._signature = self._opened._get_full_signature_list()["serving_default"]

    def set(self, inputs: Arrays) -> None:
        for name, value in zip(self.part["inputs"], inputs):
            self._opened.set_tensor(self._signature["inputs"][name], value)

    def run(self) -> None:
        self._opened.invoke()

    def outputs(self) -> Arrays:
        return [self._opened.get_tensor(self._signature["outputs"][name]) for name in self.part["outputs"]]


def _interpreter() -> Any:
    try:
        from ai_edge_litert import interpreter
    except ImportError:
        from tflite_runtime import interpreter  # type: ignore[import-not-found]  # older boards
    return interpreter


class OnnxRuntime(Artifact):
    @staticmethod
    def versions() -> dict[str, str]:
        import onnxruntime

        return {"onnxruntime": onnxruntime.__version__}

    def __init__(self, part: dict[str, Any], threads: int):
        import onnxruntime

        super().__init__(part, threads)
        self._given: Arrays = []
        self.session = onnxruntime.InferenceSession(
            part["artifact"], self.options(), providers=["CPUExecutionProvider"]
        )

    def options(self) -> Any:
        """As an app would have them: no memory patterns, which hold half as much again and gain no time."""
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = self.threads
        options.enable_mem_pattern = False
        options.log_severity_level = 3
        return options

    def set(self, inputs: Arrays) -> None:
        self._fed = dict(zip(self.part["inputs"], inputs))

    def run(self) -> None:
        self._given = []  # as an app, which is done with a frame before the next
        self._given = self.session.run(self.part["outputs"], self._fed)

    def outputs(self) -> Arrays:
        return [value.copy() for value in self._given]  # what it gave lies in its own arena


class ExecuTorch(Artifact):
    @staticmethod
    def versions() -> dict[str, str]:
        import torch
        from executorch.runtime import Runtime

        Runtime.get()
        return {"torch": torch.__version__, "executorch": _version("executorch")}

    def __init__(self, part: dict[str, Any], threads: int):
        import torch
        from executorch.runtime import Runtime

        super().__init__(part, threads)
        self._given: list[Any] = []
        torch.set_num_threads(threads)
        self._program = Runtime.get().load_program(part["artifact"])  # which its method does not keep
        self._method = self._program.load_method("forward")

    def set(self, inputs: Arrays) -> None:
        import torch

        self._fed = [torch.from_numpy(value) for value in inputs]

    def run(self) -> None:
        self._given = []
        self._given = self._method.execute(self._fed)

    def outputs(self) -> Arrays:
        return [output.numpy().copy() for output in self._given]


class CoreML(Artifact):
    """On a Mac; how many threads, Core ML decides."""

    @staticmethod
    def versions() -> dict[str, str]:
        import coremltools

        return {"coremltools": coremltools.__version__}

    def __init__(self, part: dict[str, Any], threads: int):
        import coremltools

        super().__init__(part, threads)
        self._model = coremltools.models.MLModel(part["artifact"])

    def set(self, inputs: Arrays) -> None:
        self._fed = dict(zip(self.part["inputs"], inputs))

    def run(self) -> None:
        self._given = self._model.predict(self._fed)

    def outputs(self) -> Arrays:
        return [self._given[name] for name in self.part["outputs"]]


RUNTIMES = {"tflite": LiteRT, "onnx": OnnxRuntime, "executorch": ExecuTorch, "coreml": CoreML}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "unknown"


class Timed:
    """A part that is run again and again on what it was given."""

    def __init__(self, artifact: Artifact, slow_down: float):
        self.component, self._run, self._slow_down = artifact.part["component"], artifact.run, slow_down

    def milliseconds(self) -> float:
        """Of one run."""
        started = time.perf_counter()
        self._run()
        taken = time.perf_counter() - started
        while time.perf_counter() < started + taken * (1 + self._slow_down):
            pass
        return (time.perf_counter() - started) * 1e3

    def series(
        self, mode: str, warmup_runs: int, goes_on: Callable[[int, float], bool], period_ms: float | None = None
    ) -> None:
        """Tells a series, chunk by chunk. goes_on: of the runs by now and of the seconds since the first."""
        about = {"component": self.component, "mode": mode, "warmup_runs": warmup_runs, "period_ms": period_ms}
        for _ in range(warmup_runs):
            self._run()
        chunk: list[tuple[float, float]] = []
        for sample in self._samples(goes_on, period_ms):
            chunk.append(sample)
            if len(chunk) == CHUNK or sample[0] - chunk[0][0] > CHUNK_MS:
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
    runtime = RUNTIMES[job["target"]]
    versions = {"python": platform.python_version(), "numpy": np.__version__, **runtime.versions()}
    tell("versions", versions=versions)
    files = {name: file for asked in job["parts"] for name, file in asked["inputs"].items() if file is not None}
    made = {name: np.load(file) for name, file in files.items()}
    _forget_peak()
    bare = _bytes(Path("/proc/self/status"), "VmRSS")
    for number, asked in enumerate(job["parts"], 1):
        artifact = _loaded(runtime, asked, job["threads"], [made[name] for name in asked["inputs"]])
        part = Timed(artifact, job.get("slow_down", 0.0))
        if number == len(job["parts"]):
            _tell_memory(bare, loaded_bytes=_bytes(Path("/proc/self/status"), "VmRSS"))
        else:
            made.update(zip(asked["outputs"], artifact.outputs()))
        part.series("steady", job["warmup_runs"], _until(**asked["until"]))
        if number < len(job["parts"]):
            del artifact, part  # as in an app, which needs it again when the garment changes
    camera, sustained = job.get("camera"), job.get("sustained")
    if camera:
        part.series("camera", 0, _until(0, camera["seconds"]), camera["period_ms"])
    if sustained:
        part.series("sustained", 0, _until(0, sustained["seconds"]))
    _tell_memory(bare)
    if job.get("outputs"):
        for name, value in zip(job["parts"][-1]["outputs"], artifact.outputs()):
            np.save(Path(job["outputs"], f"{name}.npy"), value)
        tell("outputs", names=job["parts"][-1]["outputs"])
    del artifact, part
    for asked in job["parts"]:
        started = time.perf_counter()
        runtime(asked, job["threads"])
        tell("warm_load", component=asked["component"], warm_load_ms=(time.perf_counter() - started) * 1e3)
    tell("state", when="after", **state())
    tell("end")


def _until(min_runs: int, min_seconds: float) -> Callable[[int, float], bool]:
    return lambda runs, seconds: runs < min_runs or seconds < min_seconds


def _loaded(runtime: type[Artifact], asked: dict[str, Any], threads: int, inputs: Arrays) -> Artifact:
    """A part loaded and run once, which is told."""
    cold = uncached(Path(asked["artifact"]))
    started = time.perf_counter()
    artifact = runtime(asked, threads)
    loaded = time.perf_counter()
    artifact.set(inputs)
    artifact.run()
    ran = time.perf_counter()
    tell(
        "load",
        component=asked["component"],
        cold=cold,
        first_load_ms=(loaded - started) * 1e3,
        first_run_ms=(ran - loaded) * 1e3,
    )
    return artifact


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
