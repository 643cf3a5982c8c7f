"""The device that somebody names, and all that can be named now."""

from collections.abc import Iterator
from dataclasses import dataclass

from benchmarks.devices.adb import Adb
from benchmarks.devices.adb_link import READY, adb_states
from benchmarks.devices.device import BenchmarkDevice
from benchmarks.devices.host import Host
from benchmarks.machine import machine
from dmvton_mobile.errors import DmvtonError, UnknownName


@dataclass(frozen=True)
class Found:
    name: str
    what: str
    state: str


def choose_device(name: str) -> BenchmarkDevice:
    """Raises UnknownName; DmvtonError where the device is not ready, or cannot run an agent."""
    kind, _, which = name.partition(":")
    if name == "host":
        return Host()
    if kind == "adb" and which:
        return Adb(which)
    raise UnknownName("device", name, ["host", "adb:SERIAL"])


def found_devices() -> list[Found]:
    return [Found("host", machine(), "ready"), *_over_adb()]


def _over_adb() -> Iterator[Found]:
    """Every device that adb knows, whatever its state; a line on what is missing where there is no adb."""
    try:
        states = adb_states()
    except DmvtonError as error:
        yield Found("adb:SERIAL", str(error), "missing")
        return
    for serial, state in sorted(states.items()):
        yield Found(f"adb:{serial}", "over adb", "ready" if state == READY else state)
