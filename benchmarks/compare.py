"""The regression gate: whether a new record is slower or larger than a base record by more than a bound.

Records that were measured side by side (`bench run --beside`) are compared best: their processes took turns, so each
round gives one ratio, and a slow machine slowed both. Records of different sessions are compared by their medians over
the rounds. In both cases two halves of the rounds, every other one, must agree within the bound; otherwise noise hides
the change and the outcome is "unstable".
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from typing import assert_never
from xml.etree import ElementTree

from benchmarks.record import BenchmarkRecord, RecordError, Validity
from benchmarks.report.figures import runs_by_key
from benchmarks.run_record import Run, RunKey, key_title
from benchmarks.statistics import median
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Strict

MIN_ROUNDS = 4  # two halves of two


class Outcome(StrEnum):
    """Result of a comparison."""

    SAME = "same"  # within the bound
    BETTER = "better"  # by more than the bound
    WORSE = "worse"  # by more than the bound
    UNSTABLE = "unstable"  # the rounds differ by more than the bound
    MISSING = "missing"  # one record has no such figure


class Comparison(Strict):
    """One figure of one artifact set in both records.

    Attributes:
        title: Of the artifact set.
        figure: Name of the figure.
        base: Of the base record; milliseconds or bytes.
        new: Of the new record.
        ratio: New to base.
        noise: Relative difference between two halves of the rounds; None for figures without noise.
        outcome: Result.
        why: One sentence.
    """

    title: str
    figure: str
    base: float | None
    new: float | None
    ratio: float | None
    noise: float | None
    outcome: Outcome
    why: str


def compare(base: BenchmarkRecord, new: BenchmarkRecord, max_regression: float) -> list[Comparison]:
    """Compares the frame, the RSS delta and the download of every artifact set of the base record.

    Args:
        base: The record before the change.
        new: The record after it.
        max_regression: The bound, 0.05 for 5 %.

    Raises:
        DmvtonError: The records are of different suites or devices.
        RecordError: One of them is invalid.
    """
    _require_comparable(base, new)
    new_runs = runs_by_key(new)
    side_by_side = base.started_at == new.started_at
    found = []
    for key, runs in runs_by_key(base).items():
        found += list(_artifact_comparisons(key, runs, new_runs.get(key, []), max_regression, side_by_side))
    downloads = {(item.target, item.precision): item.download_bytes for item in new.artifacts}
    for item in base.artifacts:
        after = downloads.get((item.target, item.precision))
        title = f"{item.target} {item.precision}"
        if after is not None:
            found.append(_compare_bytes(title, "download", item.download_bytes, after, max_regression))
    return found


def junit_xml(found: Sequence[Comparison]) -> str:
    """The comparisons as a JUnit test suite: worse and missing are failures, unstable is an error."""
    failed = sum(each.outcome in (Outcome.WORSE, Outcome.MISSING) for each in found)
    unstable = sum(each.outcome is Outcome.UNSTABLE for each in found)
    suite = ElementTree.Element(
        "testsuite", name="dmvton bench compare", tests=str(len(found)), failures=str(failed), errors=str(unstable)
    )
    for each in found:
        case = ElementTree.SubElement(suite, "testcase", classname=each.title, name=each.figure)
        match each.outcome:
            case Outcome.WORSE | Outcome.MISSING:
                ElementTree.SubElement(case, "failure", message=each.why)
            case Outcome.UNSTABLE:
                ElementTree.SubElement(case, "error", message=each.why)
            case Outcome.SAME | Outcome.BETTER:
                ElementTree.SubElement(case, "system-out").text = each.why
            case unknown:
                assert_never(unknown)
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _require_comparable(base: BenchmarkRecord, new: BenchmarkRecord) -> None:
    if base.suite.sha256 != new.suite.sha256:
        raise DmvtonError(
            f"The records are of different suites ({base.suite.name}, {new.suite.name}, or two versions of one): "
            "measure both with the same file."
        )
    for what, one, other in (
        ("devices", base.device.processor or base.device.model, new.device.processor or new.device.model),
        ("kinds of device", base.device.kind, new.device.kind),
    ):
        if one != other:
            raise DmvtonError(f"The records are of different {what}, {one} and {other}: they cannot be compared.")
    for name, record in (("BASE", base), ("NEW", new)):
        if record.verdict.validity is Validity.INVALID:
            raise RecordError(f"{name} is invalid: {record.verdict.reasons[0]} Measure it again.")


def _artifact_comparisons(
    key: RunKey, base: Sequence[Run], new: Sequence[Run], bound: float, side_by_side: bool
) -> Iterator[Comparison]:
    title = key_title(key)
    before, after = _frame_medians(base), _frame_medians(new)
    if not after or not before:
        yield Comparison(
            title=title,
            figure="frame",
            base=None,
            new=None,
            ratio=None,
            noise=None,
            outcome=Outcome.MISSING,
            why=f"{'NEW' if not after else 'BASE'} has no frame of it.",
        )
        return
    yield _compare_frames(title, before, after, bound, side_by_side and len(before) == len(after))
    deltas = [_rss_delta(base), _rss_delta(new)]
    if deltas[0] is not None and deltas[1] is not None:
        yield _compare_bytes(title, "RSS delta", deltas[0], deltas[1], bound)


def _compare_frames(title: str, before: list[float], after: list[float], bound: float, paired: bool) -> Comparison:
    if paired:
        ratios = [own / other for own, other in zip(after, before, strict=True)]
        ratio = median(ratios)
        noise = _noise(ratios)
    else:
        ratio = median(after) / median(before)
        noises = [each for each in (_noise(before), _noise(after)) if each is not None]
        noise = max(noises) if len(noises) == 2 else None
    outcome, why = _outcome(ratio, bound)
    if noise is None:
        outcome, why = Outcome.UNSTABLE, f"{MIN_ROUNDS} rounds or more are needed to know how much runs differ."
    elif noise > bound:
        outcome, why = Outcome.UNSTABLE, f"two halves of the rounds differ by {noise:.1%}, more than {bound:.1%}."
    return Comparison(
        title=title,
        figure="frame",
        base=median(before),
        new=median(after),
        ratio=ratio,
        noise=noise,
        outcome=outcome,
        why=f"{ratio - 1:+.1%}: {why}",
    )


def _compare_bytes(title: str, figure: str, base: int, new: int, bound: float) -> Comparison:
    ratio = new / base if base else 1.0 if not new else float(new)
    outcome, why = _outcome(ratio, bound)
    return Comparison(
        title=title,
        figure=figure,
        base=base,
        new=new,
        ratio=ratio,
        noise=None,
        outcome=outcome,
        why=f"{ratio - 1:+.1%}: {why}",
    )


def _outcome(ratio: float, bound: float) -> tuple[Outcome, str]:
    if ratio > 1 + bound:
        return Outcome.WORSE, f"more than {bound:.1%} is a regression."
    if ratio < 1 / (1 + bound):
        return Outcome.BETTER, "better by more than the bound."
    return Outcome.SAME, f"within {bound:.1%}."


def _noise(values: Sequence[float]) -> float | None:
    """Relative difference between the medians of every other value and of the rest; None for too few rounds."""
    if len(values) < MIN_ROUNDS:
        return None
    one, other = median(values[::2]), median(values[1::2])
    return max(one, other) / min(one, other) - 1


def _frame_medians(runs: Sequence[Run]) -> list[float]:
    """Medians of the frame in the order of the rounds."""
    return [run.frame.summary.median_ms for run in sorted(runs, key=lambda run: run.round) if run.frame]


def _rss_delta(runs: Sequence[Run]) -> int | None:
    known = [run.memory.rss_delta_bytes for run in runs if run.memory and run.memory.rss_delta_bytes is not None]
    return round(median(known)) if known else None
