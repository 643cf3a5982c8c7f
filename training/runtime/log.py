"""The log: a line per step in log.jsonl, and the same as scalars for TensorBoard. A resumed run takes back what it
redoes."""

import importlib
from pathlib import Path
from types import TracebackType
from typing import Any, Self

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Strict
from dmvton_mobile.utils.files import atomic_file


class Row(Strict):
    """A line of the log. step: counted from 1, over all epochs. losses: weighted, so what is minimised is their sum."""

    step: int
    epoch: int
    losses: dict[str, float]
    learning_rates: dict[str, float]
    seconds: float


def read_log(path: Path) -> list[Row]:
    """The rows that were written whole; a run that was killed may have left a last one that was not."""
    lines = path.read_bytes().splitlines(keepends=True) if path.exists() else []
    return [Row.model_validate_json(line) for line in lines if line.endswith(b"\n")]


class Log:
    """Goes on after `step`: rows of later ones are taken back."""

    def __init__(self, path: Path, scalars: Path, step: int) -> None:
        kept = [row for row in read_log(path) if row.step <= step]
        with atomic_file(path, overwrite=True) as partial:
            partial.write_text("".join(_line(row) for row in kept))
        self._scalars = scalar_writer()(str(scalars), purge_step=step + 1)
        self._file = path.open("a", buffering=1)  # a line is on its way before the next step: a kill loses none

    def write(self, row: Row) -> None:
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


def _line(row: Row) -> str:
    return row.model_dump_json() + "\n"


def scalar_writer() -> Any:
    """TensorBoard's, as torch brings it. Raises DmvtonError where tensorboard is not installed."""
    try:
        return importlib.import_module("torch.utils.tensorboard").SummaryWriter
    except ImportError as error:
        raise DmvtonError(
            'Training logs need tensorboard, which is not installed: pip install "dmvton-mobile[train]".'
        ) from error
