"""Files that are whole or not there: write to a temporary sibling, then rename.

A killed process (kill -9) leaves at most `.NAME.partial-PID` beside the target; the next run removes it.
"""

import errno
import hashlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from dmvton_mobile.errors import DmvtonError


@contextmanager
def atomic_folder(path: Path) -> Iterator[Path]:
    """Yields an empty temporary folder that becomes `path` when the block ends, and vanishes when the block raises.

    Raises DmvtonError where `path` exists already, cannot be written, or the disk is full.
    One writer per path and process at a time.
    """
    with _whole(path, overwrite=False) as partial:
        partial.mkdir()
        yield partial


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Yields the temporary path of a file that becomes `path` when the block ends. As `atomic_folder`.

    overwrite: replace an existing file, in one step: a reader finds the old one or the new one.
    """
    with _whole(path, overwrite) as partial:
        yield partial


@contextmanager
def _whole(path: Path, overwrite: bool) -> Iterator[Path]:
    if not overwrite:
        require_new(path)
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DmvtonError(f"Cannot make the folder {path.parent}: {error.strerror}.") from error
    if not os.access(path.parent, os.W_OK):
        raise DmvtonError(f"The folder {path.parent} cannot be written to.")
    _remove_leftovers(path)
    partial = path.with_name(f".{path.name}.partial-{os.getpid()}")
    try:
        yield partial
        if not overwrite:
            require_new(path)  # it may have appeared meanwhile
        os.replace(partial, path)
    except BaseException as error:  # an interrupt, too, leaves nothing behind
        _remove(partial)
        if _out_of_space(error):
            raise DmvtonError(
                f"No space left on the disk while writing {path.name} into {path.parent} (temporary files go to "
                f"{tempfile.gettempdir()}). Nothing was left behind: free some space and run it again."
            ) from error
        raise


def require_new(path: Path) -> None:
    """Raises DmvtonError where something lies at `path` already: for commands that work long before they write."""
    if os.path.lexists(path):
        raise DmvtonError(f"{path} exists already. Remove it, or choose another name.")


def _remove_leftovers(path: Path) -> None:
    prefix = f".{path.name}.partial-"
    for sibling in list(path.parent.iterdir()):
        process = sibling.name.removeprefix(prefix)
        if sibling.name.startswith(prefix) and process.isdecimal() and not _writing(int(process)):
            _remove(sibling)


def _writing(process: int) -> bool:
    """Whether a process that could be writing still runs."""
    if process == os.getpid():
        return False  # a predecessor's: in a container every run has the same number
    if os.name == "nt":
        return True  # signal 0 would end it there; what cannot be asked is left alone
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        pass
    return True


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)  # the error that brought us here matters more
    else:
        path.unlink(missing_ok=True)


def _out_of_space(error: BaseException | None) -> bool:
    """Whether a full disk is what this error is about; native writers say so in words only."""
    while error is not None:
        if isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT):
            return True
        if "no space left" in str(error).lower():
            return True
        error = error.__cause__
    return False


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's content, 64 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
