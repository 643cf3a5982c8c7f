"""An iPhone or iPad: the app of `ios_demo` measures, driven by Xcode's `devicectl` on a Mac.

Elsewhere the same commands are printed for a Mac to run; `dmvton bench accept` checks the record that comes back.
"""

import json
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devices.device import DeviceLost
from benchmarks.devices.phone import APP, JOB, RECORD, Phone, PhoneTask
from benchmarks.record import BenchmarkRecord, RecordError, read_app_record
from benchmarks.run_record import DeviceKind
from dmvton_mobile.errors import CheckFailed, printable
from dmvton_mobile.utils.progress import StepCallback

APP_FOLDER = "Documents/benchmark"  # the app's, for its job, the bundle and its record
TIMEOUT_SECONDS = 600.0  # of a command that does not run the app


class MacNeeded(CheckFailed):
    """The message says what a person has to do on a Mac."""


@dataclass(frozen=True)
class Step:
    """A command on a Mac, and what it does."""

    what: str
    command: tuple[str, ...]


def steps(udid: str, inputs: str, record: str) -> list[Step]:
    """The commands from an installed app to its record.

    Args:
        udid: Of the phone.
        inputs: The folder on the Mac with the app's job and the bundle.
        record: Where the record goes on the Mac.
    """
    device = ("xcrun", "devicectl", "device")
    of_app = ("--device", udid, "--domain-type", "appDataContainer", "--domain-identifier", APP)
    launch = ("process", "launch", "--device", udid, "--console", "--terminate-existing", APP)
    return [
        Step(
            "give the app its job and the bundle",
            (*device, "copy", "to", *of_app, "--source", inputs, "--destination", APP_FOLDER),
        ),
        Step("run the suite, with the phone unlocked", (*device, *launch, "--benchmark", f"{APP_FOLDER}/{JOB}")),
        Step(
            "take its record",
            (*device, "copy", "from", *of_app, "--source", f"{APP_FOLDER}/{RECORD}", "--destination", record),
        ),
    ]


class Ios(Phone):
    """A phone that is paired with a Mac.

    Args:
        udid: Of the phone.
    """

    kind = DeviceKind.IOS

    def __init__(self, udid: str):
        self._udid = udid
        self.name = f"ios:{udid}"

    def record(self, task: PhoneTask, on_step: StepCallback) -> BenchmarkRecord:
        """Runs the steps on a Mac, see `Phone.record`; raises MacNeeded elsewhere."""
        if not _on_a_mac():
            raise MacNeeded(self._instructions(task))
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as folder:
            inputs, record = Path(folder, "benchmark"), Path(folder, RECORD)
            inputs.mkdir()
            task.stage(inputs)
            *before, last = steps(self._udid, str(inputs), str(record))
            problem = None
            for step in before:
                on_step(step.what.capitalize())
                problem = problem or _problem(step, task.timeout_seconds + TIMEOUT_SECONDS)
            # an app that died has left what it had measured
            problem = _problem(last, TIMEOUT_SECONDS) or problem
            if not record.is_file():
                raise DeviceLost(f"{self.name} returned no record: {problem or 'devicectl printed nothing'}")
            return task.accept(read_app_record(record), f"{RECORD} of {self.name}")

    def _instructions(self, task: PhoneTask) -> str:
        """Writes the app's folder; returns what to do on a Mac, as commands for a shell."""
        inputs = Path(f"benchmark-{self._udid}")
        task.stage_new(inputs)
        listed = steps(self._udid, str(inputs), RECORD)
        lines = [f"  {shlex.join(step.command)}    # {step.what}" for step in listed]
        return "\n".join(
            [
                f"An iPhone is measured from a Mac. {inputs} holds the app's job and the bundle: take it to a Mac with "
                "Xcode 15 or later, install the app of ios_demo (its README says how), and there:",
                *lines,
                f"Then, here: dmvton bench accept {RECORD}, with the same --bundle, --suite and --out.",
            ]
        )


def found_phones() -> Iterator[tuple[str, str, str]]:
    """UDID, name and state of the phones paired with this Mac; nothing on another system.

    Raises:
        RecordError: The list of `devicectl` cannot be read.
    """
    if not _on_a_mac():
        return
    with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as folder:
        listing = Path(folder, "devices.json")
        command = ("xcrun", "devicectl", "list", "devices", "--json-output", str(listing))
        if _problem(Step("list devices", command), TIMEOUT_SECONDS) is not None:
            return
        try:
            devices = json.loads(listing.read_bytes())["result"]["devices"]
            for each in devices:
                udid, name = each["hardwareProperties"]["udid"], each["deviceProperties"]["name"]
                yield str(udid), printable(str(name)), printable(str(each["connectionProperties"]["pairingState"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"The list of devices from devicectl cannot be read: {error!r}.") from error


def _on_a_mac() -> bool:
    return platform.system() == "Darwin" and shutil.which("xcrun") is not None


def _problem(step: Step, seconds: float) -> str | None:
    """Runs the command; returns what went wrong, None if nothing did."""
    try:
        ran = subprocess.run(step.command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"to {step.what} took more than {seconds:g} seconds"
    if ran.returncode == 0:
        return None
    message = (ran.stderr.strip() or ran.stdout.strip() or f"status {ran.returncode}").splitlines()[-1]
    return f"to {step.what} failed: {printable(message)}"
