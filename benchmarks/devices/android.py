"""An Android phone over adb: the app of `android_demo` is the agent.

The bundle goes where the shell may write and the app may read; the app writes into its own files. Both are removed.
"""

import secrets
import shlex
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.device import DeviceLost
from benchmarks.devices.phone import APP, ENDED, JOB, RECORD, Phone, PhoneWork
from benchmarks.record import MAX_BYTES, BenchmarkRecord, DeviceKind, parse_benchmark
from dmvton_mobile.errors import DmvtonError

ACTIVITY = f"{APP}/.BenchmarkActivity"
GIVEN = "/data/local/tmp"
FILES = f"/sdcard/Android/data/{APP}/files"
GONE = "gone"
POLL_SECONDS = 1.0


def is_android(link: Link) -> bool:
    return link.shell("command -v getprop").code == 0


class Android(Phone):
    kind = DeviceKind.ANDROID

    def __init__(self, link: Link):
        self._link = link
        self.name = f"adb:{link.serial}"

    def record(self, work: PhoneWork, on_step: Callable[[str], None]) -> BenchmarkRecord:
        if self._link.shell(f"pm path {APP}").code:
            raise DmvtonError(
                f"{self._link.serial} has no {APP}: install the app of android_demo (its README says how)."
            )
        name = f"dmvton-bench-{secrets.token_hex(8)}"
        given, left = f"{GIVEN}/{name}", f"{FILES}/{name}"
        try:
            on_step("Pushing the bundle")
            self._push(work, given)
            self._start(given, left)
            self._follow(work, left, on_step)
            where = f"{RECORD} of {self._link.serial}"
            return work.accept(parse_benchmark(self._link.pull(f"{left}/{RECORD}", MAX_BYTES), where), where)
        finally:
            with suppress(DeviceLost):
                self._link.shell(f"am force-stop {APP}")
                self._link.remove(given)
                self._link.remove(left)

    def _push(self, work: PhoneWork, given: str) -> None:
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as made:
            work.stage(Path(made))
            files = sorted(path for path in Path(made).rglob("*") if path.is_file())
            folders = sorted({f"{given}/{path.parent.relative_to(made)}" for path in files})
            self._asked(f"mkdir -p {' '.join(shlex.quote(folder) for folder in folders)}")
            for path in files:
                self._link.push(path, f"{given}/{path.relative_to(made)}")
            self._asked(f"chmod -R u=rwX,go=rX {given}")

    def _start(self, given: str, left: str) -> None:
        said = self._asked(f"am start -W -n {ACTIVITY} --es job {given}/{JOB} --es out {left}")
        if "Error" in said:  # am ends with 0 all the same
            raise DeviceRefused(
                f"{self._link.serial} does not start {ACTIVITY}: {said.strip().splitlines()[-1][:200]}."
            )

    def _follow(self, work: PhoneWork, left: str, on_step: Callable[[str], None]) -> None:
        """Until the app says that it is done, is gone, or has had its time."""
        deadline = time.monotonic() + work.seconds
        while time.monotonic() < deadline:
            # its process first: one that ends between the two questions is done, or gone
            said = self._link.shell(
                f"pidof {APP} || echo {GONE}; test ! -e {left}/{ENDED} || echo {ENDED}"
            ).text.split()
            if ENDED in said or GONE in said:
                return
            on_step(f"Measuring on {self.name}")
            time.sleep(POLL_SECONDS)

    def _asked(self, command: str) -> str:
        said = self._link.shell(command)
        if said.code:
            raise DeviceRefused(f"{self._link.serial} did not do `{command.split()[0]}`: {said.last_line}.")
        return said.text
