"""Verdicts: what makes a run invalid, what only doubtful, and that no invalid one passes."""

import pytest

from benchmarks.record import Validity, Verdict
from benchmarks.run_record import MemoryKind, Run, State
from benchmarks.suite import Band, Budget, Conditions
from benchmarks.verdict import give_verdict
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks.records import CALM, DEVICE, SUITE, record, run

ARTIFACTS = record([run()]).artifacts


def verdict(*runs: Run, **suite: object) -> Verdict:
    return give_verdict(SUITE.model_copy(update=suite), DEVICE, ARTIFACTS, runs)


def test_a_calm_run_is_valid_and_passes() -> None:
    judged = verdict(run())
    assert (judged.validity, judged.reasons, judged.passed) == (Validity.VALID, (), True)


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"failure": "It broke."}, "It broke."),
        ({"series": ()}, "no frame was measured"),
        ({"before": CALM.model_copy(update={"throttled": True})}, "throttled before"),
        ({"after": CALM.model_copy(update={"throttled": True})}, "throttled after"),
        ({"before": CALM.model_copy(update={"foreground": False})}, "not in front"),
        ({"before": CALM.model_copy(update={"low_power": True})}, "low-power mode"),
        ({"before": CALM.model_copy(update={"battery_percent": 5.0})}, "battery was at 5 %"),
    ],
)
def test_what_was_not_measured_well_is_invalid_and_passes_nothing(changes: dict[str, object], reason: str) -> None:
    judged = verdict(run().model_copy(update=changes))
    assert judged.validity is Validity.INVALID and not judged.passed
    assert reason in judged.reasons[0]


@pytest.mark.parametrize(
    ("made", "reason"),
    [
        (run([10.0] * 4 + [20.0] * 4), "dispersion of frames is 67% of their median"),
        (run([10.0] * 4 + [11.9] * 4), "drifted by \\+19%"),
        (run(before=None), "state before is not known"),
        (run(before=CALM.model_copy(update={"load": 1.5})), "kept 1.5 processors busy"),
        (run(before=CALM.model_copy(update={"load": None})), "other work is not known"),
        (run(before=CALM.model_copy(update={"temperature_celsius": 60.0})), "60 degrees"),
    ],
)
def test_other_conditions_than_asked_are_semi_valid(made: Run, reason: str) -> None:
    judged = verdict(made)
    assert judged.validity is Validity.SEMI_VALID and judged.passed
    assert any(reason.replace("\\", "") in each for each in judged.reasons)


def test_the_worst_reason_comes_first() -> None:
    judged = verdict(run(before=None), run(round=2, failure="It broke."))
    assert judged.validity is Validity.INVALID
    assert "It broke." in judged.reasons[0] and "not known" in judged.reasons[1]


def test_a_governor_that_is_asked_for_must_be_known() -> None:
    asked = Conditions(governors=("performance",))
    assert "are not known" in verdict(run(), conditions=asked).reasons[0]
    saving = run(before=State(load=0.0, governors=("powersave", "performance")))
    assert "governed by powersave" in verdict(saving, conditions=asked).reasons[0]


def test_nothing_measured_is_invalid() -> None:
    assert verdict().validity is Validity.INVALID


def test_outputs_that_nobody_compared_do_not_pass() -> None:
    judged = verdict(run(parity=None))
    assert judged.validity is Validity.VALID and not judged.passed


@pytest.mark.parametrize(("least", "most", "passes"), [(8, 12, True), (11, 12, False), (5, 9, False)])
def test_a_band_of_this_device_decides(least: float, most: float, passes: bool) -> None:
    band = Band(device="Test*", target=Target.ONNX, precision=Precision.FP32, threads=2, least_ms=least, most_ms=most)
    assert verdict(run(), bands=(band,)).passed is passes
    elsewhere = band.model_copy(update={"device": "Phone*"})
    assert verdict(run(), bands=(elsewhere,)).passed


def test_each_number_has_a_budget_of_its_own() -> None:
    assert verdict(run(), budget=Budget(rss_delta_bytes=37_000_000, file_bytes=37_000_000)).passed
    judged = verdict(run(), budget=Budget(rss_delta_bytes=29_000_000, file_bytes=37_000_000))
    assert [check.what for check in judged.checks if not check.held] == [
        "onnx fp32: RSS delta 30.0 MB, budget 29.0 MB."
    ]
    unknown = run(memory=None)
    assert not verdict(unknown, budget=Budget(rss_delta_bytes=37_000_000)).passed
    assert MemoryKind.RSS in [each.memory.kind for each in (run(),) if each.memory]


def test_a_long_story_is_cut_not_refused() -> None:
    judged = verdict(run().model_copy(update={"failure": "It broke. " + "x" * 990}))
    assert judged.validity is Validity.INVALID and len(judged.reasons[0]) == 1000
