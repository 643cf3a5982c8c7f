"""A device over adb: commands in its shell, and files. It is not trusted: time and size have a limit.

adbutils finds the device and speaks to adb's server. Shell and files go over its connections by adb's own protocol,
because adbutils' own `shell` and `sync` accept output of any length for any time, and drop a device's reason for
refusing a file.
"""

import shlex
import socket
import struct
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.devices.adb_server import adb_client, lost_on_error
from benchmarks.devices.device import DeviceLost
from benchmarks.measure.events import LONGEST_LINE
from dmvton_mobile.errors import CheckFailed, printable

TIMEOUT_SECONDS = 60.0  # of a command that does not run an agent
CHUNK = 64 * 1024  # bytes: the most that adb's protocol takes at once
MAX_OUTPUT = 64 * 1024  # bytes of a command's output that are kept
ENDED = "dmvton-ended:"  # printed before a command's exit status


class DeviceRefused(CheckFailed):
    """The device answers, but does not do what it was asked to do."""


@dataclass(frozen=True)
class Answer:
    """What a shell command answered.

    Attributes:
        code: Exit status.
        text: Output and errors, MAX_OUTPUT bytes at most.
    """

    code: int
    text: str

    @property
    def last_line(self) -> str:
        """The last line for a message: printable, 200 characters at most."""
        lines = self.text.strip().splitlines()
        return printable(lines[-1])[:200] if lines else "it printed nothing"


class Link:
    """A connection to a device; every method raises DeviceLost where the device no longer answers.

    Args:
        serial: Of a ready device, as adb knows it.
    """

    def __init__(self, serial: str):
        self.serial = serial
        self._device = adb_client().device(serial)

    def shell(self, command: str, seconds: float = TIMEOUT_SECONDS) -> Answer:
        """Runs a command in the device's shell.

        Raises:
            DeviceLost: The command has not ended within the time.
        """
        output = bytearray()

        def keep(line: bytes) -> None:
            nonlocal output
            output += (line + b"\n")[: MAX_OUTPUT - len(output)]

        try:
            code = self.follow(command, seconds, keep)
        except TimeoutError as error:
            raise DeviceLost(f"{self.serial} did not answer within {seconds:g} seconds.") from error
        return Answer(code, output.decode(errors="replace"))

    def follow(self, command: str, seconds: float, on_line: Callable[[bytes], None]) -> int:
        """Runs a command in the device's shell, line by line.

        Args:
            command: For the shell.
            seconds: How long it may take.
            on_line: Called with each line as soon as it comes; a line of more than LONGEST_LINE comes in pieces.

        Returns:
            The exit status.

        Raises:
            TimeoutError: The command has not ended within the time; it may still run.
        """
        deadline, rest = time.monotonic() + seconds, b""
        with self._connection() as connection:
            with lost_on_error(self.serial):
                connection.send_command(f"shell:{command}\necho {ENDED}$?")
                connection.check_okay()
            while chunk := self._receive(connection.conn, deadline):
                *lines, rest = (rest + chunk).split(b"\n")
                for line in lines:
                    before, mark, code = line.rpartition(ENDED.encode())
                    if mark and (digits := code.strip()[:9]).isdigit():
                        if before:
                            on_line(before)
                        return int(digits)
                    on_line(line)
                if len(rest) > LONGEST_LINE:
                    on_line(rest)
                    rest = b""
        raise DeviceLost(f"{self.serial} went away in the middle of a command: its cable, or its adb daemon.")

    def push(self, source: Path | bytes, path: str) -> None:
        """Writes a file on the device.

        Args:
            source: A file here, or its content.
            path: On the device.

        Raises:
            DeviceRefused: The device does not take it; the message has its reason.
        """
        with self._sync() as connection, lost_on_error(self.serial):
            _request(connection, b"SEND", f"{path},{0o100600}")
            for chunk in _chunks(source):
                connection.conn.sendall(b"DATA" + struct.pack("<I", len(chunk)) + chunk)
            connection.conn.sendall(b"DONE" + struct.pack("<I", int(time.time())))
            status, size = struct.unpack("<4sI", connection.read_exact(8))
            reason = connection.read_exact(min(size, 1000)).decode(errors="replace") if status == b"FAIL" else None
        if reason is not None:
            raise DeviceRefused(f"{self.serial} did not take {Path(path).name}: {reason}.")

    def pull(self, path: str, max_bytes: int) -> bytes:
        """Reads a file of the device.

        Raises:
            DeviceRefused: There is no such file, or it has more than `max_bytes`.
        """
        content, refusal = bytearray(), None
        with self._sync() as connection, lost_on_error(self.serial):
            _request(connection, b"RECV", path)
            while refusal is None:
                kind, size = struct.unpack("<4sI", connection.read_exact(8))
                if kind == b"DONE":
                    return bytes(content)
                if kind != b"DATA":
                    refusal = connection.read_exact(min(size, 1000)).decode(errors="replace")
                elif len(content) + size > max_bytes:
                    refusal = f"it has more than the {max_bytes} bytes that it can have"
                else:
                    content += connection.read_exact(size)
        raise DeviceRefused(f"{self.serial} did not give {Path(path).name}: {refusal}.")

    def remove(self, path: str) -> None:
        """Removes a file or a folder, if it is there."""
        self.shell(f"rm -rf {shlex.quote(path)}")

    @contextmanager
    def _connection(self) -> Iterator[Any]:
        with lost_on_error(self.serial):
            connection = self._device.open_transport(timeout=TIMEOUT_SECONDS)
        try:
            yield connection
        finally:
            connection.close()

    @contextmanager
    def _sync(self) -> Iterator[Any]:
        """A connection that speaks adb's protocol for files."""
        with self._connection() as connection:
            with lost_on_error(self.serial):
                connection.send_command("sync:")
                connection.check_okay()
            yield connection

    def _receive(self, connection: socket.socket, deadline: float) -> bytes:
        """Raises TimeoutError past the deadline, however much the device sends."""
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
