"""The agent's order of things, with a runtime that takes no time: what is open when, and when frames begin."""

import json
import weakref
from typing import Any

import numpy as np
import pytest

from benchmarks.measure import agent


class Instant(agent.Artifact):
    """alive: what was open, by component, each time that one was opened."""

    alive: list[list[str]] = []
    opened: list["weakref.ref[Instant]"] = []

    @staticmethod
    def versions() -> dict[str, str]:
        return {"instant": "1"}

    def __init__(self, part: dict[str, Any], threads: int):
        super().__init__(part, threads)
        self.opened.append(weakref.ref(self))
        self.alive.append([each.part["component"] for ref in self.opened if (each := ref())])

    def set(self, inputs: agent.Arrays) -> None:
        pass

    def run(self) -> None:
        pass

    def outputs(self) -> agent.Arrays:
        return [np.zeros(1) for _ in self.part["outputs"]]


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> list[dict[str, Any]]:
    """Of a garment's encoder and a frame, the frame also at camera rate."""
    monkeypatch.setitem(agent.RUNTIMES, "instant", Instant)
    monkeypatch.setattr(Instant, "alive", [])
    monkeypatch.setattr(Instant, "opened", [])
    until = {"min_runs": 3, "min_seconds": 0.0}
    encoder = {"component": "garment_encoder", "artifact": __file__, "inputs": {}, "outputs": ["features"]}
    frame = {"component": "tryon", "artifact": __file__, "inputs": {"features": None}, "outputs": ["tryon"]}
    agent.measure(
        {
            "target": "instant",
            "threads": 1,
            "warmup_runs": 1,
            "parts": [{**encoder, "until": until}, {**frame, "until": until}],
            "camera": {"period_ms": 20.0, "seconds": 0.15},
        }
    )
    return [json.loads(line) for line in capsys.readouterr().out.splitlines()]


def test_the_encoder_is_closed_before_the_frame_is_opened(events: list[dict[str, Any]]) -> None:
    assert Instant.alive[:2] == [["garment_encoder"], ["tryon"]]
    assert [event["component"] for event in events if event["event"] == "warm_load"] == ["garment_encoder", "tryon"]


def test_frames_at_camera_rate_wait_for_the_camera(events: list[dict[str, Any]]) -> None:
    camera = [event for event in events if event["event"] == "samples" and event["mode"] == "camera"]
    starts = [start for event in camera for start in event["started_ms"]]
    assert 3 <= len(starts) <= 9
    assert all(start >= 20 * number - 0.1 for number, start in enumerate(starts))
