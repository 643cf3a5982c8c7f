"""An Android phone in a device farm, which runs the app's instrumentation test and returns the folder that it wrote.

The job is written here, for the test to take along; `dmvton bench accept` checks the record.
"""

from pathlib import Path

from benchmarks.devices.phone import RECORD, Phone, PhoneTask
from benchmarks.record import BenchmarkRecord
from benchmarks.run_record import DeviceKind
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.utils.progress import StepCallback

ASSETS = "android_demo/app/src/androidTest/assets/benchmark"


class FarmNeeded(CheckFailed):
    """The message says what a person has to do with the farm."""


class Farm(Phone):
    """A phone in a farm, which cannot be reached from here.

    Args:
        name: For the folder and the record.
    """

    kind = DeviceKind.ANDROID

    def __init__(self, name: str):
        self._name = name
        self.name = f"farm:{name}"

    def record(self, task: PhoneTask, on_step: StepCallback) -> BenchmarkRecord:
        """Writes the folder that the app takes along. Raises FarmNeeded, always."""
        inputs = Path(f"benchmark-{self._name}")
        task.stage_new(inputs)
        raise FarmNeeded(
            f"{inputs} holds the app's job and the bundle. Move it to {ASSETS}, build the app and its test, and let "
            f"the farm run them: docs/benchmarks.md says how. Then, here: dmvton bench accept {RECORD}, with the same "
            "--bundle, --suite and --out."
        )
