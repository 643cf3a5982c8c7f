"""A real artifact measured in a process of its own, and what happens when that process fails."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from pydantic import ValidationError

from benchmarks.measure.agent import probes
from benchmarks.measure.client import AGENT_FILE
from benchmarks.measure.components import MeasuredComponent
from benchmarks.measure.interleaved import (
    Measurement,
    measure_components,
    measure_interleaved,
    median_ms,
    median_ratio,
    median_rss_delta,
)
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target

LINUX = Path("/proc/self/status").exists()
MAX_RUNS = 100_000  # minutes
DEADLINE = 60.0  # seconds until the process must have been seen


@pytest.fixture(scope="module")
def component(small_bundle: Path) -> MeasuredComponent:
    """The small garment encoder as an .onnx file."""
    bundle = read_bundle(small_bundle)
    [made] = [made for made in bundle.manifest.artifacts if made.contract.component is Component.GARMENT_ENCODER]
    random = np.random.default_rng(0)
    inputs = {tensor.name: random.random(tensor.shape, np.float32) for tensor in made.contract.inputs}
    return MeasuredComponent(bundle.folder / made.path, made.contract, inputs)


def test_measures_every_run(component: MeasuredComponent) -> None:
    measured = measure_components(Target.ONNX, [component], threads=1, runs=5)
    assert len(measured.latency_ms) == 5 and all(latency > 0 for latency in measured.latency_ms)
    assert min(measured.latency_ms) <= measured.median_ms <= max(measured.latency_ms)
    if LINUX:
        assert measured.rss_delta_bytes is not None
        assert component.path.stat().st_size / 2 < measured.rss_delta_bytes < 1 << 30
    else:
        assert measured.rss_delta_bytes is None


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_all_that_is_open_counts(component: MeasuredComponent) -> None:
    alone, many, closed = (
        measure_components(Target.ONNX, [component] * count, threads=1, runs=1, keep_open=keep_open).rss_delta_bytes
        for count, keep_open in ((1, True), (6, True), (6, False))
    )
    assert alone is not None and many is not None and closed is not None
    assert many > alone + 4 * component.path.stat().st_size
    assert closed < many - 3 * component.path.stat().st_size


def test_variants_are_measured_round_by_round(component: MeasuredComponent) -> None:
    steps: list[str] = []
    variants = {"one": [component], "other": [component]}
    measured = measure_interleaved(Target.ONNX, variants, threads=1, rounds=2, runs=1, on_step=steps.append)
    assert steps == [
        "onnx one, round 1 of 2",
        "onnx other, round 1 of 2",
        "onnx one, round 2 of 2",
        "onnx other, round 2 of 2",
    ]
    assert [len(rounds) for rounds in measured.values()] == [2, 2]


def test_a_file_that_cannot_be_opened_is_an_error(component: MeasuredComponent, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"not a model" * 100)
    with pytest.raises(DmvtonError, match=r"Measuring garbage.onnx failed: .*garbage\.onnx failed:Protobuf parsing"):
        measure_components(Target.ONNX, [component._replace(path=garbage)], threads=1, runs=1)


def test_a_missing_file_is_an_error(component: MeasuredComponent, tmp_path: Path) -> None:
    missing = component._replace(path=tmp_path / "missing.onnx")
    with pytest.raises(
        DmvtonError, match=r"Measuring missing.onnx failed: .*No such file or directory: .*missing\.onnx"
    ):
        measure_components(Target.ONNX, [missing], threads=1, runs=1)


def test_inputs_that_do_not_fit_are_an_error(component: MeasuredComponent) -> None:
    """One too few, and one of another size."""
    first, second = component.inputs
    fewer = {first: component.inputs[first]}
    with pytest.raises(DmvtonError, match=f"Measuring {component.path.name} failed: it has no input {second}."):
        measure_components(Target.ONNX, [component._replace(inputs=fewer)], threads=1, runs=1)
    smaller = {**component.inputs, first: component.inputs[first][:, :, :64]}
    with pytest.raises(DmvtonError, match=f"Measuring {component.path.name} failed: InvalidArgument: .*{first}"):
        measure_components(Target.ONNX, [component._replace(inputs=smaller)], threads=1, runs=1)


def test_a_process_that_is_killed_is_an_error(component: MeasuredComponent) -> None:
    """As the system does when memory runs out: nothing is printed on standard error."""
    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(measure_components, Target.ONNX, [component], threads=1, runs=MAX_RUNS)
        measuring_process().kill()
        with pytest.raises(DmvtonError, match=f"Measuring {component.path.name} failed: .*-9"):
            measuring.result(timeout=DEADLINE)


def measuring_process() -> psutil.Process:
    """The child of this process that measures."""
    started = time.monotonic()
    while time.monotonic() - started < DEADLINE:
        for child in psutil.Process().children():
            if any(word.endswith(AGENT_FILE) for word in child.cmdline()):
                return child
        time.sleep(0.05)
    raise AssertionError("no process was started to measure in")


@pytest.mark.parametrize(("threads", "runs"), [(0, 1), (1, 0)])
def test_no_threads_or_no_runs_are_refused(component: MeasuredComponent, threads: int, runs: int) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        measure_components(Target.ONNX, [component], threads=threads, runs=runs)


def test_medians() -> None:
    slow, fast = Measurement((5.0, 1.0, 100.0), 30), Measurement((2.0,), None)
    assert slow.median_ms == 5.0
    assert median_ms([slow, fast]) == 3.5 and median_ms([]) is None
    assert median_ratio([slow, fast], [fast, fast]) == 1.75 and median_ratio([], []) is None
    assert median_rss_delta([slow, fast]) == 30 and median_rss_delta([fast]) is None


def test_what_cannot_be_read_is_none(tmp_path: Path) -> None:
    """Not 0; and the start of a field's name is not its name."""
    status = tmp_path / "status"
    status.write_text("VmRSS:\t  100 kB\nVmHWM:\t  many kB\n")
    assert probes._field_bytes(status, "VmRSS") == 100 * 1024
    assert probes._field_bytes(status, "Vm") is None and probes._field_bytes(status, "VmHWM") is None
    assert probes._field_bytes(tmp_path / "missing", "VmRSS") is None


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_resident_memory_is_in_bytes() -> None:
    """psutil reads the same from another file, in pages."""
    resident, peak = probes.resident_bytes(), probes.peak_resident_bytes()
    assert resident is not None and peak is not None
    assert resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.1) and peak >= resident
