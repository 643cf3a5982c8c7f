"""adb's server on this machine: which devices it knows, and in what state."""

import socket
import struct
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from benchmarks.devices.device import DeviceLost
from dmvton_mobile.errors import DmvtonError, printable
from dmvton_mobile.utils.optional_imports import optional_import

READY = "device"  # adb's word for a device that can be used
ADVICE = {
    "unauthorized": "unlock it and allow this computer",
    "offline": "plug it in again, or `adb reconnect`",
    "no": "this user may not open it: a udev rule is missing",
}


def adb_states() -> dict[str, str]:
    """Serial to state (`device`, `offline`, `unauthorized`, ...) of all devices that adb knows.

    Raises:
        DmvtonError: There is no adb.
    """
    client = adb_client()
    with lost_on_error("adb's server"):
        return {each.serial: each.state for each in client.list()}


def find_serial(prefix: str) -> str:
    """The serial of the one ready device whose serial is, or begins with, a text.

    Raises:
        DmvtonError: There is no such device, there are several, or it is not ready.
    """
    states = adb_states()
    fitting = [prefix] if prefix in states else sorted(serial for serial in states if serial.startswith(prefix))
    if len(fitting) > 1:
        raise DmvtonError(f"adb:{prefix} fits {' and '.join(fitting)}: write more of the serial.")
    if not fitting:
        known = ", ".join(sorted(states)) or "none: plug one in, or `adb connect ADDRESS`"
        raise DmvtonError(f"adb knows no device {prefix!r}; those that are there: {known}.")
    state = states[fitting[0]]
    if state != READY:
        raise DmvtonError(f"The device {fitting[0]} is {state}: {ADVICE.get(state, 'wait until it is ready')}.")
    return fitting[0]


def adb_client() -> Any:
    """Adbutils' client of adb's server, which is started where none runs.

    Raises:
        DmvtonError: adbutils or adb is missing, or adb's server does not start.
    """
    with optional_import("Devices over adb need", extra="bench"):
        from adbutils import AdbClient, AdbError, adb_path
    client = AdbClient()
    try:
        with socket.socket() as attempt:
            attempt.settimeout(3)
            if attempt.connect_ex((client.host, client.port)):  # adbutils would start it too, but not quietly
                _start_server(adb_path())
    except (AdbError, FileNotFoundError) as error:
        raise DmvtonError("There is no adb: install it (platform-tools, or Debian's package adb).") from error
    except (OSError, subprocess.SubprocessError) as error:
        raise DmvtonError(f"adb's server does not start: {error}. See what `adb start-server` says.") from error
    return client


@contextmanager
def lost_on_error(name: str) -> Iterator[None]:
    """Turns every error of adbutils and of adb's server into DeviceLost, with the device's name."""
    from adbutils import AdbError

    try:
        yield
    except (AdbError, OSError, EOFError, ValueError, struct.error) as error:
        words = printable(str(error))[:200] or type(error).__name__
        raise DeviceLost(f"{name} no longer answers: {words}.") from error


def _start_server(adb: str) -> None:
    subprocess.run(
        [adb, "start-server"],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        timeout=30,
        check=True,
    )
