"""A device over adb: commands in its shell, and files. What it says is not trusted: time and size have a limit.

adbutils finds the device and speaks to adb's server. Shell and files go over its connections by adb's own protocol:
its `shell` and `sync` take whatever comes, for as long as it comes, and do not tell why a device refuses a file.
"""

import shlex
import socket
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.devices.device import DeviceLost
from benchmarks.devices.events import LONGEST_LINE
from dmvton_mobile.errors import CheckFailed, DmvtonError, plain
from dmvton_mobile.utils.optional_imports import optional_import

SECONDS = 60.0  # for whatever is no run of an agent
CHUNK = 64 * 1024  # bytes: the most that adb's protocol takes at once
MOST_SAID = 64 * 1024  # bytes of a command's output that are kept
ENDED = "dmvton-ended:"  # before a command's exit status
READY = "device"  # adb's word for a device that can be used
STATES = {
    "unauthorized": "unlock it and allow this computer",
    "offline": "plug it in again, or `adb reconnect`",
    "no": "this user may not open it: a udev rule is missing",
}


class DeviceRefused(CheckFailed):
    """A device that answers, but does not do what was asked."""


@dataclass(frozen=True)
class Answer:
    """Of a shell command. text: output and errors, MOST_SAID bytes at most."""

    code: int
    text: str

    @property
    def last_line(self) -> str:
        """For a sentence: printable, 200 characters at most."""
        lines = self.text.strip().splitlines()
        return plain(lines[-1])[:200] if lines else "it said nothing"


def adb_states() -> dict[str, str]:
    """serial -> state (`device`, `offline`, `unauthorized`, ...) of all that adb knows. Raises DmvtonError where there
    is no adb."""
    client = _client()
    with _asking("adb's server"):
        return {each.serial: each.state for each in client.list()}


def find_serial(asked: str) -> str:
    """The serial, or the one that begins so, ready to be used. Raises DmvtonError."""
    states = adb_states()
    fitting = [asked] if asked in states else sorted(serial for serial in states if serial.startswith(asked))
    if len(fitting) > 1:
        raise DmvtonError(f"adb:{asked} fits {' and '.join(fitting)}: write more of the serial.")
    if not fitting:
        there = ", ".join(sorted(states)) or "none: plug one in, or `adb connect ADDRESS`"
        raise DmvtonError(f"adb knows no device {asked!r}; those that are there: {there}.")
    state = states[fitting[0]]
    if state != READY:
        raise DmvtonError(f"The device {fitting[0]} is {state}: {STATES.get(state, 'wait until it is ready')}.")
    return fitting[0]


