"""`steps.json`: what `dmvton compress` made, step by step; its report reads it."""

from pathlib import Path
from typing import Literal

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import PlainPath, Record, Strict, parse_record, record_json
from dmvton_mobile.utils.files import atomic_file

STEPS, SENSITIVITY = "steps.json", "sensitivity.json"


class Step(Strict):
    """checkpoint: its path in the run's folder. quantized: whether it is in eight bits."""

    name: str
    checkpoint: PlainPath
    quantized: bool = False


class CompressionSteps(Record):
    """steps: the first is the network that was compressed."""

    schema_version: Literal[1] = 1
    network: str
    steps: tuple[Step, ...]


def write_steps(run: Path, steps: CompressionSteps) -> None:
    """Into the run's folder, in the place of those of an earlier, interrupted call."""
    with atomic_file(run / STEPS, overwrite=True) as partial:
        partial.write_text(record_json(steps), encoding="utf-8")


def read_steps(run: Path) -> CompressionSteps:
    """Of a run that has ended. Raises DmvtonError where there is none."""
    file = run / STEPS
    if not file.is_file():
        raise DmvtonError(f"{run} holds no {STEPS}: it is no run of dmvton compress, or one that has not ended.")
    return parse_record(file.read_bytes(), CompressionSteps, str(file), DmvtonError)
