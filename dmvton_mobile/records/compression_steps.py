"""`steps.json`: the checkpoints of a compression, step by step. `dmvton compress` writes it, its report reads it."""

from pathlib import Path
from typing import Literal

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import PlainPath, Record, Strict, parse_record, record_json
from dmvton_mobile.utils.files import atomic_file

STEPS, SENSITIVITY = "steps.json", "sensitivity.json"


class CompressionStep(Strict):
    """One step of a compression.

    Attributes:
        name: Of the step.
        checkpoint: Path within the run's folder.
        quantized: Whether it is quantized to int8.
    """

    name: str
    checkpoint: PlainPath
    quantized: bool = False


class CompressionSteps(Record):
    """Content of `steps.json`.

    Attributes:
        network: Name of the network.
        steps: In order; the first is the network before compression.
    """

    schema_version: Literal[1] = 1
    network: str
    steps: tuple[CompressionStep, ...]


def write_steps(run: Path, steps: CompressionSteps) -> None:
    """Writes `steps.json` into the run's folder, in place of one of an earlier, interrupted call."""
    with atomic_file(run / STEPS, overwrite=True) as partial:
        partial.write_text(record_json(steps), encoding="utf-8")


def read_steps(run: Path) -> CompressionSteps:
    """Reads `steps.json` of a run that has ended.

    Raises:
        DmvtonError: The folder has none, or it is not valid.
    """
    file = run / STEPS
    if not file.is_file():
        raise DmvtonError(f"{run} holds no {STEPS}: it is not a run of dmvton compress, or the run has not ended.")
    return parse_record(file.read_bytes(), CompressionSteps, str(file), DmvtonError)