class Link:
    """Raises DeviceLost from every method where the device no longer answers."""

    def __init__(self, serial: str):
        self.serial = serial
        self._device = _client().device(serial)

    def shell(self, command: str, seconds: float = SECONDS) -> Answer:
        """Runs a command of the device's shell. Raises DeviceLost where it has no end within the time."""
        said = bytearray()

        def keep(line: bytes) -> None:
            nonlocal said
            said += (line + b"\n")[: MOST_SAID - len(said)]

        try:
            code = self.follow(command, seconds, keep)
        except TimeoutError as error:
            raise DeviceLost(f"{self.serial} did not answer within {seconds:g} seconds.") from error
        return Answer(code, said.decode(errors="replace"))

    def follow(self, command: str, seconds: float, take: Callable[[bytes], None]) -> int:
        """A command's exit status. take: given each line when it comes; one of more than LONGEST_LINE in pieces. Raises
        TimeoutError where it has not ended by then: it may still run."""
        deadline, rest = time.monotonic() + seconds, b""
        with self._connection() as connection:
            with _asking(self.serial):
                connection.send_command(f"shell:{command}\necho {ENDED}$?")
                connection.check_okay()
            while chunk := self._received(connection.conn, deadline):
                *whole, rest = (rest + chunk).split(b"\n")
                for line in whole:
                    before, mark, code = line.rpartition(ENDED.encode())
                    if mark and (digits := code.strip()[:9]).isdigit():
                        if before:
                            take(before)
                        return int(digits)
                    take(line)
                if len(rest) > LONGEST_LINE:
                    take(rest)
                    rest = b""
        raise DeviceLost(f"{self.serial} went away in the middle of a command: its cable, or its adb daemon.")

    def push(self, source: Path | bytes, place: str) -> None:
        """Writes a file there. Raises DeviceRefused where the device does not take it, with its word."""
        with self._files() as connection, _asking(self.serial):
            _request(connection, b"SEND", f"{place},{0o100600}")
            for chunk in _chunks(source):
                connection.conn.sendall(b"DATA" + struct.pack("<I", len(chunk)) + chunk)
            connection.conn.sendall(b"DONE" + struct.pack("<I", int(time.time())))
            status, size = struct.unpack("<4sI", connection.read_exact(8))
            reason = connection.read_exact(min(size, 1000)).decode(errors="replace") if status == b"FAIL" else None
        if reason is not None:
            raise DeviceRefused(f"{self.serial} did not take {Path(place).name}: {reason}.")

    def pull(self, place: str, most: int) -> bytes:
        """The file's content. Raises DeviceRefused where there is none, or more than that many bytes."""
        taken, refused = bytearray(), None
        with self._files() as connection, _asking(self.serial):
            _request(connection, b"RECV", place)
            while refused is None:
                kind, size = struct.unpack("<4sI", connection.read_exact(8))
                if kind == b"DONE":
                    return bytes(taken)
                if kind != b"DATA":
                    refused = connection.read_exact(min(size, 1000)).decode(errors="replace")
                elif len(taken) + size > most:
                    refused = f"it has more than the {most} bytes that it can have"
                else:
                    taken += connection.read_exact(size)
        raise DeviceRefused(f"{self.serial} did not give {Path(place).name}: {refused}.")

    def remove(self, place: str) -> None:
        """A file or a folder, if it is there."""
        self.shell(f"rm -rf {shlex.quote(place)}")

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with _asking(self.serial):
            connection = self._device.open_transport(timeout=SECONDS)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _files(self) -> Iterator[Any]:
        with self._connection() as connection:
            with _asking(self.serial):
                connection.send_command("sync:")
                connection.check_okay()
            yield connection

    def _received(self, connection: socket.socket, deadline: float) -> bytes:
        """Raises TimeoutError past the deadline, however much the device says."""
        left = deadline - time.monotonic()
        if left <= 0:
            raise TimeoutError
        connection.settimeout(left)
        try:
            return connection.recv(CHUNK)
        except TimeoutError:
            raise
        except OSError as error:
            raise DeviceLost(f"{self.serial} no longer answers: {error}.") from error


def _request(connection: Any, word: bytes, path: str) -> None:
    encoded = path.encode()
    connection.conn.sendall(word + struct.pack("<I", len(encoded)) + encoded)


def _chunks(source: Path | bytes) -> Iterator[bytes]:
    if isinstance(source, bytes):
        yield from (source[start : start + CHUNK] for start in range(0, len(source), CHUNK))
        return
    with source.open("rb") as file:
        while chunk := file.read(CHUNK):
            yield chunk


def _client() -> Any:
    """adb's server, started where none runs. Raises DmvtonError where there is no adb."""
    with optional_import("Devices over adb need", extra="bench"):
        from adbutils import AdbClient, AdbError, adb_path
    client = AdbClient()
    try:
        with socket.socket() as attempt:
            attempt.settimeout(3)
            if attempt.connect_ex((client.host, client.port)):  # adbutils would start it too, but not quietly
                subprocess.run(
                    [adb_path(), "start-server"],
                    stdin=subprocess.DEVNULL,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                    timeout=30,
                    check=True,
                )
    except (AdbError, FileNotFoundError) as error:
        raise DmvtonError("There is no adb: install it (platform-tools, or Debian's package adb).") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise DmvtonError(f"adb's server does not start: {error}. See what `adb start-server` says.") from error
    return client


@contextmanager
def _asking(whom: str) -> Iterator[None]:
    """DeviceLost for all that adbutils and adb's server may come up with."""
    from adbutils import AdbError

    try:
        yield
    except (AdbError, OSError, EOFError, ValueError, struct.error) as error:
        words = plain(str(error))[:200] or type(error).__name__
        raise DeviceLost(f"{whom} no longer answers: {words}.") from error
