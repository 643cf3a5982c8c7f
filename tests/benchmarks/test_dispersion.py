"""The dispersion has one name; suites that call its bound `max_spread`, as version 0.1 did, are still read."""

import json
from pathlib import Path

import jsonschema
import pytest

from benchmarks.devices.phone import AppJob
from benchmarks.suite import Conditions, Suite, load_suite
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import parse_record, record_json

OLD_JOB = Path(__file__).parents[1] / "golden" / "apps" / "job.json"
SUITE = "name: mine\ndescription: Mine.\nframe: {min_runs: 5}\n"


def test_a_suite_of_an_earlier_version(tmp_path: Path) -> None:
    old, new = tmp_path / "old.yaml", tmp_path / "new.yaml"
    old.write_text(SUITE + "conditions: {max_spread: 0.2, max_drift: null}\n")
    new.write_text(SUITE + "conditions: {max_dispersion: 0.2, max_drift: null}\n")
    assert load_suite(old)[0] == load_suite(new)[0]
    assert load_suite(old)[0].conditions == Conditions(max_dispersion=0.2, max_drift=None)
    old.write_text(SUITE + "conditions: {max_spread: 0.2, max_dispersion: 0.3}\n")
    with pytest.raises(DmvtonError, match="conditions"):
        load_suite(old)


def test_the_published_schema_has_the_former_name_too() -> None:
    schema = Suite.model_json_schema()
    assert schema["$defs"]["Conditions"]["properties"]["max_spread"]["deprecated"]
    jsonschema.validate(json.loads(OLD_JOB.read_text())["suite"]["conditions"], schema["$defs"]["Conditions"])


def test_the_job_of_an_app_keeps_the_name_of_the_apps_contract() -> None:
    job = parse_record(OLD_JOB.read_bytes(), AppJob, "job.json", DmvtonError)
    assert job.suite.conditions.max_dispersion == 0.3
    assert json.loads(record_json(job))["suite"]["conditions"]["max_spread"] == 0.3
