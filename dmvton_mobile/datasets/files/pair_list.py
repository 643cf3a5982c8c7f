"""Pair lists: text, one pair per line, the file names of a person and a garment."""

from collections.abc import Callable
from pathlib import Path

from dmvton_mobile.datasets.sample import DataError

OnFault = Callable[[DataError], None]  # called about a pair that is listed wrongly; the pair is left out then


def refuse(fault: DataError) -> None:
    """Raises the fault: how a reader treats faults of its lists. A check collects them instead."""
    raise fault


def read_pair_list(path: Path, on_fault: OnFault = refuse) -> list[tuple[str, str]]:
    """Reads a pair list; blank lines do not count.

    Args:
        path: The list, UTF-8.
        on_fault: Called about each line that is no pair; the line is left out.

    Returns:
        (person, garment) per line, plain file names.

    Raises:
        DataError: The list is missing, unreadable, or no text.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not text"
        raise DataError(
            f"The pair list {path} cannot be read: {reason}. Each line names a person and a garment."
        ) from error
    pairs = []
    for number, line in enumerate(text.splitlines(), 1):
        names = line.split()
        if len(names) == 2 and all(map(_is_file_name, names)):
            pairs.append((names[0], names[1]))
        elif names:
            shown = line if len(line) <= 80 else f"{line[:80]}..."
            on_fault(
                DataError(f"{path}, line {number}: {shown!r} is not the file names of a person and a garment. Mend it.")
            )
    return pairs


def _is_file_name(name: str) -> bool:
    """Whether it names a file, and no way out of the dataset's folder."""
    return not name.startswith(".") and not any(mark in name for mark in "/\\\0:")
