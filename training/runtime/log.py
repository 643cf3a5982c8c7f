"""What a run shows while it trains: a line per step in log.jsonl, the same as scalars for TensorBoard, and sheets."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from pydantic import field_validator
from torch import Tensor

from dmvton_mobile.contract import to_unit
from dmvton_mobile.imaging.contact_sheet import SheetRow, contact_sheet
from dmvton_mobile.records.base import Strict
from dmvton_mobile.utils.files import atomic_file
from dmvton_mobile.utils.optional_imports import optional_import


class LogRow(Strict):
    """A line of the log: one step.

    Attributes:
        step: The number of the step, from 1, over all epochs.
        epoch: The number of the epoch, from 1.
        losses: The weighted losses by name; training minimises their sum.
        learning_rates: The learning rates by optimiser group, of the groups that the epoch steps.
        seconds: The time that the step took.
    """

    step: int
    epoch: int
    losses: dict[str, float]
    learning_rates: dict[str, float]
    seconds: float

    @field_validator("losses")
    @classmethod
    def _renamed(cls, losses: dict[str, float]) -> dict[str, float]:
        """Deprecated: logs of version 0.1 name the losses of self-distillation copied_*."""
        return {name.replace("copied_", "distilled_"): value for name, value in losses.items()}


def read_log(path: Path) -> list[LogRow]:
    """Reads the complete rows of a log; the last line of a killed run may be cut short and is left out."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [LogRow.model_validate_json(line) for line in lines if line.endswith(b"\n")]


class TrainingLog:
    """Appends rows to the log of a run.

    Args:
        path: The file log.jsonl; rows after `step` are removed, because a resumed run does these steps again.
        scalars: The folder for TensorBoard.
        step: The number of steps that are done.
    """

    def __init__(self, path: Path, scalars: Path, step: int) -> None:
        kept = [row for row in read_log(path) if row.step <= step]
        with atomic_file(path, overwrite=True) as partial:
            partial.write_text("".join(_line(row) for row in kept))
        self._scalars = scalar_writer()(str(scalars), purge_step=step + 1)
        self._file = path.open("a", buffering=1)  # line by line, so that a kill loses no step

    def write(self, row: LogRow) -> None:
        """Appends a row to the file and its values to TensorBoard's."""
        self._file.write(_line(row))
        for name, loss in row.losses.items():
            self._scalars.add_scalar(f"loss/{name}", loss, row.step)
        for name, rate in row.learning_rates.items():
            self._scalars.add_scalar(f"learning_rate/{name}", rate, row.step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._scalars.close()
        self._file.close()


def scalar_writer() -> Any:
    """Imports TensorBoard's writer as torch ships it.

    Raises:
        NotInstalledError: tensorboard is not installed.
    """
    with optional_import("Training logs need", extra="train", package="tensorboard"):
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter


def write_sheet(path: Path, pictures: Sequence[tuple[str, Tensor]]) -> None:
    """Writes a contact sheet as PNG, a row per sample, in place of an earlier one.

    Args:
        path: The file.
        pictures: The title and the batch [B, 3, H, W] in [-1, 1] of each column, all of one shape.
    """
    batches = [to_unit(batch.float()) for _, batch in pictures]
    rows = [SheetRow(images) for images in zip(*(batch.split(1) for batch in batches), strict=True)]
    height, width = batches[0].shape[2:]
    sheet = contact_sheet([title for title, _ in pictures], rows, (height, width))
    with atomic_file(path, overwrite=True) as partial:
        sheet.save(partial, "PNG")


def _line(row: LogRow) -> str:
    return row.model_dump_json() + "\n"
