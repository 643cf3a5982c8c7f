"""What a frame's time goes to: the operations that take longest, and all of them by kind and backend."""

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.report.entry import Entry
from benchmarks.run_record import Operation

TOP = 20


@dataclass(frozen=True)
class Group:
    """Operations of one kind on one backend. milliseconds: together; None where one of them has no time. share: of
    the frame."""

    kind: str
    backend: str | None
    count: int
    milliseconds: float | None
    share: float | None


@dataclass(frozen=True)
class Profile:
    """Of one artifact. count: of operations. milliseconds: of all, None where one has no time. longest: the first."""

    title: str
    count: int
    milliseconds: float | None
    groups: list[Group]
    longest: list[tuple[Operation, float | None]]


def profiles(entry: Entry) -> list[Profile]:
    """Of the first round of each artifact that has one."""
    found = []
    for figures in entry.figures:
        listed = next((run.operations for run in entry.runs[figures.key] if run.operations), None)
        if listed is not None:
            found.append(_profile(entry.titled(figures.title), listed))
    return found


def _profile(title: str, listed: Sequence[Operation]) -> Profile:
    total = _total(listed)
    longest = sorted(listed, key=lambda each: (-_time(each), each.name))[:TOP]
    by_kind: dict[tuple[str, str | None], list[Operation]] = {}
    for each in listed:
        by_kind.setdefault((each.kind, each.backend), []).append(each)
    groups = [
        Group(kind, backend, len(of), _total(of), _share(_total(of), total)) for (kind, backend), of in by_kind.items()
    ]
    groups.sort(key=lambda group: (-(group.milliseconds or -1.0), -group.count, group.kind, group.backend or ""))
    return Profile(title, len(listed), total, groups, [(each, _share(each.milliseconds, total)) for each in longest])


def _time(operation: Operation) -> float:
    """To sort by: what has no time comes last."""
    return -1.0 if operation.milliseconds is None else operation.milliseconds


def _total(listed: Sequence[Operation]) -> float | None:
    times = [each.milliseconds for each in listed]
    known = [time for time in times if time is not None]
    return sum(known) if len(known) == len(times) else None


def _share(milliseconds: float | None, total: float | None) -> float | None:
    return milliseconds / total if milliseconds is not None and total else None


def overlay(found: Iterable[Operation], title: str) -> str:
    """By the names of nodes or of their outputs; where a runtime tells no times, what runs them."""
    results = {
        each.name: {"value": (each.backend or "own kernel") if each.milliseconds is None else each.milliseconds}
        for each in found
    }
    gradient = [{"stop": 0, "bgColor": "#ffffff"}, {"stop": 1, "bgColor": "#d1495b"}]
    return json.dumps({"main": {"name": title, "results": results, "gradient": gradient}}, indent=2)
