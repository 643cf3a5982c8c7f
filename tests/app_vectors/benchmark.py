"""Section 6: statistics, verdict, job and record."""

from typing import Any

import numpy as np
from pydantic import JsonValue

from benchmarks.devices.phone import AppArtifacts, AppJob
from benchmarks.record import ArtifactSizes
from benchmarks.run_record import Device, DeviceKind, MemoryKind, Mode, Run
from benchmarks.statistics import Summary, summarise
from benchmarks.suite import Band, Budget, Conditions, Suite, Until
from benchmarks.verdict import give_verdict
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Precision, Target
from tests.app_vectors.cases import Case
from tests.benchmarks import records


def statistics() -> list[Case]:
    random = np.random.default_rng(5)
    asked = [[5.0], [1.0, 2.0], [3.0, 1.0, 2.0], [float(value) for value in range(1, 8)]]
    asked += [[round(float(value), 3) for value in random.gamma(9, 1, count)] for count in (8, 11, 100)]
    return [{"samples_ms": list(samples), **_named_for_apps(summarise(samples))} for samples in asked]


def _named_for_apps(summary: Summary) -> Case:
    """With the key of the apps' contract, which calls the dispersion `spread`."""
    values = summary.model_dump()
    values["spread"] = values.pop("dispersion")
    return values


def verdicts() -> list[Case]:
    """What must be the same: validity, passed, and which checks hold, in order."""
    state = records.CALM
    drifting = [10.0] * 12 + [12.0] * 4  # by a fifth; the dispersion is within what is allowed
    asked: list[tuple[str, list[Run]]] = [
        ("well", [_run(1), _run(2)]),
        ("nothing", []),
        ("failed", [_run(1), _run(2, failure="The runtime refused it.")]),
        ("throttled", [_run(1), _run(2, after=state.model_copy(update={"throttled": True}))]),
        ("behind", [_run(1, before=state.model_copy(update={"foreground": False})), _run(2)]),
        ("low_power", [_run(1, before=state.model_copy(update={"low_power": True})), _run(2)]),
        ("empty_battery", [_run(1, before=state.model_copy(update={"battery_percent": 39.0})), _run(2)]),
        ("warm_before", [_run(1, before=state.model_copy(update={"temperature_celsius": 41.0})), _run(2)]),
        ("warm_after", [_run(1, after=state.model_copy(update={"temperature_celsius": 41.0})), _run(2)]),
        ("load_unknown", [_run(1, before=state.model_copy(update={"load": None})), _run(2)]),
        ("state_unknown", [_run(1, after=None), _run(2)]),
        ("spread", [_run(1, [10.0] * 7 + [30.0] * 3), _run(2)]),
        ("drifting", [_run(1, drifting), _run(2)]),
        ("drifting_down", [_run(1, drifting[::-1]), _run(2)]),
        ("too_few", [_run(1, [10.0] * 7), _run(2)]),
        ("no_frames", [_run(1, series=()), _run(2)]),
        ("no_parity", [_run(1, parity=None), _run(2)]),
        ("slow", [_run(1, 21.0), _run(2)]),
        ("too_large", [_run(1, memory=_memory(80_000_000)), _run(2)]),
        ("memory_unknown", [_run(1, memory=None), _run(2, memory=None)]),
    ]
    cases: list[Case] = []
    for name, runs in asked:
        verdict = give_verdict(_suite(), _device(), [_artifacts()], runs)
        cases.append(
            {
                "name": name,
                "runs": [run.model_dump(mode="json") for run in runs],
                "artifacts": [_artifacts().model_dump(mode="json")],
                "device": _device().model_dump(mode="json"),
                "validity": verdict.validity,
                "passed": verdict.passed,
                "held": [check.held for check in verdict.checks],
            }
        )
    return cases


def job() -> AppJob:
    return AppJob(
        suite=_suite(),
        suite_sha256="5" * 64,
        bundle="bundle.dmvton",
        bundle_name="good.dmvton",
        pairs=(AppArtifacts(target=Target.TFLITE, precision=Precision.FP16),),
        device="adb:PHONE",
    )


def record() -> JsonValue:
    """Complete, with a series in every mode and nulls; without a verdict, and with the names of the apps' contract."""
    camera = records.series([9.0] * 8, Mode.CAMERA).model_copy(update={"period_ms": 33.3})
    garment = records.series([30.0] * 3, Mode.STEADY, Component.GARMENT_ENCODER)
    first = _run(1)
    unsure = tuple(load.model_copy(update={"cold": None}) for load in first.loads)
    runs = [
        first.model_copy(update={"series": (garment, *first.series, camera)}),
        _run(2, affinity=None, before=None, loads=unsure),
    ]
    asked = job()
    made = records.record(runs, asked.suite)
    update = {
        "suite": made.suite.model_copy(update={"sha256": asked.suite_sha256}),
        "device": _device(),
        "agent": "app 1",
        "artifacts": (_artifacts(),),
    }
    values: dict[str, Any] = made.model_copy(update=update).model_dump(mode="json", exclude={"verdict"})
    values["suite"]["budget"]["growth_bytes"] = values["suite"]["budget"].pop("rss_delta_bytes")
    return values


def _suite() -> Suite:
    """With every kind of condition and check."""
    return Suite(
        name="phones",
        description="For tests.",
        threads=(2,),
        rounds=2,
        frame=Until(min_runs=8),
        conditions=Conditions(max_temperature_celsius=40, min_battery_percent=40),
        budget=Budget(parameters_bytes=37_000_000, file_bytes=37_000_000, rss_delta_bytes=37_000_000),
        bands=(
            Band(device="Test*", target=Target.TFLITE, precision=Precision.FP16, threads=2, least_ms=5, most_ms=20),
            Band(device="Other*", target=Target.TFLITE, precision=Precision.FP16, threads=2, least_ms=50, most_ms=60),
        ),
    )


def _device() -> Device:
    return Device(kind=DeviceKind.ANDROID, name="adb:PHONE", model="Test Phone 3", cores=8)


def _run(number: int = 1, frame_ms: float | list[float] = 10.0, **changes: object) -> Run:
    made = records.run(frame_ms, number)
    assert made.memory is not None
    memory = made.memory.model_copy(update={"kind": MemoryKind.PSS})
    update = {"target": Target.TFLITE, "precision": Precision.FP16, "memory": memory, **changes}
    return made.model_copy(update=update)


def _artifacts() -> ArtifactSizes:
    return ArtifactSizes(
        target=Target.TFLITE,
        precision=Precision.FP16,
        parameters_bytes=2_900_000,
        file_bytes=3_000_000,
        download_bytes=2_700_000,
    )


def _memory(peak_bytes: int) -> object:
    memory = _run().memory
    assert memory is not None
    return memory.model_copy(update={"peak_bytes": peak_bytes})
