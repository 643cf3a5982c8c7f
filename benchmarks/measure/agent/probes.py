"""Facts about the device and this process, read from the kernel; None for what the kernel does not report."""

from __future__ import annotations

import contextlib
import os
import platform
import time
from pathlib import Path
from typing import Any

CPU = Path("/sys/devices/system/cpu")


def device_facts() -> dict[str, Any]:
    """Facts that do not change while the device runs."""
    model = _text(Path("/sys/firmware/devicetree/base/model")) or _text(Path("/sys/class/dmi/id/product_name"))
    names = _fields(Path("/etc/os-release"), "=")
    return {
        "model": model and model.strip("\0"),
        "processor": _fields(Path("/proc/cpuinfo"), ":").get("model name") or platform.processor() or None,
        "abi": platform.machine() or None,
        "cores": os.cpu_count(),
        "memory_bytes": _field_bytes(Path("/proc/meminfo"), "MemTotal"),
        "system": f"{names.get('PRETTY_NAME', platform.system())}, kernel {platform.release()}",
    }


def device_state() -> dict[str, Any]:
    """Clocks, heat, battery, free memory and load now; takes a quarter of a second."""
    governors = [_text(path) for path in sorted(CPU.glob("cpu[0-9]*/cpufreq/scaling_governor"))]
    clocks = [_number(path) for path in sorted(CPU.glob("cpu[0-9]*/cpufreq/scaling_cur_freq"))]
    zones = [_number(path) for path in Path("/sys/class/thermal").glob("thermal_zone*/temp")]
    degrees = [zone / 1000 for zone in zones if zone is not None and -60e3 <= zone <= 200e3]
    supplies = Path("/sys/class/power_supply").glob("*")
    battery = next((path for path in supplies if _text(path / "type") == "Battery"), None)
    charge = battery and _text(battery / "status")
    return {
        "governors": governors if governors and None not in governors else None,
        "frequencies_khz": [int(clock or 0) for clock in clocks] if clocks and None not in clocks else None,
        "temperature_celsius": max(degrees) if degrees else None,
        "battery_percent": battery and _number(battery / "capacity"),
        "charging": charge and charge in ("Charging", "Full"),
        "free_memory_bytes": _field_bytes(Path("/proc/meminfo"), "MemAvailable"),
        "load": _other_load(),
    }


def affinity() -> list[int] | None:
    """The processors that this process may run on."""
    return sorted(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else None


def resident_bytes() -> int | None:
    """RSS of this process now (VmRSS)."""
    return _field_bytes(Path("/proc/self/status"), "VmRSS")


def peak_resident_bytes() -> int | None:
    """Peak RSS of this process since `forget_peak` (VmHWM)."""
    return _field_bytes(Path("/proc/self/status"), "VmHWM")


def forget_peak() -> None:
    """Resets the peak RSS, so that imports do not count; where the kernel refuses, they do (clear_refs: proc(5))."""
    with contextlib.suppress(OSError):
        Path("/proc/self/clear_refs").write_text("5")


def drop_from_cache(artifact: Path) -> bool | None:
    """Asks the system to drop a file's pages, for a cold load; None where it cannot be asked."""
    if not hasattr(os, "posix_fadvise"):
        return None
    for file in [path for path in artifact.rglob("*") if path.is_file()] or [artifact]:
        with file.open("rb") as opened:
            os.posix_fadvise(opened.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)
    return True


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip() or None
    except (OSError, UnicodeDecodeError):
        return None


def _number(path: Path) -> float | None:
    try:
        return float(_text(path) or "")
    except ValueError:
        return None


def _fields(path: Path, separator: str) -> dict[str, str]:
    """Name to value, from lines like `name: value`; the first value of a name counts."""
    found: dict[str, str] = {}
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(separator)
        found.setdefault(name.strip(), value.strip().strip('"'))
    return found


def _field_bytes(path: Path, name: str) -> int | None:
    """A field of a /proc file that counts in kB."""
    value = _fields(path, ":").get(name, "").removesuffix(" kB")
    return int(value) * 1024 if value.isdecimal() else None


def _other_load(seconds: float = 0.25) -> float | None:
    """Processors that other work keeps busy while this process sleeps."""
    before = _busy_ticks()
    time.sleep(seconds)
    after = _busy_ticks()
    if before is None or after is None:
        return None
    return max(0, after - before) / os.sysconf("SC_CLK_TCK") / seconds


def _busy_ticks() -> int | None:
    words = (_text(Path("/proc/stat")) or "").partition("\n")[0].split()[1:9]
    if len(words) < 8 or not all(word.isdecimal() for word in words):
        return None
    user, nice, system, _idle, _waiting, *interrupts = map(int, words)
    return user + nice + system + sum(interrupts)
