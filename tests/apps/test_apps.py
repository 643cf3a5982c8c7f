"""The apps' kits, built and tested by their own compilers; the records that they make, and a picture."""

import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path

import jsonschema
import numpy as np
import pytest

from benchmarks.record import AppRecord, BenchmarkRecord, SuiteMeasurements, read_app_record
from benchmarks.report.page import page_html
from benchmarks.run_record import DeviceKind
from benchmarks.verdict import give_verdict
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.imaging.window import person_window
from tests.apps.scene import record_scene
from tests.benchmarks import records

CI = Path(__file__).parents[2] / ".ci"
KINDS = {"android": DeviceKind.ANDROID, "ios": DeviceKind.IOS}

pytestmark = pytest.mark.apps


@dataclass(frozen=True)
class Made:
    """What a platform's tests leave: the record of a run with a fake runtime, as read and as written, and the example
    photo with a garment on. answer: Python's."""

    platform: str
    record: AppRecord
    written: dict
    picture: Pixels
    answer: Pixels


@pytest.fixture(scope="module", params=KINDS)
def made(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Made:
    platform = str(request.param)
    record, scene = tmp_path_factory.mktemp(platform), tmp_path_factory.mktemp("scene")
    answer = record_scene(scene)
    environment = {**os.environ, "DMVTON_RECORD": str(record), "DMVTON_SCENE": str(scene)}
    ran = subprocess.run(
        [CI / f"apps-{platform}", "test"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, ran.stdout[-4000:] + ran.stderr[-4000:]
    (file,) = record.glob("*.json")
    picture = np.fromfile(scene / f"{platform}.rgb", np.uint8).reshape(answer.shape)
    return Made(platform, read_app_record(file), json.loads(file.read_bytes()), picture, answer)


def test_an_apps_record_holds_the_published_schema(made: Made) -> None:
    jsonschema.validate(made.written, AppRecord.model_json_schema())
    assert made.record.device.kind is KINDS[made.platform]
    assert all(run.failure is None and run.frame is not None for run in made.record.runs)


def test_it_stands_beside_a_hosts(made: Made) -> None:
    app = made.record
    measured = {name: getattr(app, name) for name in SuiteMeasurements.model_fields}
    verdict = give_verdict(records.SUITE, app.device, app.artifacts, app.runs)
    page = page_html(
        [records.record([records.run()]), BenchmarkRecord.model_validate({**measured, "verdict": verdict})]
    )
    model = app.device.model
    assert model is not None and model in page and "Test CPU" in page


def test_it_composes_the_example_photo_as_python_does(made: Made) -> None:
    difference = np.abs(made.picture.astype(int) - made.answer.astype(int))
    assert (difference <= 1).mean() >= 0.999 and difference.max() <= 3
    window = person_window(*made.answer.shape[:2])
    assert 0 < window.left and window.height == made.answer.shape[0]
    assert not difference[:, : window.left].any() and not difference[:, window.left + window.width :].any()
