"""An Android phone in a device farm, which runs the app's instrumentation test and gives back the folder that it left.

Its job is written here, for the test to take along; the record is judged by `dmvton bench accept`.
"""

from collections.abc import Callable
from pathlib import Path

from benchmarks.devices.phone import RECORD, Phone, PhoneWork
from benchmarks.record import BenchmarkRecord, DeviceKind
from dmvton_mobile.errors import CheckFailed

ASSETS = "android_demo/app/src/androidTest/assets/benchmark"


class FarmNeeded(CheckFailed):
    """What remains to be done with a farm."""


class Farm(Phone):
    kind = DeviceKind.ANDROID

    def __init__(self, name: str):
        self._name = name
        self.name = f"farm:{name}"

    def record(self, work: PhoneWork, on_step: Callable[[str], None]) -> BenchmarkRecord:
        given = Path(f"benchmark-{self._name}")
        work.stage_anew(given)
        raise FarmNeeded(
            f"{given} holds what the app is given. Move it to {ASSETS}, build the app and its test, and let the "
            f"farm run them: docs/benchmarks.md says how. Then, here: dmvton bench accept {RECORD}, with the same "
            "--bundle, --suite and --out."
        )
