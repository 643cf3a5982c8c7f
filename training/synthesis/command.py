"""An external program that is called once per person: a command line with placeholders, run without a shell."""

import os
import re
import shlex
import signal
import subprocess
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from dmvton_mobile.errors import DmvtonError

_PLACEHOLDER = re.compile(r"\{(\w*)\}")


class CommandFailed(DmvtonError):
    """The program failed, took too long, or left no usable file."""


@dataclass(frozen=True)
class ExternalCommand:
    """A command line with placeholders.

    Attributes:
        words: The words of the command line, as a shell would split it.
        timeout_s: The time limit of one call in seconds.
        option: The option of ours that it comes from, for messages.
    """

    words: tuple[str, ...]
    timeout_s: float
    option: str

    @property
    def text(self) -> str:
        """The command line as a user would write it."""
        return shlex.join(self.words)

    def run(self, paths: Mapping[str, Path]) -> None:
        """Calls the program.

        Args:
            paths: The paths by placeholder; the program gets them absolute.

        Raises:
            CommandFailed: It cannot be started, ends with another status than 0, or exceeds the time limit; then it and
                all that it started are killed.
        """
        words = [_PLACEHOLDER.sub(lambda found: str(paths[found[1]].resolve()), word) for word in self.words]
        with tempfile.TemporaryFile() as output:
            try:
                # in a session of its own, so that its children can be killed with it
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=output, stderr=output, start_new_session=True
                )
            except OSError as error:
                raise CommandFailed(f"{self.option} cannot be started: {words[0]}: {error.strerror}.") from error
            try:
                status = process.wait(self.timeout_s)
            except subprocess.TimeoutExpired as error:
                raise CommandFailed(
                    f"{self.option} took longer than {self.timeout_s:g} s and was ended: {shlex.join(words)}. If it "
                    "needs longer, raise --timeout."
                ) from error
            finally:
                _kill(process)
            if status:
                ended = f"signal {-status}" if status < 0 else f"status {status}"
                raise CommandFailed(f"{self.option} failed with {ended}: {shlex.join(words)}{_last_line(output)}")


def parse_command(text: str, placeholders: tuple[str, ...], timeout_s: float, option: str) -> ExternalCommand:
    """Parses a command line.

    Args:
        text: The command line.
        placeholders: The placeholders that it must have; it may have no other.
        timeout_s: The time limit of one call in seconds.
        option: The option of ours that it comes from, for messages.

    Raises:
        DmvtonError: It is no command line, or its placeholders are wrong.
    """
    known = ", ".join(f"{{{name}}}" for name in placeholders)
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise DmvtonError(f"{option} is no command line ({error}): {text!r}.") from error
    if not words:
        raise DmvtonError(f"{option} is empty: write a command line with {known}.")
    found = {name for word in words for name in _PLACEHOLDER.findall(word)}
    if unknown := sorted(found - set(placeholders)):
        raise DmvtonError(f"{option} has the unknown placeholder {{{unknown[0]}}}. Known: {known}.")
    if absent := [name for name in placeholders if name not in found]:
        raise DmvtonError(f"{option} lacks the placeholder {{{absent[0]}}}. It needs {known}.")
    return ExternalCommand(words, timeout_s, option)


def _kill(process: subprocess.Popen[bytes]) -> None:
    """Kills the program and its children, where any of them still runs."""
    if os.name == "posix":
        with suppress(ProcessLookupError):  # none is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _last_line(output: IO[bytes]) -> str:
    output.seek(0)
    lines = output.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last[:300]}" if last else "."
