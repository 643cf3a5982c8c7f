"""The one progress bar: on a terminal's standard error, and nowhere else."""

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
    """A bar on the screen; `show` moves it."""

    def __init__(self, progress: Progress, task: TaskID):
        self._progress = progress
        self._task = task

    def show(self, done: int | None = None, *, total: int | None = None, what: str | None = None) -> None:
        """done: of the total. what: is being done, in place of what it was. None: as before."""
        self._progress.update(self._task, completed=done, total=total, description=what)

    def describe(self, what: str) -> None:
        """Names the step that starts: a `StepCallback`."""
        self.show(what=what)

    def advance(self) -> None:
        """One more is done."""
        self._progress.advance(self._task)


@contextmanager
def progress_bar(what: str, total: int | None = None, *, hidden: bool = False) -> Iterator[Bar]:
    """A bar while the block runs. It writes on a copy of standard error, so that what holds that back spares it."""
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with os.fdopen(os.dup(2), "w") as stream:
        console = Console(file=stream)
        disabled = hidden or not console.is_terminal
        with Progress(*columns, TimeRemainingColumn(), console=console, transient=True, disable=disabled) as progress:
            yield Bar(progress, progress.add_task(what, total=total))


def tracked(items: Sequence[Item], what: str) -> Iterable[Item]:
    """The items, with a bar while they are taken."""
    with progress_bar(what, len(items)) as bar:
        for item in items:
            yield item
            bar.advance()
