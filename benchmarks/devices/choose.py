"""Finds devices: the one that the command line names, and all that can be named now."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from benchmarks.devices.adb import Adb
from benchmarks.devices.adb_link import Link
from benchmarks.devices.adb_server import READY, adb_states, find_serial
from benchmarks.devices.android import Android, is_android
from benchmarks.devices.device import BenchmarkDevice
from benchmarks.devices.farm import Farm
from benchmarks.devices.host import Host
from benchmarks.devices.ios import Ios, found_phones
from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.records.base import is_plain_path
from dmvton_mobile.utils.build import machine_description

PHONES: dict[str, Callable[[str], BenchmarkDevice]] = {"ios": Ios, "farm": Farm}


@dataclass(frozen=True)
class ListedDevice:
    """A line of `dmvton bench devices`.

    Attributes:
        name: As `--device` takes it.
        what: What it is, or what is missing.
        state: `ready`, `missing`, or the state in which it cannot be used.
    """

    name: str
    what: str
    state: str


def choose_device(name: str) -> BenchmarkDevice:
    """Opens a device by its name.

    Args:
        name: `host`, `adb:SERIAL`, `ios:UDID` or `farm:NAME`; the start of a serial is enough.

    Raises:
        UnknownName: There is no such kind of device.
        DmvtonError: The device is not ready, or cannot run an agent.
    """
    kind, _, which = name.partition(":")
    if name == "host":
        return Host()
    if kind == "adb" and which:
        link = Link(find_serial(which))
        return Android(link) if is_android(link) else Adb(link)
    if kind in PHONES and which:
        if "/" in which or not is_plain_path(which):  # a folder is named after it
            raise DmvtonError(f"{name} names no phone: letters, digits and . _ - may be in a name.")
        return PHONES[kind](which)
    raise UnknownName("device", name, ["host", "adb:SERIAL", "ios:UDID", "farm:NAME"])


def found_devices() -> list[ListedDevice]:
    """All devices that can be named now, and what is missing for other kinds."""
    return [ListedDevice("host", machine_description(), "ready"), *_over_adb(), *_from_a_mac()]


def _over_adb() -> Iterator[ListedDevice]:
    """Every device that adb knows, in whatever state; without adb, a line that says what is missing."""
    try:
        states = adb_states()
    except DmvtonError as error:
        yield ListedDevice("adb:SERIAL", str(error), "missing")
        return
    for serial, state in sorted(states.items()):
        yield ListedDevice(f"adb:{serial}", "over adb", "ready" if state == READY else state)


def _from_a_mac() -> Iterator[ListedDevice]:
    """The iPhones that this Mac is paired with; without any, a line that says what is missing."""
    try:
        phones = list(found_phones())
    except DmvtonError as error:
        yield ListedDevice("ios:UDID", str(error), "missing")
        return
    if not phones:
        yield ListedDevice("ios:UDID", "an iPhone paired with a Mac that has Xcode", "missing")
    for udid, name, state in phones:
        yield ListedDevice(f"ios:{udid}", name, "ready" if state == "paired" else state)
