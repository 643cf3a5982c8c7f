"""The gate: is NEW slower than BASE by more than a bound, or can that not be told?

Best of records that were measured beside each other (`bench run --beside`): their processes took turns, so each round
gives one ratio, and what slowed the machine slowed both. Records of different sessions are compared by their medians
over rounds. Either way two halves of the rounds, every other one, must agree within the bound: where two runs of the
same thing differ more than what is looked for, the answer is "unstable".
"""

from collections.abc import Iterator, Sequence
from enum import StrEnum
from xml.etree import ElementTree

from benchmarks.record import BenchmarkRecord, RecordError, Validity
from benchmarks.report.figures import runs_by_key
from benchmarks.run_record import Run, RunKey, key_title
from benchmarks.statistics import median
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Strict

LEAST_ROUNDS = 4  # two halves of two


class Outcome(StrEnum):
    SAME = "same"
    BETTER = "better"  # by more than the bound
    WORSE = "worse"
    UNSTABLE = "unstable"
    MISSING = "missing"


class Comparison(Strict):
    """One figure of one artifact. ratio: new to base. noise: how far the ratios of two halves of the rounds are apart;
    None for what has no noise. why: one sentence."""

    title: str
    figure: str
    base: float | None
    new: float | None
    ratio: float | None
    noise: float | None
    outcome: Outcome
    why: str


def compare(base: BenchmarkRecord, new: BenchmarkRecord, max_regression: float) -> list[Comparison]:
    """Every artifact of BASE: its frame, its RSS delta and its download. max_regression: 0.05 for 5 %.

    Raises DmvtonError for records of different suites or devices, RecordError where one is invalid.
    """
    _refuse_unlike(base, new)
    ours, theirs = runs_by_key(new), runs_by_key(base)
    paired = base.started_at == new.started_at
    found = []
    for key, runs in theirs.items():
        found += list(_of_artifact(key, runs, ours.get(key, []), max_regression, paired))
    downloads = {(item.target, item.precision): item.download_bytes for item in new.artifacts}
    for item in base.artifacts:
        after = downloads.get((item.target, item.precision))
        title = f"{item.target} {item.precision}"
        if after is not None:
            found.append(_known(title, "download", item.download_bytes, after, max_regression))
    return found


def junit_xml(found: Sequence[Comparison]) -> str:
    """As a test suite: what is worse or missing failed, what is unstable is an error."""
    failed = sum(each.outcome in (Outcome.WORSE, Outcome.MISSING) for each in found)
    unstable = sum(each.outcome is Outcome.UNSTABLE for each in found)
    suite = ElementTree.Element(
        "testsuite", name="dmvton bench compare", tests=str(len(found)), failures=str(failed), errors=str(unstable)
    )
    for each in found:
        case = ElementTree.SubElement(suite, "testcase", classname=each.title, name=each.figure)
        if each.outcome in (Outcome.WORSE, Outcome.MISSING):
            ElementTree.SubElement(case, "failure", message=each.why)
        elif each.outcome is Outcome.UNSTABLE:
            ElementTree.SubElement(case, "error", message=each.why)
        else:
            ElementTree.SubElement(case, "system-out").text = each.why
    ElementTree.indent(suite)
    return ElementTree.tostring(suite, encoding="unicode", xml_declaration=True) + "\n"


def _refuse_unlike(base: BenchmarkRecord, new: BenchmarkRecord) -> None:
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


def _of_artifact(
    key: RunKey, base: Sequence[Run], new: Sequence[Run], bound: float, paired: bool
) -> Iterator[Comparison]:
    title = key_title(key)
    before, after = _medians(base), _medians(new)
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
    yield _frame(title, before, after, bound, paired and len(before) == len(after))
    deltas = [_rss_delta(base), _rss_delta(new)]
    if deltas[0] is not None and deltas[1] is not None:
        yield _known(title, "RSS delta", deltas[0], deltas[1], bound)


def _frame(title: str, before: list[float], after: list[float], bound: float, paired: bool) -> Comparison:
    if paired:
        ratios = [own / other for own, other in zip(after, before, strict=True)]
        ratio = median(ratios)
        noise = _halves_apart(ratios)
    else:
        ratio = median(after) / median(before)
        apart = [_halves_apart(before), _halves_apart(after)]
        noise = None if None in apart else max(each for each in apart if each is not None)
    outcome, why = _outcome(ratio, bound)
    if noise is None:
        outcome, why = Outcome.UNSTABLE, f"{LEAST_ROUNDS} rounds at least are needed to know how far runs differ."
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


def _known(title: str, figure: str, base: int, new: int, bound: float) -> Comparison:
    """Bytes, which need no rounds."""
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


def _halves_apart(values: Sequence[float]) -> float | None:
    """How far the medians of every other value and of the rest are apart; None for too few."""
    if len(values) < LEAST_ROUNDS:
        return None
    one, other = median(values[::2]), median(values[1::2])
    return max(one, other) / min(one, other) - 1


def _medians(runs: Sequence[Run]) -> list[float]:
    """Of the frame, by round."""
    return [run.frame.summary.median_ms for run in sorted(runs, key=lambda run: run.round) if run.frame]


def _rss_delta(runs: Sequence[Run]) -> int | None:
    known = [run.memory.rss_delta_bytes for run in runs if run.memory and run.memory.rss_delta_bytes is not None]
    return round(median(known)) if known else None
