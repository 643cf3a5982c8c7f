"""Whether a record is to be believed, and whether what it says is good enough.

Invalid: something was not measured, or the device held itself back. Semi-valid: measured, but not under the conditions
that the suite asks, or nobody knows whether. Checks (parity, budgets, expected bands) are apart from that, and an
invalid run passes none.
"""

from collections.abc import Iterator, Sequence

from benchmarks.budget import budget_checks
from benchmarks.record import Artifacts, Check, Device, Run, Series, State, Validity, Verdict
from benchmarks.suite import Conditions, Suite
from dmvton_mobile.errors import plain

Finding = tuple[Validity, str]


def judge(suite: Suite, device: Device, artifacts: Sequence[Artifacts], runs: Sequence[Run]) -> Verdict:
    """The verdict on what was measured. Reasons come worst first."""
    found = [(Validity.INVALID, "Nothing was measured.")] if not runs else []
    for run in runs:
        found += [(validity, f"{run.title}: {reason}") for validity, reason in _findings(suite, run)]
    order = list(Validity)
    found.sort(key=lambda finding: -order.index(finding[0]))
    validity = found[0][0] if found else Validity.VALID
    checks = [*_parity_checks(runs), *budget_checks(suite.budget, artifacts, runs), *_band_checks(suite, device, runs)]
    return Verdict(
        validity=validity,
        reasons=tuple(plain(reason) for _, reason in found),
        checks=tuple(checks),
        passed=validity is not Validity.INVALID and all(check.held for check in checks),
    )


def _findings(suite: Suite, run: Run) -> Iterator[Finding]:
    if run.failure is not None:
        yield Validity.INVALID, run.failure
    frame = run.frame
    if frame is None:
        yield Validity.INVALID, "no frame was measured."
    elif len(frame.samples_ms) < suite.frame.min_runs:
        yield Validity.INVALID, f"{len(frame.samples_ms)} frames of the {suite.frame.min_runs} that the suite asks for."
    else:
        yield from _unsteady(suite.conditions, frame)
    for when, state in (("before", run.before), ("after", run.after)):
        if state is None:
            yield Validity.SEMI_VALID, f"the device's state {when} is not known."
        else:
            yield from _conditions(suite.conditions, state, when)


def _unsteady(asked: Conditions, frame: Series) -> Iterator[Finding]:
    summary = frame.summary
    if asked.max_spread is not None and summary.spread > asked.max_spread:
        yield (
            Validity.SEMI_VALID,
            f"frames spread by {summary.spread:.0%} of their median; the suite takes {asked.max_spread:.0%}.",
        )
    if asked.max_drift is not None and summary.drift is not None and abs(summary.drift) > asked.max_drift:
        yield (
            Validity.SEMI_VALID,
            f"frames drifted by {summary.drift:+.0%} from first to last; the suite takes {asked.max_drift:.0%}.",
        )


def _conditions(asked: Conditions, state: State, when: str) -> Iterator[Finding]:
    if state.throttled:
        yield Validity.INVALID, f"the device held itself back {when} the run: let it cool down."
    if state.foreground is False:
        yield Validity.INVALID, f"the app was not in front {when} the run."
    if state.low_power:
        yield Validity.INVALID, f"the device was in its low-power mode {when} the run."
    battery, least = state.battery_percent, asked.min_battery_percent
    if battery is not None and least is not None and battery < least:
        yield Validity.INVALID, f"the battery was at {battery:g} % {when} the run; the suite asks for {least:g} %."
    if when == "after":  # what the run itself warms and keeps busy
        return
    if asked.max_load is not None and (state.load is None or state.load > asked.max_load):
        busy = "is not known" if state.load is None else f"kept {state.load:.1f} processors busy"
        yield Validity.SEMI_VALID, f"other work {busy}; the suite takes {asked.max_load:g}."
    heat, most = state.temperature_celsius, asked.max_temperature_celsius
    if heat is not None and most is not None and heat > most:
        yield Validity.SEMI_VALID, f"the device was at {heat:.0f} degrees; the suite takes {most:g}."
    if asked.governors is not None:
        if state.governors is None:
            yield Validity.SEMI_VALID, "how the processors' clock is governed is not known."
        elif others := sorted(set(state.governors) - set(asked.governors)):
            yield Validity.SEMI_VALID, f"processors were governed by {', '.join(others)}."


def _parity_checks(runs: Sequence[Run]) -> Iterator[Check]:
    for run in runs:
        if run.round == 1:
            worst = min((each.psnr_db for each in run.parity or () if each.psnr_db is not None), default=None)
            said = "" if worst is None else f" (worst {worst:.1f} dB)"
            yield Check(
                what=f"{run.title}: the frame's outputs are the bundle's{said}.",
                held=None if run.parity is None else True,
            )


def _band_checks(suite: Suite, device: Device, runs: Sequence[Run]) -> Iterator[Check]:
    for band in suite.bands:
        if not band.is_for((device.name, device.model, device.processor)):
            continue
        for run in runs:
            if (run.target, run.precision, run.threads) == (band.target, band.precision, band.threads) and run.frame:
                median = run.frame.summary.median_ms
                yield Check(
                    what=f"{run.title}: a frame takes {median:.1f} ms, expected from {band.least_ms:g} to "
                    f"{band.most_ms:g}.",
                    held=band.least_ms <= median <= band.most_ms,
                )
