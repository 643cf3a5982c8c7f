"""A program of the user's, called once per person: a command line with placeholders, run without a shell."""

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
class Command:
    """words: of the command line, as a shell would split it. timeout_s: of one call. option: where it came from."""

    words: tuple[str, ...]
    timeout_s: float
    option: str

    @property
    def text(self) -> str:
        return shlex.join(self.words)

    def run(self, paths: Mapping[str, Path]) -> None:
        """Calls the program with the absolute paths in place of {their names}.

        Raises CommandFailed where it cannot be started, ends with another status than 0 or takes longer than the
        timeout; then it and all that it started are ended.
        """
        words = [_PLACEHOLDER.sub(lambda found: str(paths[found[1]].resolve()), word) for word in self.words]
        with tempfile.TemporaryFile() as said:
            try:
                # a session of its own, so that what it starts can be ended with it
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=said, stderr=said, start_new_session=True
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
                _end(process)
            if status:
                ended = f"signal {-status}" if status < 0 else f"status {status}"
                raise CommandFailed(f"{self.option} failed with {ended}: {shlex.join(words)}{_last_line(said)}")


def parse_command(text: str, placeholders: tuple[str, ...], timeout_s: float, option: str) -> Command:
    """The command in the text, which must hold each of the placeholders and no other. Raises DmvtonError."""
    known = ", ".join(f"{{{name}}}" for name in placeholders)
    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise DmvtonError(f"{option} is no command line ({error}): {text!r}.") from error
    if not words:
        raise DmvtonError(f"{option} is empty: write a command line with {known}.")
    held = {name for word in words for name in _PLACEHOLDER.findall(word)}
    if unknown := sorted(held - set(placeholders)):
        raise DmvtonError(f"{option} has the unknown placeholder {{{unknown[0]}}}. Known: {known}.")
    if absent := [name for name in placeholders if name not in held]:
        raise DmvtonError(f"{option} lacks the placeholder {{{absent[0]}}}. It needs {known}.")
    return Command(words, timeout_s, option)


def _end(process: subprocess.Popen[bytes]) -> None:
    """Ends the program and what it started, where either still runs."""
    if os.name == "posix":
        with suppress(ProcessLookupError):  # nobody is left
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()


def _last_line(said: IO[bytes]) -> str:
    said.seek(0)
    lines = said.read().decode(errors="replace").split("\n")
    last = next((line.strip() for line in reversed(lines) if line.strip()), "")
    return f": {last[:300]}" if last else "."
