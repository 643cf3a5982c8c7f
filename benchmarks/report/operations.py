"""Profile of a frame: its longest operations, and all operations by kind and backend."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.report.entry import Entry
from benchmarks.run_record import Operation

NUM_LONGEST = 20


@dataclass(frozen=True)
class OperationGroup:
    """Operations of one kind on one backend.

    Attributes:
        kind: Type of the operations.
        backend: What ran them; None for the runtime's own kernels.
        count: Number of operations.
        milliseconds: Their sum; None if one of them has no time.
        share: Of the frame.
    """

    kind: str
    backend: str | None
    count: int
    milliseconds: float | None
    share: float | None


@dataclass(frozen=True)
class Profile:
    """Operations of one artifact set.

    Attributes:
        title: Of the artifact set.
        count: Number of operations.
        milliseconds: Their sum; None if one of them has no time.
        groups: By kind and backend, longest first.
        longest: The longest operations with their share of the frame.
    """

    title: str
    count: int
    milliseconds: float | None
    groups: list[OperationGroup]
    longest: list[tuple[Operation, float | None]]


def profiles(entry: Entry) -> list[Profile]:
    """Profile of each artifact set that has one, from its first round with operations."""
    found = []
    for figures in entry.figures:
        operations = next((run.operations for run in entry.runs[figures.key] if run.operations), None)
        if operations is not None:
            found.append(_profile(entry.labelled(figures.title), operations))
    return found


def overlay(operations: Iterable[Operation], title: str) -> str:
    """Node data for Model Explorer as JSON: a time for each node, or its backend where the runtime reports no times.

    Args:
        operations: Of one frame; their names are those of nodes or of their outputs.
        title: Of the overlay.
    """
    results = {
        each.name: {"value": (each.backend or "own kernel") if each.milliseconds is None else each.milliseconds}
        for each in operations
    }
    gradient = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d1495b"}]
    return json.dumps({"main": {"name": title, "results": results, "gradient": gradient}}, indent=2)


def _profile(title: str, operations: Sequence[Operation]) -> Profile:
    total = _total(operations)
    longest = sorted(operations, key=lambda each: (-_sort_time(each), each.name))[:NUM_LONGEST]
    by_kind: dict[tuple[str, str | None], list[Operation]] = {}
    for each in operations:
        by_kind.setdefault((each.kind, each.backend), []).append(each)
    groups = [
        OperationGroup(kind, backend, len(group), _total(group), _share(_total(group), total))
        for (kind, backend), group in by_kind.items()
    ]
    groups.sort(key=lambda group: (-(group.milliseconds or -1.0), -group.count, group.kind, group.backend or ""))
    shares = [(each, _share(each.milliseconds, total)) for each in longest]
    return Profile(title, len(operations), total, groups, shares)


def _sort_time(operation: Operation) -> float:
    return -1.0 if operation.milliseconds is None else operation.milliseconds  # those without a time come last


def _total(operations: Sequence[Operation]) -> float | None:
    times = [each.milliseconds for each in operations]
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None


def _share(milliseconds: float | None, total: float | None) -> float | None:
    return milliseconds / total if milliseconds is not None and total else None
