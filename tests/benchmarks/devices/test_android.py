"""An Android phone's app as the agent, over a real daemon: `am`, `pm` and `pidof` are stand-ins on a board."""

from pathlib import Path

import pytest

from benchmarks.devices.adb_link import Link
from benchmarks.devices.android import APP_FILES, Android
from benchmarks.devices.choose import choose_device
from benchmarks.devices.phone import GONE, PhoneTask
from benchmarks.record import BenchmarkRecord, RecordError, write_record
from benchmarks.run import measure
from benchmarks.run_record import DeviceKind
from dmvton_mobile.bundles.bundle import Bundle, read_bundle
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks.devices.board import Board
from tests.benchmarks.devices.phones import SUITE, app_record, app_run, read_job
from tests.bundles.made import make_bundle

SHA = "c" * 64
PREPARED = "/tmp/prepared.json"
# What it was given must be there for everybody; it writes its record, and, if it lives, that it is done
AM = f"""#!/bin/sh
case "$1" in
start)
    [ "$4" = org.dmvton.demo/.BenchmarkActivity ] || {{ echo "Error: no activity $4"; exit 0; }}
    [ -r "$7" ] && ls -ld "$(dirname "$7")" | grep -q '^drwxr-xr-x' || exit 3
    mkdir -p "${{10}}"
    cp {PREPARED} "${{10}}/record.json"
    [ -e /tmp/dies ] || {{ sleep 300 & echo $! >/tmp/app; (sleep 2; touch "${{10}}/ended") & }}
    ;;
force-stop) kill "$(cat /tmp/app)" 2>/dev/null || true ;;
esac
"""
STANDINS = {
    "am": AM,
    "pm": "#!/bin/sh\ntest ! -e /tmp/not-installed\n",
    "pidof": "#!/bin/sh\ntest -e /tmp/app && kill -0 $(cat /tmp/app) 2>/dev/null && cat /tmp/app\n",
    "getprop": "#!/bin/sh\n",
}


@pytest.fixture
def bundle(tmp_path: Path) -> Bundle:
    return read_bundle(make_bundle(tmp_path / "phone.dmvton"))


@pytest.fixture
def phone(board: Board) -> Board:
    link = Link(board.serial)
    for name, script in STANDINS.items():
        link.push(script.encode(), f"/usr/local/bin/{name}")
        board.shell(f"chmod 755 /usr/local/bin/{name}")
    board.shell("mkdir -p /data/local/tmp")
    return board


def prepare(phone: Board, bundle: Bundle, tmp_path: Path, rounds: int) -> BenchmarkRecord:
    """The record that its app will leave."""
    task = PhoneTask(bundle, SUITE, SHA, ((Target.TFLITE, Precision.FP16),), DeviceKind.ANDROID, "adb:any")
    given = tmp_path / "given"
    given.mkdir()
    task.stage(given)
    runs = [app_run(Target.TFLITE, round=number) for number in range(1, rounds + 1)]
    made = app_record(*read_job(given), DeviceKind.ANDROID, runs)
    write_record(made, tmp_path / "record.json")
    Link(phone.serial).push(tmp_path / "record.json", PREPARED)
    return made


def run(phone: Board, bundle: Bundle) -> BenchmarkRecord:
    return measure(bundle, SUITE, SHA, choose_device(f"adb:{phone.serial}"), lambda _: None)


def left(phone: Board) -> str:
    return phone.shell(f"ls -d /data/local/tmp/* {APP_FILES}/* 2>/dev/null; true").strip()


@pytest.mark.device
def test_its_app_is_asked_and_nothing_is_left(phone: Board, bundle: Bundle, tmp_path: Path) -> None:
    assert isinstance(choose_device(f"adb:{phone.serial}"), Android)
    made = prepare(phone, bundle, tmp_path, rounds=2)
    record = run(phone, bundle)
    assert record.runs == made.runs and record.device.name == f"adb:{phone.serial}" and record.verdict.passed
    assert left(phone) == ""
    assert phone.shell("pidof org.dmvton.demo || true").strip() == ""


@pytest.mark.device
def test_an_app_that_dies_keeps_what_it_measured(phone: Board, bundle: Bundle, tmp_path: Path) -> None:
    prepare(phone, bundle, tmp_path, rounds=1)
    phone.shell("touch /tmp/dies")
    record = run(phone, bundle)
    assert [each.failure for each in record.runs] == [None, GONE] and not record.verdict.passed
    assert left(phone) == ""


@pytest.mark.device
def test_what_a_phone_cannot_do(phone: Board, bundle: Bundle, tmp_path: Path) -> None:
    prepare(phone, bundle, tmp_path, rounds=2)
    phone.shell("touch /tmp/not-installed")
    with pytest.raises(DmvtonError, match=r"has no org.dmvton.demo: install the app of android_demo"):
        run(phone, bundle)
    phone.shell("rm /tmp/not-installed; sed -i s/BenchmarkActivity/OtherActivity/ /usr/local/bin/am")
    with pytest.raises(CheckFailed, match="does not start org.dmvton.demo/.BenchmarkActivity: Error: no activity"):
        run(phone, bundle)
    phone.shell(f"sed -i s/OtherActivity/BenchmarkActivity/ /usr/local/bin/am; echo '{{}}' >{PREPARED}")
    with pytest.raises(RecordError, match=f"record.json of {phone.serial}"):
        run(phone, bundle)
    assert left(phone) == ""
