"""An Android phone over adb: the app of `android_demo` measures.

The bundle is pushed to where the shell may write and the app may read; the app writes into its own files. Both are
removed at the end.
"""

import secrets
import shlex
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.device import DeviceLost
from benchmarks.devices.phone import APP, ENDED, JOB, RECORD, Phone, PhoneTask
from benchmarks.record import MAX_BYTES, BenchmarkRecord, parse_app_record
from benchmarks.run_record import DeviceKind
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.progress import StepCallback

ACTIVITY = f"{APP}/.BenchmarkActivity"
PUSHED = "/data/local/tmp"
APP_FILES = f"/sdcard/Android/data/{APP}/files"
GONE = "gone"
POLL_SECONDS = 1.0


def is_android(link: Link) -> bool:
    """Whether a device over adb is an Android phone, not a Linux board."""
    return link.shell("command -v getprop").code == 0


class Android(Phone):
    """A phone that adb knows.

    Args:
        link: The connection to it.
    """

    kind = DeviceKind.ANDROID

    def __init__(self, link: Link):
        self._link = link
        self.name = f"adb:{link.serial}"

    def record(self, task: PhoneTask, on_step: StepCallback) -> BenchmarkRecord:
        """Pushes the bundle, starts the app, and takes its record; see `Phone.record`."""
        if self._link.shell(f"pm path {APP}").code:
            raise DmvtonError(
                f"{self._link.serial} has no {APP}: install the app of android_demo (its README says how)."
            )
        name = f"dmvton-bench-{secrets.token_hex(8)}"
        inputs, results = f"{PUSHED}/{name}", f"{APP_FILES}/{name}"
        try:
            on_step("Pushing the bundle")
            self._push(task, inputs)
            self._start(inputs, results)
            self._follow(task, results, on_step)
            where = f"{RECORD} of {self._link.serial}"
            return task.accept(parse_app_record(self._link.pull(f"{results}/{RECORD}", MAX_BYTES), where), where)
        finally:
            with suppress(DeviceLost):
                self._link.shell(f"am force-stop {APP}")
                self._link.remove(inputs)
                self._link.remove(results)

    def _push(self, task: PhoneTask, inputs: str) -> None:
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as folder:
            task.stage(Path(folder))
            files = sorted(path for path in Path(folder).rglob("*") if path.is_file())
            folders = sorted({f"{inputs}/{path.parent.relative_to(folder)}" for path in files})
            self._checked(f"mkdir -p {' '.join(shlex.quote(subfolder) for subfolder in folders)}")
            for path in files:
                self._link.push(path, f"{inputs}/{path.relative_to(folder)}")
            self._checked(f"chmod -R u=rwX,go=rX {inputs}")

    def _start(self, inputs: str, results: str) -> None:
        answer = self._checked(f"am start -W -n {ACTIVITY} --es job {inputs}/{JOB} --es out {results}")
        if "Error" in answer:  # am ends with 0 all the same
            raise DeviceRefused(
                f"{self._link.serial} does not start {ACTIVITY}: {answer.strip().splitlines()[-1][:200]}."
            )

    def _follow(self, task: PhoneTask, results: str, on_step: StepCallback) -> None:
        """Waits until the app says that it is done, is gone, or has used up its time."""
        deadline = time.monotonic() + task.timeout_seconds
        while time.monotonic() < deadline:
            # its process comes first: an app that ends between the two commands is done, or gone
            words = self._link.shell(
                f"pidof {APP} || echo {GONE}; test ! -e {results}/{ENDED} || echo {ENDED}"
            ).text.split()
            if ENDED in words or GONE in words:
                return
            on_step(f"Measuring on {self.name}")
            time.sleep(POLL_SECONDS)

    def _checked(self, command: str) -> str:
        answer = self._link.shell(command)
        if answer.code:
            raise DeviceRefused(f"{self._link.serial} did not do `{command.split()[0]}`: {answer.last_line}.")
        return answer.text
