"""Boards over adb, on a real daemon: what is measured, what is refused, and what stays when something is pulled."""

import platform
import socket
import struct
import time
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest

from benchmarks.devices import adb_server
from benchmarks.devices.adb import Adb, _read_npy
from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.adb_server import find_serial
from benchmarks.devices.choose import choose_device, found_devices
from benchmarks.measure.collector import EventCollector
from benchmarks.record import BenchmarkRecord, Validity, read_record
from benchmarks.run import measure
from benchmarks.run_record import DeviceKind
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.contract import Layout, tensor_contract
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target
from tests.benchmarks.devices.board import Board, agents, free_port, script
from tests.cli.test_cli import dmvton, refusal

SHORT = Suite(name="short", description="For tests.", rounds=2, garment=Until(min_runs=2), frame=Until(min_runs=60))
LONG = SHORT.model_copy(update={"name": "long", "rounds": 1, "frame": Until(min_runs=100_000)})
PYTHON = "/usr/lib/python3/dist-packages"
RUNTIMES = "/usr/local/lib/python3.13/dist-packages"
KILLS_ADBD = b"""#!/bin/sh
for process in /proc/[0-9]*; do
    [ "$(cat $process/comm)" != adbd ] || kill -9 ${process#/proc/}
done
"""
AARCH64 = 0xB7  # an ELF file's word for the processor


def run(bundle: Bundle, suite: Suite, board: Board, on_step: Callable[[str], None] = lambda _: None) -> BenchmarkRecord:
    return measure(bundle, suite, "0" * 64, choose_device(f"adb:{board.serial}"), on_step)


def left(board: Board) -> str:
    """What a session has left there."""
    return board.shell("ls -d /tmp/dmvton-bench-* /data/local/tmp/dmvton-bench-* 2>/dev/null; true").strip()


def with_the_first_frames(monkeypatch: pytest.MonkeyPatch, act: Callable[[], None]) -> None:
    """Does it once, in the middle of the series of frames."""
    add = EventCollector.add
    done: list[bytes] = []

    def watched(collector: EventCollector, line: bytes) -> None:
        add(collector, line)
        if b'"samples"' in line and b'"tryon"' in line and not done:
            done.append(line)
            act()

    monkeypatch.setattr(EventCollector, "add", watched)


def of_another_processor(board: Board, place: str, tmp_path: Path) -> None:
    """The file there becomes one for aarch64."""
    link = Link(board.serial)
    file = bytearray(link.pull(place, 2**27))
    assert file[:4] == b"\x7fELF"
    struct.pack_into("<H", file, 18, AARCH64)
    (tmp_path / "file").write_bytes(file)
    link.remove(place)
    link.push(tmp_path / "file", place)
    board.shell(f"chmod 755 {place}")


@pytest.mark.device
def test_both_runtimes_hold_their_parity_and_nothing_is_left(
    lite_bundle: Bundle, board: Board, monkeypatch: pytest.MonkeyPatch
) -> None:
    pushed: list[str] = []
    push = Link.push

    def counted(link: Link, source: Path | bytes, place: str) -> None:
        pushed.append(place)
        push(link, source, place)

    monkeypatch.setattr(Link, "push", counted)
    record = run(lite_bundle, SHORT, board)
    assert record.device.kind is DeviceKind.LINUX and record.device.name == f"adb:{board.serial}"
    assert record.device.abi == platform.machine() and "Debian" in (record.device.system or "")
    assert [(each.target, each.round) for each in record.runs] == [
        (target, number) for number in (1, 2) for target in (each.target for each in record.runs[:2])
    ]
    assert {each.target for each in record.runs} == {Target.TFLITE, Target.ONNX}
    for each in record.runs:
        assert each.failure is None
        assert each.parity and all(figure.psnr_db is None or figure.psnr_db > 60 for figure in each.parity)
        assert each.frame is not None and len(each.frame.samples_ms) >= 60
        assert len(each.loads) == 2 and each.memory is not None and each.before is not None and each.after is not None
        assert each.versions["python"].startswith("3.13")
    assert record.verdict.validity is not Validity.INVALID
    artifacts = [place for place in pushed if place.endswith((".tflite", ".onnx"))]
    assert len(artifacts) == len(set(artifacts)) == 4, "an artifact travels once, however many rounds there are"
    assert left(board) == "" and agents() == []


