"""The files of one session on a board: a folder of its own, files that arrived complete, and everything removed."""

import hashlib
import secrets
import shlex
from pathlib import Path

from benchmarks.devices.adb_link import DeviceRefused, Link
from dmvton_mobile.utils.files import sha256_file

PARENTS = ("/data/local/tmp", "/tmp")  # on the board
NOT_FOUND = 127  # a shell's exit status for a command that is not there


class BoardFiles:
    """A session's folder on a board, created with the first file.

    Attributes:
        folder: On the board; None until it is created, and after `remove`.
    """

    def __init__(self, link: Link):
        self._link = link
        self.folder: str | None = None
        self._complete: set[str] = set()  # paths whose file arrived complete

    def session_folder(self) -> str:
        """The session's folder, created where it does not exist yet.

        Raises:
            DeviceRefused: The board lets nothing be written.
        """
        if self.folder is None:
            name = f"dmvton-bench-{secrets.token_hex(8)}"
            for parent in PARENTS:
                if self._link.shell(f"test -d {parent} && mkdir -m 700 {parent}/{name}").code == 0:
                    self.folder = f"{parent}/{name}"
                    break
            else:
                raise DeviceRefused(f"{self._link.serial} lets nothing be written in {' or '.join(PARENTS)}.")
        return self.folder

    def make_folder(self, path: str) -> None:
        """Makes a folder and its parents. Raises DeviceRefused."""
        answer = self._link.shell(f"mkdir -p {shlex.quote(path)}")
        if answer.code:
            raise DeviceRefused(f"{self._link.serial} did not make a folder: {answer.last_line}.")

    def put(self, source: Path | bytes, path: str) -> None:
        """Pushes a file, once for each path; a file that does not arrive complete is removed.

        Raises:
            DeviceRefused: The board did not take it; the message has the reason and its free space.
        """
        if path in self._complete:
            return
        try:
            self._link.push(source, path)
            self._check_complete(source, path)
        except DeviceRefused as error:
            self._link.remove(path)
            free = self._link.shell(f"df -k {shlex.quote(self.session_folder())}").last_line
            raise DeviceRefused(f"{error} Its disk, by df: {free}.") from error
        self._complete.add(path)

    def clear(self, folder: str) -> None:
        """Removes a folder of the session with everything in it."""
        self._complete = {path for path in self._complete if not path.startswith(f"{folder}/")}
        self._link.remove(folder)

    def remove(self) -> None:
        """Removes everything of the session."""
        if self.folder is not None:
            self._link.remove(self.folder)
        self.forget()

    def forget(self) -> None:
        """Leaves everything there, for a board that no longer answers."""
        self.folder, self._complete = None, set()

    def _check_complete(self, source: Path | bytes, path: str) -> None:
        """By SHA-256; by size where the board has no sha256sum."""
        if isinstance(source, Path):
            digest, size = sha256_file(source), source.stat().st_size
        else:
            digest, size = hashlib.sha256(source).hexdigest(), len(source)
        answer = self._link.shell(f"sha256sum {shlex.quote(path)}")
        if answer.code != NOT_FOUND:
            complete = answer.text.startswith(digest)
        else:
            complete = self._link.shell(f"wc -c <{shlex.quote(path)}").text.strip() == str(size)
        if not complete:
            raise DeviceRefused(f"{Path(path).name} did not arrive whole on {self._link.serial}: try again.")
