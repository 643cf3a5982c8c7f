"""The device that somebody names, and all that can be named now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.devices.adb import Adb
from benchmarks.devices.adb_link import READY, Link, adb_states, find_serial
from benchmarks.devices.android import Android, is_android
from benchmarks.devices.device import BenchmarkDevice
from benchmarks.devices.farm import Farm
from benchmarks.devices.host import Host
from benchmarks.devices.ios import Ios, found_phones
from benchmarks.measure.machine import machine
from dmvton_mobile.bundles.manifest import is_plain_path
from dmvton_mobile.errors import DmvtonError, UnknownName

AWAY: dict[str, Callable[[str], BenchmarkDevice]] = {"ios": Ios, "farm": Farm}


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
        link = Link(find_serial(which))
        return Android(link) if is_android(link) else Adb(link)
    if kind in AWAY and which:
        if "/" in which or not is_plain_path(which):  # a folder is named after it
            raise DmvtonError(f"{name} names no phone: letters, digits and . _ - may be in a name.")
        return AWAY[kind](which)
    raise UnknownName("device", name, ["host", "adb:SERIAL", "ios:UDID", "farm:NAME"])


def found_devices() -> list[Found]:
    return [Found("host", machine(), "ready"), *_over_adb(), *_from_a_mac()]


def _over_adb() -> Iterator[Found]:
    """Every device that adb knows, whatever its state; a line on what is missing where there is no adb."""
    try:
        states = adb_states()
    except DmvtonError as error:
        yield Found("adb:SERIAL", str(error), "missing")
        return
    for serial, state in sorted(states.items()):
        yield Found(f"adb:{serial}", "over adb", "ready" if state == READY else state)


def _from_a_mac() -> Iterator[Found]:
    """iPhones that this Mac is paired with; elsewhere, what is missing."""
    try:
        phones = list(found_phones())
    except DmvtonError as error:
        yield Found("ios:UDID", str(error), "missing")
        return
    if not phones:
        yield Found("ios:UDID", "an iPhone paired with a Mac that has Xcode", "missing")
    for udid, name, state in phones:
        yield Found(f"ios:{udid}", name, "ready" if state == "paired" else state)
