"""Phones whose app is the agent: what it is given, what of its record is believed, and the way to it from a Mac."""

import platform
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner

from benchmarks.devices.choose import choose_device, found_devices
from benchmarks.devices.device import DeviceLost
from benchmarks.devices.ios import Ios
from benchmarks.devices.phone import GONE, PhoneTask, ReturnedRecord
from benchmarks.record import BenchmarkRecord, RecordError, Validity, read_record, write_record
from benchmarks.run import measure
from benchmarks.run_record import DeviceKind
from benchmarks.suite import Band, SuiteError
from dmvton_mobile.bundles.bundle import Bundle, file_problems, read_bundle
from dmvton_mobile.cli.main import app
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks import records
from tests.benchmarks.devices.phones import SUITE, app_record, app_run, read_job
from tests.bundles.made import make_bundle
from tests.cli.test_cli import refusal

UDID = "00008110-000A1B2C3D4E5F60"
SHA = "c" * 64


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(make_bundle(tmp_path / "phone.dmvton"))


@pytest.fixture
def task(bundle: Bundle) -> PhoneTask:
    pairs = ((Target.COREML, Precision.FP16),)
    return PhoneTask(bundle, SUITE, SHA, pairs, DeviceKind.IOS, f"ios:{UDID}")


@pytest.fixture
def left(task: PhoneTask, tmp_path: Path) -> BenchmarkRecord:
    """A whole record of the task."""
    given = tmp_path / "given"
    given.mkdir()
    task.stage(given)
    runs = [app_run(Target.COREML, round=number) for number in (1, 2)]
    return app_record(*read_job(given), DeviceKind.IOS, runs)


def test_an_app_is_given_its_job_and_the_whole_bundle(task: PhoneTask, tmp_path: Path) -> None:
    task.stage(tmp_path)
    job, bundle = read_job(tmp_path)
    assert job.suite == SUITE and job.suite_sha256 == SHA and job.device == f"ios:{UDID}"
    assert [(each.target, each.precision) for each in job.pairs] == [(Target.COREML, Precision.FP16)]
    assert bundle.manifest.digest == task.bundle.manifest.digest and file_problems(bundle) == []
    assert task.timeout_seconds == 2 * SUITE.timeout_seconds


def test_a_record_is_judged_here(task: PhoneTask, left: BenchmarkRecord) -> None:
    accepted = task.accept(left, "record.json")
    assert accepted.verdict.validity is Validity.VALID and accepted.verdict.passed
    assert accepted.runs == left.runs and accepted.device.model == "Test Phone"
    (weighed,) = accepted.artifacts
    files = [path for path in (task.bundle.folder / "coreml").rglob("*") if path.is_file()]
    assert (weighed.target, weighed.parameters_bytes) == (Target.COREML, 200) and files
    # the app says that all is well
    hot = left.runs[0].model_copy(update={"after": records.CALM.model_copy(update={"throttled": True})})
    boasting = left.model_copy(update={"runs": (hot, left.runs[1])})
    assert boasting.verdict.passed
    refused = task.accept(boasting, "record.json").verdict
    assert refused.validity is Validity.INVALID and not refused.passed


def test_bands_are_those_of_the_suite(task: PhoneTask, left: BenchmarkRecord) -> None:
    band = Band(device="Test*", target=Target.COREML, precision=Precision.FP16, threads=2, least_ms=1.0, most_ms=5.0)
    suite = SUITE.model_copy(update={"bands": (band,)})
    held = PhoneTask(task.bundle, suite, SHA, task.pairs, task.kind, task.device).accept(left, "record.json")
    assert held.verdict.validity is Validity.VALID and not held.verdict.passed


def test_a_run_that_is_missing_has_failed(task: PhoneTask, left: BenchmarkRecord) -> None:
    accepted = task.accept(left.model_copy(update={"runs": left.runs[:1]}), "record.json")
    assert [(run.round, run.failure) for run in accepted.runs] == [(1, None), (2, GONE)]
    assert accepted.verdict.validity is Validity.INVALID and not accepted.verdict.passed


@pytest.mark.parametrize(
    ("said", "spoil"),
    [
        ("another bundle", lambda it: {"bundle": it.bundle.model_copy(update={"digest": "d" * 64})}),
        ("another suite", lambda it: {"suite": it.suite.model_copy(update={"sha256": "d" * 64})}),
        ("another kind of device", lambda it: {"device": it.device.model_copy(update={"kind": DeviceKind.ANDROID})}),
        ("runs that the job does not ask for: tflite fp16", lambda it: {"runs": (app_run(Target.TFLITE),)}),
    ],
)
def test_a_record_of_something_else(
    task: PhoneTask, left: BenchmarkRecord, said: str, spoil: Callable[[BenchmarkRecord], dict[str, object]]
) -> None:
    with pytest.raises(RecordError, match=said):
        task.accept(left.model_copy(update=spoil(left)), "record.json")