@pytest.mark.device
def test_a_pulled_cable_keeps_what_came(lite_bundle: Bundle, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    with_the_first_frames(monkeypatch, board.kill_adbd)
    record = run(lite_bundle, LONG, board)
    first, second = record.runs
    assert first.failure is not None and "went away" in first.failure and "/tmp/dmvton-bench-" in first.failure
    assert first.frame is not None and len(first.frame.samples_ms) >= 2
    assert second.failure == first.failure and second.frame is None
    assert record.verdict.validity is Validity.INVALID and not record.verdict.passed
    assert record.device.abi == platform.machine()
    ends = time.monotonic() + 20
    while agents() and time.monotonic() < ends:  # it ends with its next word, which nobody hears
        time.sleep(0.2)
    assert agents() == []
    with pytest.raises(DmvtonError, match=f"adb knows no device|{board.serial} is offline"):
        choose_device(f"adb:{board.serial}")


@pytest.mark.device
def test_a_lost_power_keeps_what_came(lite_bundle: Bundle, board: Board, monkeypatch: pytest.MonkeyPatch) -> None:
    with_the_first_frames(monkeypatch, board.stop)
    record = run(lite_bundle, LONG, board)
    assert record.runs[0].frame is not None and "went away" in (record.runs[0].failure or "")
    assert len(record.runs) == 2 and agents() == []


@pytest.mark.device
def test_a_full_disk_is_said_and_nothing_half_is_left(lite_bundle: Bundle, board: Board) -> None:
    board.shell("mount -t tmpfs -o size=1m tmpfs /tmp")
    device = choose_device(f"adb:{board.serial}")
    seen: list[str] = []
    record = measure(
        lite_bundle, SHORT, "0" * 64, device, lambda _: seen.append(board.shell("find /tmp -name '*.[to]*'"))
    )
    for each in record.runs:
        assert each.failure is not None and "No space left" in each.failure and "tmpfs" in each.failure
    assert len(seen) == 4 and all(".tflite" not in listing for listing in seen)
    assert left(board) == ""


@pytest.mark.device
def test_a_run_that_does_not_end_is_stopped_there(lite_bundle: Bundle, board: Board) -> None:
    suite = LONG.model_copy(update={"timeout_seconds": 8.0})
    record = run(lite_bundle, suite, board)
    for each in record.runs:
        assert each.failure == "It had not ended after 8 seconds, and was stopped."
        assert each.frame is not None and len(each.frame.samples_ms) >= 2
    assert agents() == [] and left(board) == ""


@pytest.mark.device
def test_an_interrupted_session_leaves_nothing(lite_bundle: Bundle, board: Board) -> None:
    steps: list[str] = []

    def interrupt(step: str) -> None:
        steps.append(step)
        if len(steps) == 2:
            assert left(board) != ""
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run(lite_bundle, SHORT, board, interrupt)
    assert agents() == [] and left(board) == ""


@pytest.mark.device
def test_a_serial_that_begins_two(adb_server: None, made: str) -> None:
    short = next(port for port in range(2000, 6000) if _free(port) and _free(10 * port + 1))
    boards = [Board(made, port) for port in (short, 10 * short + 1)]
    try:
        with pytest.raises(DmvtonError, match=f"fits {boards[0].serial} and {boards[1].serial}"):
            choose_device("adb:127.0.0.1:")
        assert find_serial(boards[0].serial) == boards[0].serial
        assert find_serial(boards[1].serial[:-1] + "1") == boards[1].serial
        with pytest.raises(DmvtonError, match=f"no device 'R5'; those that are there: {boards[0].serial}, "):
            choose_device("adb:R5")
        assert {f"adb:{each.serial}" for each in boards} < {found.name for found in found_devices()}
    finally:
        for each in boards:
            each.stop()


@pytest.mark.device
def test_two_at_once_and_one_of_them_loses_its_cable(
    lite_bundle: Bundle, adb_server: None, made: str, tmp_path: Path
) -> None:
    suite = tmp_path / "suite.yaml"
    suite.write_text(
        "{name: two, description: For tests., targets: [onnx], garment: {min_runs: 2}, frame: {min_runs: 60}}"
    )
    boards = [Board(made, free_port()) for _ in range(2)]
    link = Link(boards[1].serial)
    link.push(KILLS_ADBD, "/usr/bin/sha256sum")
    boards[1].shell("chmod 755 /usr/bin/sha256sum")
    asked = [word for board in boards for word in ("--device", f"adb:{board.serial}")]
    try:
        out = tmp_path / "out"
        done = dmvton("bench", "run", "--bundle", lite_bundle.folder, "--suite", suite, "--out", out, *asked)
    finally:
        for board in boards:
            board.stop()
    assert done.exit_code == 1, done.output
    first = read_record(tmp_path / "out" / f"adb-{boards[0].serial.replace(':', '-')}.json")
    assert first.runs[0].failure is None and first.runs[0].frame is not None
    second = read_record(tmp_path / "out" / f"adb-{boards[1].serial.replace(':', '-')}.json")
    assert "went away" in (second.runs[0].failure or "") and not second.verdict.passed


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        (["--device", "host", "--device", "host"], "A device is named twice"),
        (["--device", "host", "--device", "adb:X", "--beside", "x", "--beside-out", "y"], "--beside is for one device"),
    ],
)
def test_devices_that_cannot_be_at_once(asked: list[str], said: str, small_bundle: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert said in refusal("bench", "run", "--bundle", small_bundle, "--suite", "quick", "--out", out, *asked)
    assert not out.exists()


def _free(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) != 0


@pytest.mark.device
def test_a_python_for_another_processor(board: Board, tmp_path: Path) -> None:
    of_another_processor(board, board.shell("readlink -f $(command -v python3)").strip(), tmp_path)
    with pytest.raises(DmvtonError, match=f"python3 of {board.serial} does not run .*{platform.machine()}"):
        choose_device(f"adb:{board.serial}")


@pytest.mark.device
def test_no_python(board: Board) -> None:
    board.shell("rm /usr/bin/python3")
    with pytest.raises(DmvtonError, match=f"{board.serial} has no python3"):
        choose_device(f"adb:{board.serial}")


@pytest.mark.device
def test_no_numpy(board: Board) -> None:
    board.shell(f"rm -r {PYTHON}/numpy")
    with pytest.raises(DmvtonError, match="has no numpy .*pip install numpy"):
        choose_device(f"adb:{board.serial}")


@pytest.mark.device
def test_a_runtime_that_is_missing_and_one_for_another_processor(
    lite_bundle: Bundle, board: Board, tmp_path: Path
) -> None:
    board.shell(f"rm -r {RUNTIMES}/ai_edge_litert")
    library = board.shell(f"ls {RUNTIMES}/onnxruntime/capi/onnxruntime_pybind11_state*.so").strip()
    of_another_processor(board, library, tmp_path)
    record = run(lite_bundle, SHORT.model_copy(update={"rounds": 1}), board)
    failures = {each.target: each.failure or "" for each in record.runs}
    assert "has no ai-edge-litert" in failures[Target.TFLITE]
    assert "pip install ai-edge-litert" in failures[Target.TFLITE]
    assert "onnxruntime does not load" in failures[Target.ONNX]
    assert f"for its processor, {platform.machine()}" in failures[Target.ONNX]
    assert left(board) == ""


@pytest.mark.device
def test_a_file_that_is_damaged_on_its_way(board: Board, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_bytes(bytes(range(256)) * 1000)
    device = Adb(Link(board.serial))
    device._files.put(file, f"{device._files.session_folder()}/file")
    board.shell(f"printf x | dd of={device._files.session_folder()}/file bs=1 seek=1000 conv=notrunc 2>/dev/null")
    with pytest.raises(DeviceRefused, match="did not arrive whole"):
        device._files._check_complete(file, f"{device._files.session_folder()}/file")
    device.close()
    assert left(board) == ""


def test_without_adb(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ADBUTILS_ADB_PATH", str(tmp_path / "adb"))
    monkeypatch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
    with pytest.raises(DmvtonError, match="There is no adb: install it"):
        adb_server.adb_states()
    assert [(each.name, each.state) for each in found_devices()][1:2] == [("adb:SERIAL", "missing")]


@pytest.mark.slow
@pytest.mark.device
def test_both_runtimes_compute_the_same_on_arm(lite_bundle: Bundle, adb_server: None) -> None:
    script("arm64", "make", free_port())
    board = Board("arm64", free_port())
    suite = SHORT.model_copy(update={"rounds": 1, "garment": Until(min_runs=1), "frame": Until(min_runs=2)})
    try:
        record = run(lite_bundle, suite, board)
        assert record.device.abi == "aarch64"
        assert {each.target for each in record.runs} == {Target.TFLITE, Target.ONNX}
        for each in record.runs:
            assert each.failure is None and each.parity
        assert left(board) == ""
    finally:
        board.stop()


def test_an_outputs_header_is_not_believed() -> None:
    tensor = tensor_contract("tryon", Layout.NHWC, (1, 4, 3, 3))
    numbers = np.arange(36, dtype=np.float32).reshape(tensor.shape)
    file = BytesIO()
    np.save(file, numbers)
    assert (_read_npy(file.getvalue(), tensor) == numbers).all()
    huge = file.getvalue().replace(b"(1, 4, 3, 3)", b"(1, 4, 3, 3000000000000)".ljust(12))
    assert (_read_npy(huge, tensor) == numbers).all()
    for wrong in (b"", file.getvalue()[128:], file.getvalue().replace(b"<f4", b"|O8"), bytes(400)):
        with pytest.raises(DeviceRefused, match="output tryon is no file of"):
            _read_npy(wrong, tensor)
