"""Published weights: of stages that follow each other, with figures of these very weights, the same bytes each time."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint, save_checkpoint
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.record import (
    EvaluationData,
    EvaluationRecord,
    EvaluationRun,
    MetricSummary,
    Pairing,
    Subject,
)
from dmvton_mobile.networks import seeded_network
from dmvton_mobile.records.base import record_json
from training.publish import publish


def run(folder: Path, start: str | None = None, shift: float = 0.0) -> str:
    """A run that has ended: its network's digest."""
    network = seeded_network("dmvton-lite")
    with torch.no_grad():
        next(network.parameters()).add_(shift)
    folder.mkdir()
    training: dict[str, Any] = {"recipe": {"stage": folder.name}, "inputs": {"start": start} if start else {}}
    return save_checkpoint(network, folder / "network.safetensors", trained=True, training=training).weights_sha256


@pytest.fixture
def stages(tmp_path: Path) -> list[Path]:
    first, second = tmp_path / "warp", tmp_path / "tryon"
    run(second, start=run(first), shift=0.01)
    return [first, second]


def record_of(path: Path, identity: str) -> Path:
    figure = MetricSummary(
        pairing=Pairing.UNPAIRED, metric="psnr", unit="dB", better="higher", images=2, mean=20, median=21, low=18,
        high=22, worst=17, worst_image="000001_0.jpg",
    )  # fmt: skip
    data = EvaluationData(
        name="benchmark", layout="viton", phase="test", pairs=2, height=256, width=192, seed=0, digest="ab",
        benchmark=True,
    )  # fmt: skip
    subject = Subject(kind="checkpoint", name="lite", identity=identity, runtime="torch", trained=True)
    ran = EvaluationRun(subject=subject, data=data, pairings=(Pairing.UNPAIRED,), features={}, versions={})
    record = EvaluationRecord(run=ran, figures=(figure,), distances=(), seconds_per_image=0.1, threads=1)
    path.write_text(record_json(record))
    return path


def test_the_card_tells_all(stages: list[Path], tmp_path: Path) -> None:
    first = publish(stages, tmp_path / "first.safetensors", note="Rendered people.", licence="Apache-2.0")
    record = record_of(tmp_path / "record.json", first.weights_sha256)
    out = tmp_path / "lite.safetensors"
    publish(stages, out, note="Rendered people.", licence="Apache-2.0", figures=record)
    assert out.read_bytes() == (tmp_path / "first.safetensors").read_bytes()
    network, card = load_checkpoint(out)
    assert (card.network, card.trained, card.precision, card.licence) == ("dmvton-lite", True, "fp16", "Apache-2.0")
    training: Any = card.training
    assert training["note"] == "Rendered people."
    assert [stage["recipe"]["stage"] for stage in training["stages"]] == ["warp", "tryon"]
    assert training["figures"]["data"]["benchmark"] is True
    assert training["figures"]["measured"] == [
        {"pairing": "unpaired", "metric": "psnr", "unit": "dB", "images": 2, "mean": 20.0, "median": 21.0}
    ]
    expected, _ = load_checkpoint(stages[1] / "network.safetensors")
    for key, value in network.state_dict().items():
        assert torch.equal(value, expected.state_dict()[key].half().to(value.dtype)), key


def test_figures_of_other_weights_are_refused(stages: list[Path], tmp_path: Path) -> None:
    digest = json.loads((stages[1] / "network.json").read_text())["weights_sha256"]  # of the float32 file
    record = record_of(tmp_path / "record.json", digest)
    with pytest.raises(DmvtonError, match="figures of other weights"):
        publish(stages, tmp_path / "lite.safetensors", note="", licence="", figures=record)
    assert not (tmp_path / "lite.safetensors").exists()


def test_published_weights_are_trained_further(stages: list[Path], tmp_path: Path) -> None:
    first, out = tmp_path / "first.safetensors", tmp_path / "lite.safetensors"
    card = publish(stages, first, note="First.", licence="Apache-2.0")
    run(tmp_path / "further", start=card.weights_sha256, shift=0.02)
    training: Any = publish([first, tmp_path / "further"], out, note="Second.", licence="Apache-2.0").training
    assert [stage["recipe"]["stage"] for stage in training["stages"]] == ["warp", "tryon", "further"]
    assert training["note"] == "Second."


def test_a_step_of_compression_is_a_stage(stages: list[Path], tmp_path: Path) -> None:
    """Calibration is no run, but its checkpoint says what it was made of."""
    first, calibrated, out = (tmp_path / f"{name}.safetensors" for name in ("first", "calibrated", "lite"))
    card = publish(stages, first, note="First.", licence="Apache-2.0")
    network = seeded_network("dmvton-lite")
    step: Any = {"calibrated": True, "of": card.weights_sha256}
    made = save_checkpoint(network, calibrated, trained=True, training=step)
    run(tmp_path / "int8", start=made.weights_sha256)
    training: Any = publish([first, calibrated, tmp_path / "int8"], out, note="", licence="").training
    assert training["stages"][2] == step and training["stages"][3]["recipe"]["stage"] == "int8"
    with pytest.raises(DmvtonError, match="did not start from"):
        publish([first, tmp_path / "int8"], tmp_path / "other.safetensors", note="", licence="")


def test_stages_that_do_not_follow_each_other(stages: list[Path], tmp_path: Path) -> None:
    out = tmp_path / "lite.safetensors"
    with pytest.raises(DmvtonError, match="did not start from"):
        publish(stages[::-1], out, note="", licence="")
    with pytest.raises(DmvtonError, match="started from a checkpoint: give the run that made it"):
        publish(stages[1:], out, note="", licence="")
    with pytest.raises(DmvtonError, match="has not ended"):
        publish([*stages, tmp_path / "none"], out, note="", licence="")
    assert not out.exists()
