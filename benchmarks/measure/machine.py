"""What a figure was measured on, in words."""

import os
import platform

from dmvton_mobile.utils.build import processor_name


def machine() -> str:
    """`Intel(R) Xeon(R) CPU, 2 cores, Linux x86_64`"""
    return f"{processor_name()}, {os.cpu_count()} cores, {platform.system()} {platform.machine()}"
