"""One real artifact measured in a process of its own, and what happens when that process fails."""

import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import psutil
import pytest
from pydantic import ValidationError

from benchmarks.measure.process import Measurement, Part, _less, _status, measure
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.contract import Component, ComponentContract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target

LINUX = Path("/proc/self/status").exists()
FOREVER = 10_000_000  # runs
DEADLINE = 60.0  # seconds until the process must have been seen


@pytest.fixture(scope="module")
def artifact(small_bundle: Path) -> tuple[Path, ComponentContract]:
    """The small garment encoder as an .onnx file."""
    bundle = read_bundle(small_bundle)
    [made] = [made for made in bundle.manifest.artifacts if made.contract.component is Component.GARMENT_ENCODER]
    return bundle.folder / made.path, made.contract


@pytest.fixture(scope="module")
def inputs(artifact: tuple[Path, ComponentContract]) -> list[np.ndarray]:
    random = np.random.default_rng(0)
    return [random.random(tensor.shape, np.float32) for tensor in artifact[1].inputs]


def test_measures_every_run(artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray]) -> None:
    path, contract = artifact
    measured = measure(Target.ONNX, [Part(path, contract, inputs)], threads=1, runs=5)
    assert len(measured.latency_ms) == 5 and all(latency > 0 for latency in measured.latency_ms)
    assert min(measured.latency_ms) <= measured.median_ms <= max(measured.latency_ms)
    if LINUX:
        assert measured.growth_bytes is not None and measured.peak_growth_bytes is not None
        assert path.stat().st_size / 2 < measured.growth_bytes <= measured.peak_growth_bytes < 1 << 30
    else:
        assert measured.growth_bytes is None and measured.peak_growth_bytes is None


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_all_that_is_open_counts(artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray]) -> None:
    part = Part(*artifact, inputs)
    alone, many, closed = (
        measure(Target.ONNX, [part] * count, threads=1, runs=1, kept_open=kept_open).growth_bytes
        for count, kept_open in ((1, True), (6, True), (6, False))
    )
    assert alone is not None and many is not None and closed is not None
    assert many > alone + 4 * artifact[0].stat().st_size
    assert closed < many - 3 * artifact[0].stat().st_size


def test_a_file_that_cannot_be_opened_is_an_error(
    artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray], tmp_path: Path
) -> None:
    garbage = tmp_path / "garbage.onnx"
    garbage.write_bytes(b"not a model" * 100)
    with pytest.raises(DmvtonError, match="Measuring garbage.onnx failed: .*ONNX Runtime cannot open"):
        measure(Target.ONNX, [Part(garbage, artifact[1], inputs)], threads=1, runs=1)


def test_a_missing_file_is_an_error(
    artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray], tmp_path: Path
) -> None:
    with pytest.raises(DmvtonError, match="Measuring missing.onnx failed: .*There is no artifact"):
        measure(Target.ONNX, [Part(tmp_path / "missing.onnx", artifact[1], inputs)], threads=1, runs=1)


def test_inputs_that_do_not_fit_are_an_error(
    artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray]
) -> None:
    """One too few, and one of another size."""
    path, contract = artifact
    for wrong in (inputs[:1], [inputs[0][:, :, :64], inputs[1]]):
        with pytest.raises(DmvtonError, match=f"Measuring {path.name} failed: ."):
            measure(Target.ONNX, [Part(path, contract, wrong)], threads=1, runs=1)


def test_a_process_that_is_killed_is_an_error(
    artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray]
) -> None:
    """As the system does when memory runs out: nothing is said on standard error."""
    path, contract = artifact
    with ThreadPoolExecutor(1) as pool:
        measuring = pool.submit(measure, Target.ONNX, [Part(path, contract, inputs)], threads=1, runs=FOREVER)
        measuring_process().kill()
        with pytest.raises(DmvtonError, match=f"Measuring {path.name} failed: .*-9"):
            measuring.result(timeout=DEADLINE)


def measuring_process() -> psutil.Process:
    """The child of this process that measures."""
    started = time.monotonic()
    while time.monotonic() - started < DEADLINE:
        for child in psutil.Process().children():
            if "benchmarks.measure.process" in child.cmdline():
                return child
        time.sleep(0.05)
    raise AssertionError("no process was started to measure in")


@pytest.mark.parametrize(("threads", "runs"), [(0, 1), (1, 0)])
def test_no_threads_or_no_runs_are_refused(
    artifact: tuple[Path, ComponentContract], inputs: list[np.ndarray], threads: int, runs: int
) -> None:
    with pytest.raises(ValidationError, match="greater than or equal to 1"):
        measure(Target.ONNX, [Part(*artifact, inputs)], threads=threads, runs=runs)


def test_median() -> None:
    measured = Measurement(latency_ms=[5.0, 1.0, 100.0], growth_bytes=None, peak_growth_bytes=None)
    assert measured.median_ms == 5.0


def test_what_cannot_be_read_is_none() -> None:
    """Not 0, and neither is a difference with it."""
    assert _status("NoSuchField") is None
    assert _status("Vm") is None  # the start of a field's name is not its name
    assert _less(None, 3) is None and _less(3, None) is None and _less(5, 3) == 2 and _less(3, 3) == 0


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_the_status_is_in_bytes() -> None:
    """psutil reads the same from another file, in pages."""
    resident, peak = _status("VmRSS"), _status("VmHWM")
    assert resident is not None and peak is not None
    assert resident == pytest.approx(psutil.Process().memory_info().rss, rel=0.1) and peak >= resident
