"""The RSS delta has one name; files that call it `growth_bytes`, as version 0.1 did, are still read."""

import json
from pathlib import Path

import jsonschema
import pytest

from benchmarks.devices.phone import AppJob
from benchmarks.record import BenchmarkRecord, read_record
from benchmarks.run_record import Memory, MemoryKind
from benchmarks.suite import Budget, load_suite
from dmvton_mobile.bundles.recommendation import PrecisionFigures
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import parse_record, record_json

ROOT = Path(__file__).parents[2]
OLD_RECORD = ROOT / "tests" / "golden" / "records" / "footprint-0.1.json"
OLD_JOB = ROOT / "tests" / "golden" / "apps" / "job.json"
OLD_FIGURES = {
    "precision": "int8",
    "file_bytes": 10,
    "download_bytes": 9,
    "frame_ms": 1.5,
    "latency_ratio": 0.5,
    "growth_bytes": 30_000_000,
    "kernels": None,
}


def test_it_is_the_peak_beyond_the_bare_process() -> None:
    memory = Memory(kind=MemoryKind.RSS, bare_bytes=40, loaded_bytes=60, peak_bytes=70)
    assert memory.rss_delta_bytes == 30
    assert memory.model_copy(update={"peak_bytes": None}).rss_delta_bytes is None


def test_a_suite_of_an_earlier_version(tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text("name: mine\ndescription: Mine.\nframe: {min_runs: 5}\nbudget: {growth_bytes: 37MB}\n")
    suite, _ = load_suite(file)
    assert suite.budget == Budget(rss_delta_bytes=37_000_000)
    file.write_text(file.read_text().replace("{growth", "{rss_delta_bytes: 1MB, growth"))
    with pytest.raises(DmvtonError, match="budget"):
        load_suite(file)


def test_a_record_of_an_earlier_version() -> None:
    assert '"growth_bytes"' in OLD_RECORD.read_text()
    record = read_record(OLD_RECORD)
    assert record.suite.budget.rss_delta_bytes == 37_000_000
    assert '"growth_bytes"' not in record_json(record)
    schema = BenchmarkRecord.model_json_schema()
    jsonschema.validate(json.loads(OLD_RECORD.read_text()), schema)
    assert schema["$defs"]["Budget"]["properties"]["growth_bytes"]["deprecated"]


def test_advice_in_a_manifest_of_an_earlier_version() -> None:
    figures = PrecisionFigures.model_validate_json(json.dumps(OLD_FIGURES), strict=True)
    assert figures.rss_delta_bytes == 30_000_000
    assert PrecisionFigures.model_validate_json(figures.model_dump_json()) == figures


def test_the_job_of_an_app_keeps_the_name_of_the_apps_contract() -> None:
    job = parse_record(OLD_JOB.read_bytes(), AppJob, "job.json", DmvtonError)
    assert job.suite.budget.rss_delta_bytes == 37_000_000
    assert json.loads(record_json(job)) == json.loads(OLD_JOB.read_bytes())
