"""LiteRT's own `benchmark_model`, where somebody has it: what it says of a .tflite file on a device, beside our agent.

It is fed with random numbers and tells averages only; nothing of it goes into a record.
"""

import re
import secrets
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devices.adb_link import DeviceRefused, Link

_NUMBER = r"(\d+(?:\.\d+)?(?:e\+\d+)?)"  # as C++ prints a double
_TOLD = re.compile(
    rf"Inference timings in us: Init: {_NUMBER}, First inference: {_NUMBER}, "
    rf"Warmup \(avg\): {_NUMBER}, Inference \(avg\): {_NUMBER}"
)


@dataclass(frozen=True)
class Timings:
    """Milliseconds; warmup and inference are means."""

    init_ms: float
    first_ms: float
    warmup_ms: float
    inference_ms: float


def benchmark_model(
    link: Link, binary: Path, artifact: Path, threads: int, runs: int = 50, seconds: float = 300.0
) -> Timings:
    """Both files are pushed, run and removed. binary: for the device's processor. Raises DeviceRefused where it does
    not run to its end, or tells no timings; DeviceLost where it has not ended by then."""
    folder = f"/tmp/dmvton-bench-{secrets.token_hex(8)}"
    model, tool = f"{folder}/model.tflite", f"{folder}/benchmark_model"
    if (made := link.shell(f"mkdir -m 700 {folder}")).code:
        raise DeviceRefused(f"{link.serial} did not make {folder}: {made.last_line}.")
    try:
        link.push(binary, tool)
        link.push(artifact, model)
        given = f"--graph={model} --num_threads={threads} --num_runs={runs}"
        said = link.shell(f"chmod 700 {tool} && {tool} {given} </dev/null", seconds)
    finally:
        link.remove(folder)
    if said.code:
        raise DeviceRefused(f"{binary.name} ended with {said.code} on {link.serial}: {said.last_line}.")
    return timings(said.text, binary.name)


def timings(text: str, what: str) -> Timings:
    """What benchmark_model printed. Raises DeviceRefused where there is no line of timings."""
    found = _TOLD.search(text)
    if found is None:
        raise DeviceRefused(f"{what} printed no `Inference timings in us`: is it LiteRT's benchmark_model?")
    init, first, warmup, inference = (float(number) / 1e3 for number in found.groups())
    return Timings(init_ms=init, first_ms=first, warmup_ms=warmup, inference_ms=inference)
