"""Suites on this host: a real bundle through real processes, and what is kept when one of them ends early."""

import threading
import time
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from benchmarks.devices.host import Host
from benchmarks.measure.client import AGENT_FILE
from benchmarks.record import BenchmarkRecord, Validity, read_record
from benchmarks.run import measure, measure_beside, select_artifacts
from benchmarks.run_record import Mode
from benchmarks.suite import CameraRate, Suite, SuiteError, Sustained, Until
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, read_golden, reseal, seal, write_golden
from dmvton_mobile.bundles.golden import GOLDEN
from dmvton_mobile.cli.main import app
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Precision, Target
from tests.cli.test_cli import refusal

SUITE = Suite(
    name="test",
    description="For tests.",
    threads=(1,),
    warmup_runs=1,
    garment=Until(min_runs=2),
    frame=Until(min_runs=9, min_seconds=0.1),
    camera=CameraRate(seconds=0.2),
    sustained=Sustained(seconds=0.2),
    operations=True,
)


def run(bundle: Bundle, **changes: object) -> BenchmarkRecord:
    return measure(bundle, SUITE.model_copy(update=changes), "a" * 64, Host(), lambda what: None)


@pytest.fixture(scope="module")
def measured(small_bundle: Path) -> BenchmarkRecord:
    return run(read_bundle(small_bundle))


def test_everything_that_the_suite_asks_for_is_measured(measured: BenchmarkRecord) -> None:
    (only,) = measured.runs
    assert only.failure is None and measured.verdict.validity is not Validity.INVALID
    assert {(each.component, each.mode) for each in only.series} == {
        (Component.GARMENT_ENCODER, Mode.STEADY),
        (Component.TRYON, Mode.STEADY),
        (Component.TRYON, Mode.CAMERA),
        (Component.TRYON, Mode.SUSTAINED),
    }
    assert only.frame and len(only.frame.samples_ms) >= 9 and only.frame.started_ms[-1] > 90
    assert [(load.component, load.cold) for load in only.loads] == [
        (Component.GARMENT_ENCODER, True),
        (Component.TRYON, True),
    ]
    assert all(load.warm_load_ms for load in only.loads)
    assert only.memory and only.memory.rss_delta_bytes and only.memory.rss_delta_bytes > 10_000_000  # its weights alone
    assert only.before and only.after and only.before.free_memory_bytes and only.before.load is not None
    assert only.versions["onnxruntime"] and only.affinity
    assert measured.device.cores and measured.device.processor and measured.agent.startswith("python")


def test_frames_at_camera_rate_say_how_many_were_late(measured: BenchmarkRecord) -> None:
    camera = measured.runs[0].find(Component.TRYON, Mode.CAMERA)
    assert camera and camera.period_ms and camera.late is not None
    assert camera.late * len(camera.samples_ms) == sum(sample > camera.period_ms for sample in camera.samples_ms)


def test_the_outputs_are_compared_with_the_bundles(measured: BenchmarkRecord) -> None:
    parity = measured.runs[0].parity
    assert parity and {figure.output for figure in parity} == {"tryon", "flow", "composition", "rendered"}
    assert measured.verdict.passed


def test_operations_are_named_with_their_times(measured: BenchmarkRecord) -> None:
    operations = measured.runs[0].operations
    assert operations and "Conv" in {each.kind for each in operations}
    assert all(each.milliseconds is not None for each in operations)


def test_other_outputs_than_the_bundles_are_no_pass(own_bundle: Path) -> None:
    bundle = read_bundle(own_bundle)
    golden = read_golden(bundle, GOLDEN)
    golden["output.tryon"] = 1 - golden["output.tryon"]
    write_golden(bundle.folder, "tryon", golden)
    seal(bundle.folder, bundle.manifest)
    record = run(read_bundle(own_bundle), camera=None, sustained=None, operations=False)
    assert record.verdict.validity is Validity.INVALID and not record.verdict.passed
    assert "differs from the PyTorch network" in record.verdict.reasons[0] and "tryon" in record.verdict.reasons[0]
    assert record.runs[0].frame


