"""What a figure was measured on, in words."""

import os
import platform
from pathlib import Path


def machine() -> str:
    """`Intel(R) Xeon(R) CPU, 2 cores, Linux x86_64`"""
    return f"{_processor()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"


def _processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []  # not Linux
    named = (line.partition(":")[2].strip() for line in lines if line.startswith("model name"))
    return next(named, platform.processor() or "unnamed processor")
