"""The apps' kits, built and tested by their own compilers, and the records that they make."""

import json
import os
import subprocess
from pathlib import Path

import jsonschema
import pytest

from benchmarks.record import BenchmarkRecord, DeviceKind, read_record
from benchmarks.report.page import page_html
from tests.benchmarks import records

CI = Path(__file__).parents[2] / ".ci"
KINDS = {"android": DeviceKind.ANDROID, "ios": DeviceKind.IOS}

pytestmark = pytest.mark.apps


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[str, BenchmarkRecord, dict]:
    """The platform; the record that its tests made of a run with a fake runtime, as read and as written."""
    platform = str(request.param)
    folder = tmp_path_factory.mktemp(platform)
    environment = {**os.environ, "DMVTON_RECORD": str(folder)}
    ran = subprocess.run(
        [CI / f"apps-{platform}", "test"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    (file,) = folder.glob("*.json")
    return platform, read_record(file), json.loads(file.read_bytes())


def test_an_apps_record_holds_the_published_schema(made: tuple[str, BenchmarkRecord, dict]) -> None:
    platform, record, written = made
    jsonschema.validate(written, BenchmarkRecord.model_json_schema())
    assert record.device.kind is KINDS[platform]
    assert all(run.failure is None and run.frame is not None for run in record.runs)


def test_it_stands_beside_a_hosts(made: tuple[str, BenchmarkRecord, dict]) -> None:
    _, record, _ = made
    page = page_html([records.record([records.run()]), record])
    assert record.device.model is not None and record.device.model in page and "Test CPU" in page
