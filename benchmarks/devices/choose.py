"""The device that somebody names, and all that can be named now."""

from dataclasses import dataclass

from benchmarks.devices.device import BenchmarkDevice
from benchmarks.devices.host import Host
from benchmarks.machine import machine
from dmvton_mobile.errors import UnknownName


@dataclass(frozen=True)
class Found:
    name: str
    what: str
    state: str


def choose_device(name: str) -> BenchmarkDevice:
    """Raises UnknownName."""
    if name == "host":
        return Host()
    raise UnknownName("device", name, ["host"])


def found_devices() -> list[Found]:
    return [Found("host", machine(), "ready")]
