"""The agent, with a runtime that takes no time: what is open when, what memory counts, what it needs."""

import ast
import io
import json
import subprocess
import sys
import weakref
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.measure.agent import main as agent
from benchmarks.measure.agent.runtimes import RUNTIMES, Arrays, LoadedArtifact
from benchmarks.measure.client import agent_archive
from benchmarks.measure.job import AgentJob

LINUX = Path("/proc/self/status").exists()
MB = 2**20
NEEDED = {"numpy", "ai_edge_litert", "tflite_runtime", "onnxruntime", "torch", "executorch", "coremltools"}
UNTIL = {"min_runs": 3, "min_seconds": 0.0}
ENCODER = {"component": "garment_encoder", "artifact": __file__, "inputs": {}, "outputs": ["features"], "until": UNTIL}
FRAME = {
    "component": "tryon",
    "artifact": __file__,
    "inputs": {"features": None},
    "outputs": ["tryon"],
    "until": UNTIL,
}


class Instant(LoadedArtifact):
    """alive: what was open, by component, each time that one was opened."""

    alive: list[list[str]] = []
    opened: list["weakref.ref[Instant]"] = []

    @staticmethod
    def versions() -> dict[str, str]:
        return {"instant": "1"}

    def __init__(self, spec: dict[str, Any], threads: int):
        super().__init__(spec, threads)
        self.opened.append(weakref.ref(self))
        self.alive.append([each.spec["component"] for ref in self.opened if (each := ref())])

    def set_inputs(self, inputs: Arrays) -> None:
        pass

    def run(self) -> None:
        pass

    def outputs(self) -> Arrays:
        return [np.zeros(1) for _ in self.spec["outputs"]]


class Hungry(Instant):
    """Takes 60 MB for as long as it loads, and 300 MB in every run but the first."""

    def __init__(self, spec: dict[str, Any], threads: int):
        np.ones(60 * MB, np.uint8)
        super().__init__(spec, threads)
        self._runs = 0

    def run(self) -> None:
        if self._runs:
            np.ones(300 * MB, np.uint8)
        self._runs += 1


@pytest.fixture(autouse=True)
def _forget(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Instant, "alive", [])
    monkeypatch.setattr(Instant, "opened", [])


def measure(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    runtime: type[LoadedArtifact] = Instant,
    **changes: object,
) -> list[dict[str, Any]]:
    """The events of a garment encoder and a frame, in place of ONNX Runtime."""
    monkeypatch.setitem(RUNTIMES, "onnx", runtime)
    asked = {"target": "onnx", "threads": 1, "warmup_runs": 1, "components": [ENCODER, FRAME], **changes}
    agent.measure(json.loads(AgentJob.model_validate(asked).model_dump_json()))
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_encoder_is_closed_before_the_frame_is_opened(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events = measure(monkeypatch, capsys)
    assert Instant.alive[:2] == [["garment_encoder"], ["tryon"]]
    assert [event["component"] for event in events if event["event"] == "warm_load"] == ["garment_encoder", "tryon"]


def test_a_job_may_keep_both_open(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    measure(monkeypatch, capsys, keep_open=True)
    assert Instant.alive[:2] == [["garment_encoder"], ["garment_encoder", "tryon"]]


def test_a_component_without_a_series_is_run_once(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events = measure(monkeypatch, capsys, components=[{**ENCODER, "until": None}, FRAME])
    assert [event["component"] for event in events if event["event"] == "load"] == ["garment_encoder", "tryon"]
    assert {event["component"] for event in events if event["event"] == "samples"} == {"tryon"}


def test_frames_at_camera_rate_wait_for_the_camera(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    events = measure(monkeypatch, capsys, camera={"period_ms": 20.0, "seconds": 0.15})
    camera = [event for event in events if event["event"] == "samples" and event["mode"] == "camera"]
    starts = [start for event in camera for start in event["started_ms"]]
    assert 3 <= len(starts) <= 9
    assert all(start >= 20 * number - 0.1 for number, start in enumerate(starts))


@pytest.mark.skipif(not LINUX, reason="/proc is Linux's")
def test_memory_is_that_of_load_and_first_frame() -> None:
    """What was freed before the first frame counts; what later frames take does not, nor what came before."""
    events = measure_hungry([ENCODER, FRAME])
    order = [event["event"] for event in events]
    [memory] = [event for event in events if event["event"] == "memory"]
    assert order[order.index("memory") - 1] == "load" and order[order.index("memory") + 1] == "samples"
    assert memory["kind"] == "rss"
    assert 55 * MB < memory["peak_bytes"] - memory["bare_bytes"]
    alone = measure_hungry([{**ENCODER, "component": "whole"}])
    [memory] = [event for event in alone if event["event"] == "memory"]
    assert 55 * MB < memory["peak_bytes"] - memory["bare_bytes"] < 200 * MB
    assert memory["loaded_bytes"] < memory["bare_bytes"] + 30 * MB


def measure_hungry(components: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The events of `Hungry`, in a process of its own: another's freed memory would serve it unseen."""
    code = (
        "import json, sys, numpy; from benchmarks.measure.agent import main; "
        "from benchmarks.measure.agent.runtimes import RUNTIMES; "
        "from tests.benchmarks.measure.test_agent import Hungry; "
        "RUNTIMES['onnx'] = Hungry; numpy.ones(500 * 2**20, numpy.uint8); main.measure(json.loads(sys.argv[1]))"
    )
    asked = {"target": "onnx", "threads": 1, "warmup_runs": 1, "components": components}
    job = AgentJob.model_validate(asked).model_dump_json()
    done = subprocess.run(
        [sys.executable, "-c", code, job], capture_output=True, text=True, check=True, cwd=Path(__file__).parents[3]
    )
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_it_is_one_file_that_needs_no_more_than_a_board_has() -> None:
    archive = zipfile.ZipFile(io.BytesIO(agent_archive()))
    agent_archive.cache_clear()
    assert agent_archive() == archive.fp.getvalue()  # type: ignore[union-attr]
    names = archive.namelist()
    assert names[0] == "__main__.py" and {"agent/__init__.py", "agent/main.py"} < set(names)
    assert all(info.compress_type == zipfile.ZIP_STORED for info in archive.infolist())
    imported = set()
    for name in names:
        for node in ast.walk(ast.parse(archive.read(name), feature_version=(3, 9))):
            if isinstance(node, ast.Import):
                imported |= {alias.name.partition(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom) and not node.level:
                imported.add((node.module or "").partition(".")[0])
    assert imported - sys.stdlib_module_names - NEEDED - {"agent"} == set()
