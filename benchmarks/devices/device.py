"""The two kinds of device: those that run our agent, and phones, whose app measures by itself (`phone`)."""

from abc import ABC, abstractmethod

from benchmarks.devices.job import AgentTask
from benchmarks.measure.collector import EventCollector
from benchmarks.run_record import Device, DeviceKind, Run
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.targets import Target


class DeviceLost(CheckFailed):
    """The device no longer answers, so nothing more can be measured on it."""


class BenchmarkDevice(ABC):
    """A device that benchmarks run on.

    Attributes:
        kind: What it is.
        name: As the command line asks for it: `host`, `adb:SERIAL`, `ios:UDID`, `farm:NAME`.
    """

    kind: DeviceKind
    name: str

    @abstractmethod
    def runs(self, target: Target) -> bool:
        """Whether artifacts of the target run there at their speed."""


class AgentDevice(BenchmarkDevice):
    """A device that runs our agent, one task after the other.

    Attributes:
        agent: Version of the agent; `none` until it has run.
    """

    agent: str = "none"

    def __init__(self) -> None:
        self._device: Device | None = None

    @abstractmethod
    def measure(self, task: AgentTask) -> Run:
        """Runs the agent for one task.

        Returns:
            What was measured; a failure is part of it.

        Raises:
            DeviceLost: The device no longer answers, and nothing of the run could be kept.
        """

    @abstractmethod
    def close(self) -> None:
        """Leaves the device as it was found."""

    @property
    def device(self) -> Device:
        """Facts about the device, as far as an agent has reported them."""
        return self._device or Device(kind=self.kind, name=self.name)

    def _note(self, events: EventCollector) -> None:
        if events.facts is not None and events.agent is not None:
            self.agent = events.agent
            self._device = Device(kind=self.kind, name=self.name, **events.facts.model_dump())
