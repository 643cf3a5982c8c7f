"""What an agent says, and what a device that nobody trusts may say instead: kept whole, or refused in a sentence."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.devices.job import AgentTask
from benchmarks.measure.collector import EventCollector
from benchmarks.measure.events import LONGEST_LINE, AgentFailed
from benchmarks.run_record import MAX_SAMPLES, Mode
from benchmarks.suite import Suite, Until
from dmvton_mobile.bundles.bundle import read_bundle
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Precision, Target
from tests.bundles.made import make_bundle

SAMPLES = {"component": "tryon", "mode": "steady", "warmup_runs": 3, "period_ms": None}
FACTS = {"model": None, "processor": "CPU", "abi": "aarch64", "cores": 4, "memory_bytes": 2**30, "system": "Linux"}
START = {"event": "start", "agent": "python 1", "device": FACTS, "affinity": [0, 1]}


@pytest.fixture
def task(tmp_path: Path) -> AgentTask:
    bundle = read_bundle(make_bundle(tmp_path / "test.dmvton"))
    suite = Suite(name="test", description="For tests.", frame=Until(min_runs=2))
    return AgentTask(bundle, Target.TFLITE, Precision.FP16, 2, 1, suite)


@pytest.fixture
def collector() -> EventCollector:
    return EventCollector()


def line(event: str, **values: object) -> bytes:
    return json.dumps({"event": event, **values}).encode()


def samples(started_ms: object, samples_ms: object, **changes: object) -> bytes:
    return line("samples", started_ms=started_ms, samples_ms=samples_ms, **{**SAMPLES, **changes})


def test_events_make_a_run(collector: EventCollector, task: AgentTask) -> None:
    memory = {"kind": "rss", "bare_bytes": 10, "loaded_bytes": 20, "peak_bytes": 30}
    told = [
        json.dumps(START).encode(),
        b"INFO: Created TensorFlow Lite XNNPACK delegate for CPU.",
        line("versions", versions={"python": "3.13.5"}),
        line("load", component="tryon", cold=True, first_load_ms=5.0, first_run_ms=2.0),
        line("memory", **memory),
        line("outputs", names=["tryon"]),
        samples([0.0, 1.5], [1.5, 1.25]),
        samples([2.75], [1.0]),
        line("warm_load", component="tryon", warm_load_ms=3.0),
        line("end"),
    ]
    for each in told:
        collector.add(each + b"\r\n")
    run = task.run(collector)
    assert run.failure is None and collector.outputs_written and run.affinity == (0, 1)
    series = run.find(Component.TRYON, Mode.STEADY)
    assert series is not None and series.samples_ms == (1.5, 1.25, 1.0) and series.started_ms == (0.0, 1.5, 2.75)
    assert run.loads[0].warm_load_ms == 3.0
    assert run.memory is not None and run.memory.loaded_bytes == 20 and run.memory.peak_bytes == 30


def test_an_end_that_was_not_said_is_a_failure(collector: EventCollector, task: AgentTask) -> None:
    collector.add(samples([0.0], [1.0]))
    run = task.run(collector)
    assert run.failure == "The agent ended before it had measured everything."
    assert run.series


def test_what_the_agent_says_of_its_failure_comes_first_and_is_cut(collector: EventCollector, task: AgentTask) -> None:
    collector.add(line("failed", message="x" * 100_000))
    assert task.run(collector, "Its process ended with 1.").failure == "x" * 1000


def test_a_line_without_an_end_is_refused_unread(collector: EventCollector) -> None:
    with pytest.raises(AgentFailed, match=f"no event has more than {LONGEST_LINE}"):
        collector.add(b'{"event": "failed", "message": "' + b"x" * LONGEST_LINE)


def test_chatter_is_not_kept(collector: EventCollector, task: AgentTask) -> None:
    for chatter in (b"", b"\n", b"\xff\xfe\x00", b"x" * (2 * LONGEST_LINE), b"[]", b'{"events": 1}'):
        collector.add(chatter)
    assert task.run(collector).series == ()


def _hostile() -> Iterator[tuple[str, bytes]]:
    yield "no JSON", b'{"event": "end"'
    yield "no UTF-8", b'{"event": "failed", "message": "\xff"}'
    yield "deep", b'{"event": ' + b"[" * 100_000
    yield "no event of ours", line("reboot")
    yield "no text", b'{"event": 1}'
    yield "more than is asked", line("end", more=1)
    yield "a text for a number", samples([0.0], ["1.0"])
    yield "a truth for a number", samples([0.0], [True])
    yield "a number for samples", samples(0.0, 1.0)
    yield "negative time", samples([0.0], [-1.0])
    yield "no time", samples([0.0], [0.0])
    yield "not a number", samples([0.0], [float("nan")])
    yield "endless", samples([0.0], [float("inf")])
    yield "beyond a double", b'{"event": "warm_load", "component": "tryon", "warm_load_ms": 1e400}'
    yield "hours", samples([0.0], [1e9])
    yield "unequal lengths", samples([0.0, 1.0], [1.0])
    yield "a chunk too long", samples([0.0] * 1001, [1.0] * 1001)
    yield "a negative count", samples([0.0], [1.0], warmup_runs=-1)
    yield "no component of ours", samples([0.0], [1.0], component="../../etc/passwd")
    yield "no mode of ours", samples([0.0], [1.0], mode="fast")
    yield "a path for an output", line("outputs", names=["../../tryon"])
    yield "a hidden file for an output", line("outputs", names=[".tryon"])
    yield "many outputs", line("outputs", names=["tryon"] * 17)
    yield "a path for a package", line("versions", versions={"a/b": "1"})
    yield "a command for a version", line("versions", versions={"numpy": "1; reboot"})
    yield "many packages", line("versions", versions={f"p{index}": "1" for index in range(101)})
    yield "a long name", line("versions", versions={"a" * 121: "1"})
    yield "a control character for an agent", json.dumps({**START, "agent": "python\x1b[2J"}).encode()
    yield "a control character for a package", line("versions", versions={"a\x1b[2J": "1"})
    yield "a book for a package", line("versions", versions={"a" * 100_000: "1"})
    yield "a control character for a field", line("end", **{"\x1b[2J": 1})
    yield "bytes that nobody has", line("memory", kind="rss", bare_bytes=2**60, loaded_bytes=None, peak_bytes=None)
    yield "a heat that nobody survives", line("state", when="before", temperature_celsius=5000.0)
    yield "a time that is not", line("state", when="during")


@pytest.mark.parametrize("hostile", [pytest.param(sent, id=what) for what, sent in _hostile()])
def test_what_is_no_event_is_refused_and_what_was_measured_stays(
    hostile: bytes, collector: EventCollector, task: AgentTask
) -> None:
    collector.add(samples([0.0], [1.0]))
    with pytest.raises(AgentFailed) as refused:
        collector.add(hostile)
    assert len(str(refused.value)) < 1000 and str(refused.value).isprintable()
    run = task.run(collector, str(refused.value))
    assert run.failure == str(refused.value)
    assert [series.samples_ms for series in run.series] == [(1.0,)]


def test_no_series_fills_the_memory(collector: EventCollector) -> None:
    chunk = samples([0.0] * 1000, [1.0] * 1000)
    for _ in range(MAX_SAMPLES // 1000):
        collector.add(chunk)
    with pytest.raises(AgentFailed, match=f"more than {MAX_SAMPLES} samples"):
        collector.add(samples([0.0], [1.0]))


@pytest.mark.parametrize(
    "starts", [[[-1.0]], [[0.0, 5.0, 4.0]], [[0.0, 5.0], [4.0]], [[1e12]]], ids=["before", "back", "later", "eons"]
)
def test_starts_that_no_clock_gives_are_refused(
    starts: list[list[float]], collector: EventCollector, task: AgentTask
) -> None:
    with pytest.raises(AgentFailed):
        for each in starts:
            collector.add(samples(each, [1.0] * len(each)))
    task.run(collector, "It was refused.")


def test_a_sentence_of_the_agent_cannot_steer_a_terminal(collector: EventCollector, task: AgentTask) -> None:
    collector.add(line("failed", message="no\x1b[2J\x07 way\u202e"))
    failure = task.run(collector).failure
    assert failure is not None and failure.isprintable()
