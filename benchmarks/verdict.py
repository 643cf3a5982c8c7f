"""The verdict on a record: whether its measurement can be believed, and whether its figures are good enough.

This is the only place that gives one, for records of hosts, boards and phones alike.

Invalid: something was not measured, or the device limited itself. Semi-valid: measured, but not under the conditions of
the suite, or that is not known. Checks (parity, budgets, expected bands) are independent of that; an invalid record
passes none of them.
"""

from collections.abc import Iterator, Sequence

from benchmarks.budget import budget_checks
from benchmarks.record import ArtifactSizes, Check, Validity, Verdict
from benchmarks.run_record import Device, Run, Series, State
from benchmarks.suite import Conditions, Suite
from dmvton_mobile.errors import printable

Finding = tuple[Validity, str]


def give_verdict(suite: Suite, device: Device, artifacts: Sequence[ArtifactSizes], runs: Sequence[Run]) -> Verdict:
    """Gives the verdict on what was measured; its reasons come worst first."""
    findings = [(Validity.INVALID, "Nothing was measured.")] if not runs else []
    for run in runs:
        findings += [(validity, f"{run.title}: {reason}") for validity, reason in _run_findings(suite, run)]
    best_first = list(Validity)
    findings.sort(key=lambda finding: -best_first.index(finding[0]))
    validity = findings[0][0] if findings else Validity.VALID
    checks = [*_parity_checks(runs), *budget_checks(suite.budget, artifacts, runs), *_band_checks(suite, device, runs)]
    return Verdict(
        validity=validity,
        reasons=tuple(printable(reason) for _, reason in findings),
        checks=tuple(checks),
        passed=validity is not Validity.INVALID and all(check.held for check in checks),
    )


def _run_findings(suite: Suite, run: Run) -> Iterator[Finding]:
    if run.failure is not None:
        yield Validity.INVALID, run.failure
    frame = run.frame
    if frame is None:
        yield Validity.INVALID, "no frame was measured."
    elif len(frame.samples_ms) < suite.frame.min_runs:
        yield Validity.INVALID, f"{len(frame.samples_ms)} frames of the {suite.frame.min_runs} that the suite requires."
    else:
        yield from _series_findings(suite.conditions, frame)
    for when, state in (("before", run.before), ("after", run.after)):
        if state is None:
            yield Validity.SEMI_VALID, f"the device's state {when} is not known."
        else:
            yield from _state_findings(suite.conditions, state, when)


def _series_findings(conditions: Conditions, frame: Series) -> Iterator[Finding]:
    summary, most = frame.summary, conditions.max_dispersion
    if most is not None and summary.dispersion > most:
        yield (
            Validity.SEMI_VALID,
            f"the dispersion of frames is {summary.dispersion:.0%} of their median; the suite allows {most:.0%}.",
        )
    most = conditions.max_drift
    if most is not None and summary.drift is not None and abs(summary.drift) > most:
        yield (
            Validity.SEMI_VALID,
            f"frames drifted by {summary.drift:+.0%} from first to last; the suite allows {most:.0%}.",
        )


def _state_findings(conditions: Conditions, state: State, when: str) -> Iterator[Finding]:
    if state.throttled:
        yield Validity.INVALID, f"the device was throttled {when} the run: let it cool down."
    if state.foreground is False:
        yield Validity.INVALID, f"the app was not in front {when} the run."
    if state.low_power:
        yield Validity.INVALID, f"the device was in its low-power mode {when} the run."
    battery, least = state.battery_percent, conditions.min_battery_percent
    if battery is not None and least is not None and battery < least:
        yield Validity.INVALID, f"the battery was at {battery:g} % {when} the run; the suite requires {least:g} %."
    if when == "before":  # afterwards the run itself has warmed the device and kept it busy
        yield from _findings_before(conditions, state)


def _findings_before(conditions: Conditions, state: State) -> Iterator[Finding]:
    most = conditions.max_load
    if most is not None and (state.load is None or state.load > most):
        busy = "is not known" if state.load is None else f"kept {state.load:.1f} processors busy"
        yield Validity.SEMI_VALID, f"other work {busy}; the suite allows {most:g}."
    celsius, most = state.temperature_celsius, conditions.max_temperature_celsius
    if celsius is not None and most is not None and celsius > most:
        yield Validity.SEMI_VALID, f"the device was at {celsius:.0f} degrees; the suite allows {most:g}."
    if conditions.governors is not None:
        if state.governors is None:
            yield Validity.SEMI_VALID, "the governors of the processors' clocks are not known."
        elif others := sorted(set(state.governors) - set(conditions.governors)):
            yield Validity.SEMI_VALID, f"processors were governed by {', '.join(others)}."


def _parity_checks(runs: Sequence[Run]) -> Iterator[Check]:
    for run in runs:
        if run.round == 1:
            worst = min((each.psnr_db for each in run.parity or () if each.psnr_db is not None), default=None)
            figure = "" if worst is None else f" (worst {worst:.1f} dB)"
            yield Check(
                what=f"{run.title}: the frame's outputs are the bundle's{figure}.",
                held=None if run.parity is None else True,
            )


def _band_checks(suite: Suite, device: Device, runs: Sequence[Run]) -> Iterator[Check]:
    for band in suite.bands:
        if not band.is_for((device.name, device.model, device.processor)):
            continue
        for run in runs:
            if run.key == (band.target, band.precision, band.threads) and run.frame:
                median = run.frame.summary.median_ms
                yield Check(
                    what=f"{run.title}: a frame takes {median:.1f} ms, expected from {band.least_ms:g} to "
                    f"{band.most_ms:g}.",
                    held=band.least_ms <= median <= band.most_ms,
                )
