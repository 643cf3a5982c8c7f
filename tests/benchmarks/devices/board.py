"""A real board over adb for tests: Debian with adbd, of `.ci/adb-device`, alone with a server of adb of its own."""

import os
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from benchmarks.devices.adb_link import Link
from benchmarks.measure.client import AGENT_FILE, JOB_FILE

SCRIPT = Path(__file__).parents[3] / ".ci" / "adb-device"


class Board:
    """One that runs. serial: as adb names it."""

    def __init__(self, arch: str, port: int):
        self._arch, self._port = arch, port
        self.serial = f"127.0.0.1:{port}"
        self.start()

    def start(self) -> None:
        """Nothing of an earlier start is there any more."""
        self._script("start")
        said = _adb("connect", self.serial)
        assert "connected to" in said, said

    def stop(self) -> None:
        """As where its power fails."""
        self._script("stop")
        _adb("disconnect", self.serial, check=False)

    def shell(self, command: str) -> str:
        answer = Link(self.serial).shell(command)
        assert answer.code == 0, answer
        return answer.text

    def kill_adbd(self) -> None:
        """As where its cable is pulled: what runs there goes on."""
        pid = self.shell("echo $PPID").strip()
        _adb("-s", self.serial, "shell", f"kill -9 {pid}", check=False)

    def _script(self, verb: str) -> None:
        script(self._arch, verb, self._port)


def script(arch: str, verb: str, port: int) -> None:
    environment = {**os.environ, "ADBD_PORT": str(port), "PYTHON": sys.executable}
    ran = subprocess.run([SCRIPT, "--arch", arch, verb], env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"{SCRIPT} {verb}: {ran.stderr}"


def _adb(*arguments: str, check: bool = True) -> str:
    from adbutils import adb_path

    ran = subprocess.run([adb_path(), *arguments], capture_output=True, text=True, check=check, timeout=60)
    return ran.stdout + ran.stderr


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def own_adb_server() -> Iterator[None]:
    """adb of this process and its children has a server of its own: no device of anybody else is there."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ANDROID_ADB_SERVER_PORT", str(free_port()))
        try:
            yield
        finally:
            _adb("kill-server", check=False)


def agents() -> list[str]:
    """The command lines of agents that run in a board of this machine."""
    commands = [" ".join(process.info["cmdline"] or ()) for process in psutil.process_iter(["cmdline"])]
    return [command for command in commands if AGENT_FILE in command and f"/run/{JOB_FILE}" in command]
