"""Exporters print a great deal, some of it from C++. It is kept apart and shown only when they fail."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager

SHOWN_LINES = 30


@contextmanager
def quiet() -> Iterator[None]:
    """Holds back what the block, native code included, writes to standard output and error; shows its end if the block
    raises."""
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