def test_brought_back_by_hand(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    suite = tmp_path / "suite.yaml"
    suite.write_text("{name: app, description: For tests., rounds: 2, frame: {min_runs: 8}}")
    asked = ["--bundle", str(bundle.folder), "--suite", str(suite), "--out", "judged.json"]
    told = CliRunner().invoke(app, ["bench", "run", "--device", f"ios:{UDID}", *asked])
    assert told.exit_code == 1 and not Path("judged.json").exists()
    steps = [line for line in told.output.splitlines() if "devicectl" in line]
    assert [line.split("#")[1].strip() for line in steps] == [
        "give the app its job and the bundle",
        "run the suite, with the phone unlocked",
        "take its record",
    ]
    assert all(UDID in line and "org.dmvton.demo" in line for line in steps)
    assert "dmvton bench accept record.json" in told.output
    job, given = read_job(tmp_path / f"benchmark-{UDID}")
    runs = [app_run(Target.COREML, round=number) for number in (1, 2)]
    write_record(app_record(job, given, DeviceKind.IOS, runs), Path("record.json"))
    done = CliRunner().invoke(app, ["bench", "accept", "record.json", *asked])
    assert done.exit_code == 0, done.output
    assert read_record(Path("judged.json")).verdict.passed
    assert "judged.json exists already" in refusal("bench", "accept", "record.json", *asked)


def test_brought_back_from_a_farm(bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    suite = tmp_path / "suite.yaml"
    suite.write_text("{name: app, description: For tests., rounds: 2, frame: {min_runs: 8}}")
    asked = ["--bundle", str(bundle.folder), "--suite", str(suite), "--out", "judged.json"]
    told = refusal("bench", "run", "--device", "farm:shiba", *asked, code=1)
    assert "androidTest/assets/benchmark" in told and "dmvton bench accept record.json" in told
    job, given = read_job(tmp_path / "benchmark-shiba")
    assert job.device == "farm:shiba" and {each.target for each in job.pairs} == {Target.TFLITE}
    runs = [app_run(Target.TFLITE, round=number) for number in (1, 2)]
    write_record(app_record(job, given, DeviceKind.ANDROID, runs), Path("record.json"))
    done = CliRunner().invoke(app, ["bench", "accept", "record.json", *asked])
    assert done.exit_code == 0, done.output
    again = [*asked[:-1], "again.json"]
    assert "benchmark-shiba exists already" in refusal("bench", "run", "--device", "farm:shiba", *again, code=1)


@pytest.mark.parametrize("name", ["farm:a/b", "farm:..", "ios:../phone", "ios:a b"])
def test_what_names_no_phone(name: str) -> None:
    with pytest.raises(DmvtonError, match="names no phone"):
        choose_device(name)


def test_what_is_no_phones_record(bundle: Bundle, tmp_path: Path) -> None:
    write_record(records.record([records.run()]), tmp_path / "host.json")
    with pytest.raises(RecordError, match="is the record of a host device"):
        ReturnedRecord(tmp_path / "host.json")
    with pytest.raises(DmvtonError, match="cannot be read"):
        ReturnedRecord(tmp_path / "none.json")
    with pytest.raises(SuiteError, match=r"asks for onnx. Of phone.dmvton, ios:X runs coreml fp16"):
        measure(bundle, SUITE.model_copy(update={"targets": (Target.ONNX,)}), SHA, Ios("X"), lambda _: None)


XCRUN = """#!{python}
import json, pathlib, shutil, sys
asked = sys.argv[1:]
container, prepared = pathlib.Path({container!r}), pathlib.Path({prepared!r})
value = lambda name: asked[asked.index(name) + 1]
if asked[:3] == ["devicectl", "list", "devices"]:
    found = {{"hardwareProperties": {{"udid": {udid!r}}}, "deviceProperties": {{"name": "Test Phone"}},
             "connectionProperties": {{"pairingState": "paired"}}}}
    pathlib.Path(value("--json-output")).write_text(json.dumps({{"result": {{"devices": [found]}}}}))
elif asked[2:4] == ["copy", "to"]:
    shutil.copytree(value("--source"), container / value("--destination"))
elif asked[2:4] == ["process", "launch"]:
    assert asked[-2:] == ["--benchmark", "Documents/benchmark/job.json"] and (container / asked[-1]).is_file()
    if prepared.exists():
        shutil.copy(prepared, container / "Documents/benchmark/record.json")
    if {code}:
        sys.exit("The app was ended by signal 9.")
elif asked[2:4] == ["copy", "from"]:
    shutil.copy(container / value("--source"), value("--destination"))
else:
    sys.exit(64)
"""


@pytest.fixture
def mac(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], Path]:
    """A Mac whose devicectl copies into a folder in place of a phone, and whose app leaves the file that is given
    here. The number: what the app ends with."""

    def made(code: int) -> Path:
        tools, prepared = tmp_path / "tools", tmp_path / "prepared.json"
        tools.mkdir()
        script = XCRUN.format(
            python=sys.executable, container=str(tmp_path / "phone"), prepared=str(prepared), udid=UDID, code=code
        )
        (tools / "xcrun").write_text(script)
        (tools / "xcrun").chmod(0o755)
        monkeypatch.setenv("PATH", str(tools), prepend=":")
        monkeypatch.setattr(platform, "system", lambda: "Darwin")
        return prepared

    return made


def test_from_a_mac(bundle: Bundle, left: BenchmarkRecord, mac: Callable[[int], Path]) -> None:
    write_record(left, mac(0))
    device = choose_device(f"ios:{UDID}")
    record = measure(bundle, SUITE, SHA, device, lambda _: None)
    assert record.device.name == f"ios:{UDID}" and len(record.runs) == 2 and record.verdict.passed
    assert [(each.name, each.what, each.state) for each in found_devices() if "ios" in each.name] == [
        (f"ios:{UDID}", "Test Phone", "ready")
    ]


def test_an_app_that_dies_keeps_what_it_measured(
    bundle: Bundle, left: BenchmarkRecord, mac: Callable[[int], Path]
) -> None:
    write_record(left.model_copy(update={"runs": left.runs[:1]}), mac(1))
    record = measure(bundle, SUITE, SHA, Ios(UDID), lambda _: None)
    assert [run.failure for run in record.runs] == [None, GONE] and not record.verdict.passed


def test_an_app_that_leaves_nothing(bundle: Bundle, mac: Callable[[int], Path]) -> None:
    mac(1)
    with pytest.raises(DeviceLost, match=r"returned no record: to take its record failed"):
        measure(bundle, SUITE, SHA, Ios(UDID), lambda _: None)
