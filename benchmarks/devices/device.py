"""What every device looks like from outside."""

from abc import ABC, abstractmethod

from benchmarks.devices.events import Collected
from benchmarks.devices.job import Work
from benchmarks.record import Device, DeviceKind, Run
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.targets import Target


class DeviceLost(CheckFailed):
    """A device that no longer answers: nothing more can be measured on it."""


class BenchmarkDevice(ABC):
    """name: as it is asked for, `host`."""

    kind: DeviceKind
    name: str

    @abstractmethod
    def runs(self, target: Target) -> bool:
        """Whether artifacts of the target run there at their speed."""


class AgentDevice(BenchmarkDevice):
    """A device that our agent measures on, one piece of work after the other. agent: what measured, once it has."""

    agent: str = "none"

    def __init__(self) -> None:
        self._device: Device | None = None

    @abstractmethod
    def measure(self, work: Work) -> Run:
        """What was measured; what went wrong is in it. Raises DeviceLost where there is nothing of the run to keep."""

    @abstractmethod
    def close(self) -> None:
        """Leaves the device as it was found."""

    @property
    def device(self) -> Device:
        """What it is; with what agents have told by now."""
        return self._device or Device(kind=self.kind, name=self.name)

    def _note(self, collected: Collected) -> None:
        if collected.facts is not None and collected.agent is not None:
            self.agent = collected.agent
            self._device = Device(kind=self.kind, name=self.name, **collected.facts.model_dump())
