"""A progress bar over the files of a dataset, on a terminal; elsewhere nothing."""

from collections.abc import Iterable, Sequence
from typing import TypeVar

from rich.console import Console
from rich.progress import track

Item = TypeVar("Item")


def tracked(items: Sequence[Item], description: str) -> Iterable[Item]:
    """The items, with a bar on standard error while they are taken."""
    console = Console(stderr=True)
    return track(items, description, console=console, transient=True, disable=not console.is_terminal)
