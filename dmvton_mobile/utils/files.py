"""Atomic files and folders: written to a temporary sibling, then renamed, so they are complete or absent.

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
    """Writes a folder atomically. One writer per path and process at a time.

    Yields:
        An empty temporary folder. It becomes `path` when the block ends, and is removed when the block raises.

    Raises:
        DmvtonError: `path` exists already, cannot be written, or the disk is full.
    """
    with _complete_or_absent(path, overwrite=False) as partial:
        partial.mkdir()
        yield partial


@contextmanager
def atomic_file(path: Path, *, overwrite: bool = False) -> Iterator[Path]:
    """Writes a file atomically. One writer per path and process at a time.

    Args:
        path: Where the file goes.
        overwrite: Replace an existing file. A reader finds the old one or the new one, never a part.

    Yields:
        The temporary path to write to. It becomes `path` when the block ends, and is removed when the block raises.

    Raises:
        DmvtonError: `path` exists already and `overwrite` is False, cannot be written, or the disk is full.
    """
    with _complete_or_absent(path, overwrite) as partial:
        yield partial


@contextmanager
def _complete_or_absent(path: Path, overwrite: bool) -> Iterator[Path]:
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
    """Checks that nothing exists at a path: early, in commands that work long before they write.

    Raises:
        DmvtonError: Something exists there, if only a broken link.
    """
    if os.path.lexists(path):
        raise DmvtonError(f"{path} exists already. Remove it, or choose another name.")


def _remove_leftovers(path: Path) -> None:
    prefix = f".{path.name}.partial-"
    for sibling in list(path.parent.iterdir()):
        process = sibling.name.removeprefix(prefix)
        if sibling.name.startswith(prefix) and process.isdecimal() and not _writing(int(process)):
            _remove(sibling)


def _writing(process: int) -> bool:
    """Whether the process may still be writing."""
    if process == os.getpid():
        return False  # from an earlier run: in a container every run has the same process id
    if os.name == "nt":
        return True  # signal 0 would end the process there, so it is not asked
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
    """Whether a full disk caused the error. Native writers tell it by their message alone."""
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
