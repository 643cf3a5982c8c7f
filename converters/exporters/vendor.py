"""How other people's libraries are treated: what they print is held back, and a patch checks their version."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.utils.build import package_version

SHOWN_LINES = 30  # of what was held back, after a failure


@contextmanager
def quiet() -> Iterator[None]:
    """Holds back what the block writes to standard output and error, native code included.

    If the block raises, the last lines are shown.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    saved = [os.dup(1), os.dup(2)]
    with tempfile.TemporaryFile() as log, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        os.dup2(log.fileno(), 1)
        os.dup2(log.fileno(), 2)
        failed = True
        try:
            yield
            failed = False
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            for descriptor, copy in zip((1, 2), saved, strict=True):
                os.dup2(copy, descriptor)
                os.close(copy)
            if failed:
                log.seek(0)
                lines = log.read().decode(errors="replace").splitlines()
                print("\n".join(lines[-SHOWN_LINES:]), file=sys.stderr)


def require_version(package: str, version: str, module: str) -> None:
    """Refuses to patch another version of a library than the one that the patch was written for.

    Args:
        package: Its name on the package index.
        version: The version that the patch was written for.
        module: The module that patches it.

    Raises:
        DmvtonError: Another version is installed.
    """
    installed = package_version(package)
    if installed != version:
        raise DmvtonError(
            f"{module} patches {package} {version}, and {installed} is installed: install {package}=={version}, or "
            "check that module's patches against the new version."
        )
