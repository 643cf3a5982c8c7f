"""An iPhone or iPad: the app of `ios_demo` is the agent, installed and asked by Xcode's `devicectl` on a Mac.

Elsewhere the same commands are printed, for a Mac to run; the record that it brings back is judged by
`dmvton bench accept`.
"""

import json
import platform
import shlex
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from benchmarks.devices.device import DeviceLost
from benchmarks.devices.phone import APP, JOB, RECORD, Phone, PhoneWork
from benchmarks.record import BenchmarkRecord, DeviceKind, RecordError, read_record
from dmvton_mobile.errors import CheckFailed, plain

FOLDER = "Documents/benchmark"  # of the app, for what it is given and what it leaves
SECONDS = 600.0  # for whatever is no run of the app


class MacNeeded(CheckFailed):
    """What remains to be done on a Mac."""


@dataclass(frozen=True)
class Step:
    what: str
    command: tuple[str, ...]


def steps(udid: str, given: str, record: str) -> list[Step]:
    """From an installed app to its record. given: the folder that the app is given; record: where its record goes."""
    device = ("xcrun", "devicectl", "device")
    of_app = ("--device", udid, "--domain-type", "appDataContainer", "--domain-identifier", APP)
    launch = ("process", "launch", "--device", udid, "--console", "--terminate-existing", APP)
    return [
        Step(
            "give the app its job and the bundle",
            (*device, "copy", "to", *of_app, "--source", given, "--destination", FOLDER),
        ),
        Step("run the suite, with the phone unlocked", (*device, *launch, "--benchmark", f"{FOLDER}/{JOB}")),
        Step(
            "take its record",
            (*device, "copy", "from", *of_app, "--source", f"{FOLDER}/{RECORD}", "--destination", record),
        ),
    ]


class Ios(Phone):
    kind = DeviceKind.IOS

    def __init__(self, udid: str):
        self._udid = udid
        self.name = f"ios:{udid}"

    def record(self, work: PhoneWork, on_step: Callable[[str], None]) -> BenchmarkRecord:
        if not _on_a_mac():
            raise MacNeeded(self._remaining(work))
        with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as made:
            given, record = Path(made, "benchmark"), Path(made, RECORD)
            given.mkdir()
            work.stage(given)
            *before, last = steps(self._udid, str(given), str(record))
            problem = None
            for step in before:
                on_step(step.what.capitalize())
                problem = problem or _problem(step, work.seconds + SECONDS)
            # an app that died has left what it had measured
            problem = _problem(last, SECONDS) or problem
            if not record.is_file():
                raise DeviceLost(f"{self.name} gave no record: {problem or 'devicectl said nothing'}")
            return work.accept(read_record(record), f"{RECORD} of {self.name}")

    def _remaining(self, work: PhoneWork) -> str:
        """What a Mac has to do, as commands for a shell."""
        given = Path(f"benchmark-{self._udid}")
        work.stage_anew(given)
        listed = steps(self._udid, str(given), RECORD)
        lines = [f"  {shlex.join(step.command)}    # {step.what}" for step in listed]
        return "\n".join(
            [
                f"An iPhone is measured from a Mac. {given} holds what its app is given: take it to a Mac with Xcode "
                "15 or later, install the app of ios_demo (its README says how), and there:",
                *lines,
                f"Then, here: dmvton bench accept {RECORD}, with the same --bundle, --suite and --out.",
            ]
        )


def found_phones() -> Iterator[tuple[str, str, str]]:
    """UDID, name and state of what is paired with this Mac; nothing where this is none."""
    if not _on_a_mac():
        return
    with tempfile.TemporaryDirectory(prefix="dmvton-bench-") as made:
        listing = Path(made, "devices.json")
        command = ("xcrun", "devicectl", "list", "devices", "--json-output", str(listing))
        if _problem(Step("list devices", command), SECONDS) is not None:
            return
        try:
            devices = json.loads(listing.read_bytes())["result"]["devices"]
            for each in devices:
                udid, name = each["hardwareProperties"]["udid"], each["deviceProperties"]["name"]
                yield str(udid), plain(str(name)), plain(str(each["connectionProperties"]["pairingState"]))
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise RecordError(f"devicectl's list of devices is not understood: {error!r}.") from error


def _on_a_mac() -> bool:
    return platform.system() == "Darwin" and shutil.which("xcrun") is not None


def _problem(step: Step, seconds: float) -> str | None:
    """Runs it; what went wrong, None where nothing did."""
    try:
        ran = subprocess.run(step.command, capture_output=True, text=True, errors="replace", timeout=seconds)
    except subprocess.TimeoutExpired:
        return f"to {step.what} took more than {seconds:g} seconds"
    if ran.returncode == 0:
        return None
    said = (ran.stderr.strip() or ran.stdout.strip() or f"status {ran.returncode}").splitlines()[-1]
    return f"to {step.what} failed: {plain(said)}"
