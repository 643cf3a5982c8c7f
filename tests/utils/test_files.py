"""Whole or not at all: interrupts, kills, full disks; and records that say what is wrong with them."""

import errno
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Literal

import pytest
import torch
from pydantic import JsonValue
from safetensors.torch import save_file

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, parse_record, record_json
from dmvton_mobile.utils.files import atomic_file, atomic_folder, require_new, sha256_file


class Sample(Record):
    schema_version: Literal[1] = 1
    name: str
    values: dict[str, JsonValue] = {}


def test_folder_appears_whole(tmp_path: Path) -> None:
    target = tmp_path / "new" / "bundle"
    with atomic_folder(target) as folder:
        (folder / "a").write_text("1")
        assert not target.exists()
    assert [path.name for path in target.iterdir()] == ["a"]
    assert os.listdir(tmp_path / "new") == ["bundle"]


@pytest.mark.parametrize("error", [ValueError("no"), KeyboardInterrupt(), SystemExit(1)])
def test_nothing_is_left_when_the_block_raises(tmp_path: Path, error: BaseException) -> None:
    with pytest.raises(type(error)), atomic_folder(tmp_path / "bundle") as folder:
        (folder / "deep").mkdir()
        (folder / "deep" / "file").write_text("x")
        raise error
    with pytest.raises(type(error)), atomic_file(tmp_path / "file") as partial:
        partial.write_text("x")
        raise error
    assert os.listdir(tmp_path) == []


def test_existing_targets_are_refused(tmp_path: Path) -> None:
    (tmp_path / "there").write_text("old")
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for name in ("there", "dangling"):
        with pytest.raises(DmvtonError, match="exists already"), atomic_folder(tmp_path / name):
            pytest.fail("the block ran")
        with pytest.raises(DmvtonError, match="exists already"), atomic_file(tmp_path / name):
            pytest.fail("the block ran")
    assert (tmp_path / "there").read_text() == "old"


def test_target_that_appears_meanwhile_is_kept(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="exists already"), atomic_file(tmp_path / "file") as partial:
        partial.write_text("mine")
        (tmp_path / "file").write_text("theirs")
    assert (tmp_path / "file").read_text() == "theirs"
    assert os.listdir(tmp_path) == ["file"]


def test_overwrite_replaces_only_on_success(tmp_path: Path) -> None:
    target = tmp_path / "file"
    target.write_text("old")
    with pytest.raises(ValueError, match="no"), atomic_file(target, overwrite=True) as partial:
        partial.write_text("half")
        raise ValueError("no")
    assert target.read_text() == "old"
    with atomic_file(target, overwrite=True) as partial:
        partial.write_text("new")
    assert target.read_text() == "new"


def test_killed_run_leaves_the_old_state_and_the_next_cleans_up(tmp_path: Path) -> None:
    target = tmp_path / "bundle"
    program = (
        "import sys, time; from pathlib import Path; from dmvton_mobile.utils.files import atomic_folder\n"
        "with atomic_folder(Path(sys.argv[1])) as folder:\n"
        "    (folder / 'half').write_text('x'); print('writing', flush=True); time.sleep(600)\n"
    )
    process = subprocess.Popen([sys.executable, "-c", program, str(target)], stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None and process.stdout.readline() == "writing\n"
        partial = tmp_path / f".bundle.partial-{process.pid}"
        assert (partial / "half").exists()
        with atomic_folder(target):  # the other still runs: its folder is not touched
            assert (partial / "half").exists()
        target.rmdir()
    finally:
        process.send_signal(signal.SIGKILL)
        process.communicate()
    assert partial.exists() and not target.exists()
    bystander = tmp_path / ".bundle.partial-notes"
    bystander.mkdir()
    with atomic_folder(target) as folder:
        (folder / "a").write_text("1")
    assert sorted(os.listdir(tmp_path)) == [".bundle.partial-notes", "bundle"]


def test_leftover_with_our_own_number_is_removed(tmp_path: Path) -> None:
    """In a container every run may be process 1."""
    leftover = tmp_path / f".bundle.partial-{os.getpid()}"
    leftover.mkdir()
    (leftover / "half").write_text("x")
    with atomic_folder(tmp_path / "bundle") as folder:
        assert list(folder.iterdir()) == []
    assert os.listdir(tmp_path) == ["bundle"]


def test_full_disk_is_said_in_words(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="No space left") as caught, atomic_folder(tmp_path / "bundle") as folder:
        (folder / "a").write_text("1")
        with open("/dev/full", "wb", buffering=0) as device:
            device.write(b"x")
    assert str(tmp_path) in str(caught.value) and "Nothing was left behind" in str(caught.value)
    assert os.listdir(tmp_path) == []


def test_other_faults_of_the_disk_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(OSError) as caught, atomic_folder(tmp_path / "bundle"):
        raise OSError(errno.EIO, "Input/output error")
    assert not isinstance(caught.value, DmvtonError)
    assert os.listdir(tmp_path) == []


def test_disk_of_one_megabyte(small_disk: Path) -> None:
    with pytest.raises(DmvtonError, match="No space left"), atomic_folder(small_disk / "bundle") as folder:
        (folder / "big").write_bytes(b"x" * 2**21)
    with pytest.raises(DmvtonError, match="No space left"), atomic_file(small_disk / "weights") as partial:
        save_file({"a": torch.zeros(2**20)}, partial)  # a native writer: says so in words only
    assert os.listdir(small_disk) == []


def test_parent_that_is_a_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(DmvtonError, match="Cannot make the folder"), atomic_folder(tmp_path / "file" / "bundle"):
        pytest.fail("the block ran")


def test_sha256_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "abc").write_bytes(b"abc")
    assert sha256_file(tmp_path / "abc") == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_record_round_trip_is_sorted_and_stable() -> None:
    record = Sample(name="ärmel", values={"z": 1, "a": [1.5, None]})
    text = record_json(record)
    assert text.index('"a"') < text.index('"z"') and "ärmel" in text
    assert parse_record(text.encode(), Sample, "x.json", DmvtonError) == record


def test_record_refuses_not_a_number() -> None:
    with pytest.raises(ValueError, match="JSON|finite"):
        record_json(Sample(name="a", values={"loss": float("nan")}))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (b'{"schema_version": 1}', "name: Field required"),
        (b'{"schema_version": 1, "name": "a", "colour": 1}', "colour: Extra inputs"),
        (b'{"schema_version": 2, "name": "a"}', "schema version 2; this version reads 1"),
        (b'{"schema_version": 1, "na', "Invalid JSON"),
        (b"\xff\xfe", "Invalid JSON"),
        (b"[]", "valid sample"),
    ],
)
def test_record_that_is_none_says_why(text: bytes, message: str) -> None:
    with pytest.raises(DmvtonError, match=message) as caught:
        parse_record(text, Sample, "x.json", DmvtonError)
    assert "x.json" in str(caught.value)


def test_a_path_that_must_be_new(tmp_path: Path) -> None:
    require_new(tmp_path / "new")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    for name in (".", "link"):
        with pytest.raises(DmvtonError, match="exists already"):
            require_new(tmp_path / name)