def test_a_hung_process_is_stopped_and_its_samples_kept(small_bundle: Path) -> None:
    record = run(read_bundle(small_bundle), frame=Until(min_runs=1, min_seconds=600), timeout_seconds=12.0)
    (only,) = record.runs
    assert only.failure == "It had not ended after 12 seconds, and was stopped."
    assert only.frame and only.loads and not record.verdict.passed


def test_a_killed_process_leaves_what_it_told(small_bundle: Path) -> None:
    def kill() -> None:
        me = psutil.Process()
        while True:
            for child in me.children():
                if any(AGENT_FILE in word for word in child.cmdline()):
                    time.sleep(6)
                    child.kill()
                    return
            time.sleep(0.05)

    killer = threading.Thread(target=kill)
    killer.start()
    record = run(read_bundle(small_bundle), frame=Until(min_runs=1, min_seconds=600))
    killer.join()
    assert record.runs[0].failure and "ended with -9" in record.runs[0].failure
    assert record.runs[0].loads and record.verdict.validity is Validity.INVALID


def test_bundles_beside_each_other_take_turns(small_bundle: Path) -> None:
    bundle, order = read_bundle(small_bundle), []
    suite = SUITE.model_copy(update={"rounds": 2, "camera": None, "sustained": None, "operations": False})

    class Noting(Host):
        def measure(self, work):  # type: ignore[no-untyped-def]
            order.append((work.round, work.slow_down))
            return super().measure(work)

    base, new = measure_beside([bundle] * 2, suite, "a" * 64, Noting(), lambda what: None, slow_downs=[0.0, 0.5])
    assert order == [(1, 0.0), (1, 0.5), (2, 0.5), (2, 0.0)]
    assert base.started_at == new.started_at and len(base.runs) == len(new.runs) == 2


def test_what_is_not_there_is_named(small_bundle: Path) -> None:
    bundle = read_bundle(small_bundle)
    with pytest.raises(SuiteError, match="asks for tflite. Of student.dmvton, host runs onnx fp32"):
        select_artifacts(bundle, SUITE.model_copy(update={"targets": (Target.TFLITE,)}), Host())
    with pytest.raises(SuiteError, match="has nothing that test asks for"):
        select_artifacts(bundle, SUITE.model_copy(update={"precisions": (Precision.INT8,)}), Host())


def test_the_command_writes_a_record_and_overwrites_none(small_bundle: Path, tmp_path: Path) -> None:
    suite = tmp_path / "mine.yaml"
    suite.write_text("name: mine\ndescription: Mine.\nthreads: [1]\ngarment: {min_runs: 1}\nframe: {min_runs: 3}\n")
    out = tmp_path / "record.json"
    asked = ["bench", "run", "--bundle", str(small_bundle), "--suite", str(suite), "--out", str(out)]
    done = CliRunner().invoke(app, asked)
    assert done.exit_code == 0, done.output
    assert done.output.startswith("PASS")
    assert read_record(out).suite.name == "mine"
    assert "exists already" in refusal(*asked)
    assert "There is no device 'adb'" in refusal(*asked[:-1], str(tmp_path / "other.json"), "--device", "adb")


def test_a_footprint_says_what_is_over_in_its_first_line(small_bundle: Path, tmp_path: Path) -> None:
    asked = ["bench", "footprint", "--bundle", str(small_bundle), "--budget"]
    done = CliRunner().invoke(app, [*asked, "37MB", "--out", str(tmp_path / "record.json")])
    first = done.output.splitlines()[0]
    assert done.exit_code == 1
    assert first.startswith("FAIL: student.dmvton on host: onnx fp32: parameters 37.6 MB, budget 37.0 MB")
    within = CliRunner().invoke(app, [*asked, "4GB"])
    assert within.exit_code == 0 and within.output.startswith("PASS: student.dmvton on host is within 4GB.")
    assert "no number of bytes" in refusal(*asked, "some")


def test_the_manifest_says_what_is_shipped(own_bundle: Path) -> None:
    bundle = read_bundle(own_bundle)
    assert bundle.manifest.recommendations is None
    reseal(bundle, bundle.manifest)
    suite = SUITE.model_copy(update={"recommended": True})
    assert select_artifacts(bundle, suite, Host()) == [(Target.ONNX, Precision.FP32)]
