"""The progress bar of every long command: on standard error, if that is a terminal."""

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

Item = TypeVar("Item")
StepCallback = Callable[[str], None]  # called when a step of long work starts, with a few words that name the step


class Bar:
    """A progress bar that `progress_bar` shows."""

    def __init__(self, progress: Progress, task: TaskID):
        self._progress = progress
        self._task = task

    def show(self, done: int | None = None, *, total: int | None = None, what: str | None = None) -> None:
        """Updates the bar; None leaves a value as it was.

        Args:
            done: How many of the total are done.
            total: How many there are.
            what: Label: what is being done.
        """
        self._progress.update(self._task, completed=done, total=total, description=what)

    def describe(self, what: str) -> None:
        """Labels the bar with the step that starts. A `StepCallback`."""
        self.show(what=what)

    def advance(self) -> None:
        """Counts one more as done."""
        self._progress.advance(self._task)


@contextmanager
def progress_bar(what: str, total: int | None = None, *, hidden: bool = False) -> Iterator[Bar]:
    """Shows a bar while the block runs.

    It writes to a copy of the file descriptor of standard error, so that code which silences standard error, as the
    exporters need, does not silence the bar.

    Args:
        what: Label: what is being done.
        total: How many steps there are; None where that is not known yet.
        hidden: Show nothing, as on all but the first of several processes.
    """
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with os.fdopen(os.dup(2), "w") as stream:
        console = Console(file=stream)
        disabled = hidden or not console.is_terminal
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=disabled) as progress:
            yield Bar(progress, progress.add_task(what, total=total))


def tracked(items: Sequence[Item], what: str) -> Iterable[Item]:
    """Iterates over items with a progress bar.

    Args:
        items: What to iterate over.
        what: Label of the bar.
    """
    with progress_bar(what, len(items)) as bar:
        for item in items:
            yield item
            bar.advance()
