"""The folder of a run, and the check that a run which is resumed is the one in it.

recipe.yaml          the recipe, every key spelled out
run.json             `RunRecord`: the code, the data and the input files
log.jsonl            a line per step (`LogRow`); tensorboard/ has the same values
sheets/              what the stage shows of four samples, every `sheet_every` steps
state.pt             what --resume goes on from
nonfinite_*.pt       the batch whose loss was NaN or infinite
network.safetensors  the trained network, at the end; its card is network.json
"""

from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel

import dmvton_mobile
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, Sha256, Strict, parse_record, record_json
from dmvton_mobile.utils.build import source_commit
from dmvton_mobile.utils.files import atomic_file
from training.recipe import Recipe, load_recipe, recipe_yaml


class TrainingData(Strict):
    """The dataset that a network is trained on.

    Attributes:
        name: The name of its folder.
        layout: The layout of its files, like "viton".
        pairs: The number of pairs of a person and a garment.
        digest: The SHA-256 of all its files.
    """

    name: str
    layout: str
    pairs: int
    digest: Sha256


class CodeVersion(Strict):
    """The code that started a run.

    Attributes:
        version: The version of this package.
        torch: The version of torch.
        commit: The git commit of the source tree; None for an installed package.
        changed: Whether files differ from that commit; None for an installed package.
    """

    version: str
    torch: str
    commit: str | None
    changed: bool | None


class RunRecord(Record):
    """`run.json`.

    Attributes:
        code: The code that started the run.
        data: The dataset.
        inputs: The SHA-256 of every file that the recipe names, by key, like "teacher.checkpoint".
    """

    schema_version: Literal[1] = 1
    code: CodeVersion
    data: TrainingData
    inputs: dict[str, Sha256]


class RunFolder:
    """The paths of a run's files."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.record = path / "run.json"
        self.log = path / "log.jsonl"
        self.scalars = path / "tensorboard"
        self.state = path / "state.pt"
        self.network = path / "network.safetensors"

    def sheet(self, step: int) -> Path:
        """The contact sheet of a step."""
        return self.path / "sheets" / f"step_{step:07}.png"

    def nonfinite_batch(self, step: int, rank: int) -> Path:
        """The batch of a process whose loss was not finite."""
        return self.path / f"nonfinite_step_{step:07}_rank_{rank}.pt"

    def claim(self, recipe: Recipe, data: TrainingData, inputs: dict[str, str], resume: bool) -> RunRecord:
        """Creates the folder of a new run, or checks that the folder's run is the one to resume.

        Args:
            recipe: What the run does.
            data: What it is trained on.
            inputs: The SHA-256 of every file that the recipe names, by key.
            resume: Whether the folder must hold this run already.

        Raises:
            DmvtonError: The folder holds something else; the message names every difference.
        """
        return self._resumed(recipe, data, inputs) if resume else self._created(recipe, data, inputs)

    def _created(self, recipe: Recipe, data: TrainingData, inputs: dict[str, str]) -> RunRecord:
        if self.record.exists():
            raise DmvtonError(
                f"{self.path} holds a run already. Pass --resume to go on with it, or choose another --out."
            )
        # a run that was killed between its first two files leaves its recipe
        if self.path.exists() and any(item != self.recipe for item in self.path.iterdir()):
            raise DmvtonError(f"{self.path} is not empty, and no run's folder. Choose another --out.")
        with atomic_file(self.recipe, overwrite=True) as partial:
            partial.write_text(recipe_yaml(recipe), encoding="utf-8")
        record = RunRecord(code=_code_version(), data=data, inputs=inputs)
        with atomic_file(self.record) as partial:
            partial.write_text(record_json(record), encoding="utf-8")
        return record

    def _resumed(self, recipe: Recipe, data: TrainingData, inputs: dict[str, str]) -> RunRecord:
        if not self.record.exists():
            raise DmvtonError(f"There is no run in {self.path} to resume. Start it without --resume.")
        if self.network.exists():
            raise DmvtonError(f"The run in {self.path} has ended: {self.network} is what it made.")
        record = parse_record(self.record.read_bytes(), RunRecord, str(self.record), DmvtonError)
        differences = [
            *_differences(load_recipe(self.recipe), recipe, ""),
            *_differences(record.data, data, "data."),
            *(f"the file of {key} is another" for key in record.inputs if record.inputs[key] != inputs.get(key)),
        ]
        if differences:
            raise DmvtonError(
                f"The run in {self.path} is another one: {'; '.join(differences)}. "
                "Resume it with what it was started with, or choose another --out."
            )
        return record


def _code_version() -> CodeVersion:
    source = source_commit()
    return CodeVersion(
        version=dmvton_mobile.__version__,
        torch=torch.__version__,
        commit=source.commit if source else None,
        changed=source.changed if source else None,
    )


def _differences(old: BaseModel, new: BaseModel, prefix: str) -> list[str]:
    """The fields that differ, as phrases; of files, which are compared by their content, not the paths."""
    found = []
    for name in type(old).model_fields:
        before: Any = getattr(old, name)
        after: Any = getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            found += _differences(before, after, f"{prefix}{name}.")
        elif isinstance(before, Path) and isinstance(after, Path):
            continue
        elif before != after:
            found.append(f"{prefix}{name} was {before}, and is {after} now")
    return found
