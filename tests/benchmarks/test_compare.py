"""The gate: what is slower is caught, noise is called noise, records of different things are refused."""

from datetime import timedelta
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
from typer.testing import CliRunner

from benchmarks.compare import Outcome, compare, junit_xml
from benchmarks.record import BenchmarkRecord, RecordError, write_record
from dmvton_mobile.cli.main import app
from dmvton_mobile.errors import DmvtonError
from tests.benchmarks.records import STARTED, SUITE, record, rounds, run

BOUND = 0.05


def frame(base: BenchmarkRecord, new: BenchmarkRecord) -> Outcome:
    return next(each.outcome for each in compare(base, new, BOUND) if each.figure == "frame")


def in_turns(factor: float, seed: int) -> tuple[BenchmarkRecord, BenchmarkRecord]:
    """Ten rounds on a machine that is now fast, now slow; each turn is off by two per cent of its own."""
    random = np.random.default_rng(seed)
    machine = 10 * random.choice([1.0, 1.5], 10)
    own = random.normal(1, 0.02, (2, 10))
    base, new = machine * own[0], machine * own[1] * factor
    return rounds(base.tolist()), rounds(new.tolist())


@pytest.mark.parametrize("seed", range(20))
def test_turns_see_through_a_machine_that_changes_its_pace(seed: int) -> None:
    assert frame(*in_turns(1.0, seed)) is Outcome.SAME
    assert frame(*in_turns(1.1, seed)) is Outcome.WORSE
    assert frame(*in_turns(1 / 1.1, seed)) is Outcome.BETTER


def test_runs_of_one_thing_that_differ_are_unstable() -> None:
    wild = rounds([10, 13, 10, 13, 10, 13])
    assert frame(rounds([10] * 6), wild) is Outcome.UNSTABLE
    apart = record(wild.runs, started_at=STARTED + timedelta(hours=1))
    assert frame(rounds([10] * 6), apart) is Outcome.UNSTABLE


def test_few_rounds_say_nothing() -> None:
    assert frame(rounds([10] * 3), rounds([10] * 3)) is Outcome.UNSTABLE


def test_sessions_apart_are_compared_by_their_medians() -> None:
    base = rounds([10, 10.1, 10, 10.1])
    later = record(rounds([11, 11.1, 11, 11.1]).runs, started_at=STARTED + timedelta(hours=1))
    assert frame(base, later) is Outcome.WORSE
    assert frame(base, record(base.runs, started_at=STARTED + timedelta(hours=1))) is Outcome.SAME


def test_memory_and_download_are_gated_too() -> None:
    base = rounds([10] * 4)
    memory = base.runs[0].memory
    assert memory
    more = memory.model_copy(update={"peak_bytes": memory.bare_bytes + 40_000_000})
    new = record([each.model_copy(update={"memory": more}) for each in base.runs])
    artifacts = base.artifacts[0].model_copy(update={"download_bytes": 2_900_000})
    found = {
        each.figure: each.outcome for each in compare(base, new.model_copy(update={"artifacts": (artifacts,)}), BOUND)
    }
    assert found == {"frame": Outcome.SAME, "RSS delta": Outcome.WORSE, "download": Outcome.WORSE}


def test_what_is_gone_is_missing() -> None:
    base = rounds([10] * 4)
    gone = record([each.model_copy(update={"threads": 4}) for each in base.runs])
    assert frame(base, gone) is Outcome.MISSING


def test_unlike_records_are_refused() -> None:
    base = rounds([10] * 4)
    other_suite = base.suite.model_copy(update={"sha256": "c" * 64})
    with pytest.raises(DmvtonError, match="different suites"):
        compare(base, base.model_copy(update={"suite": other_suite}), BOUND)
    elsewhere = base.device.model_copy(update={"processor": "Other CPU"})
    with pytest.raises(DmvtonError, match="different devices, Test CPU and Other CPU"):
        compare(base, base.model_copy(update={"device": elsewhere}), BOUND)
    with pytest.raises(RecordError, match="NEW is invalid: .*It broke"):
        compare(base, record([run(failure="It broke.")], SUITE), BOUND)


def test_the_command_ends_with_1_and_writes_junit(tmp_path: Path) -> None:
    base, slower = in_turns(1.1, 0)
    write_record(base, tmp_path / "base.json")
    write_record(slower, tmp_path / "new.json")
    names = [str(tmp_path / name) for name in ("base.json", "new.json")]
    junit = tmp_path / "gate.xml"
    done = CliRunner().invoke(app, ["bench", "compare", *names, "--max-regression", "5%", "--junit", str(junit)])
    assert done.exit_code == 1
    suite = ElementTree.parse(junit).getroot()
    assert (suite.get("failures"), suite.get("errors"), suite.get("tests")) == ("1", "0", "3")
    same = CliRunner().invoke(app, ["bench", "compare", names[0], names[0]])
    assert same.exit_code == 0 and "No regression" in same.output
    wrong = CliRunner().invoke(app, ["bench", "compare", *names, "--max-regression", "much"])
    assert wrong.exit_code == 2


def test_noise_is_an_error_in_junit() -> None:
    found = compare(rounds([10] * 6), rounds([10, 13, 10, 13, 10, 13]), BOUND)
    assert ElementTree.fromstring(junit_xml(found)).get("errors") == "1"
