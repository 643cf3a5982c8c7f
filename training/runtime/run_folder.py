"""The folder of a run, and whether it is this run's.

recipe.yaml          the recipe, every key spelled out
run.json             `RunRecord`: the code and the data
log.jsonl            a line per step (`log.Row`); tensorboard/, the same as scalars
sheets/              what the stage shows, at intervals
state.pt             what --resume goes on from
nonfinite_*.pt       the batch that a loss was NaN or infinite for
network.safetensors  the trained network and its card, network.json, at the end
"""

import subprocess
from pathlib import Path
from typing import Any, Literal

import torch
from pydantic import BaseModel

import dmvton_mobile
from dmvton_mobile.bundles.manifest import Sha256
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, Strict, parse_record, record_json
from dmvton_mobile.utils.files import atomic_file
from training.recipe import Recipe, load_recipe, recipe_yaml


class Data(Strict):
    """What is trained on. name: the folder's; digest: of its files."""

    name: str
    layout: str
    pairs: int
    digest: Sha256


class Code(Strict):
    """commit: of the repository that the code lies in; changed: whether its files differ from it. None: no such."""

    version: str
    torch: str
    commit: str | None
    changed: bool | None


class RunRecord(Record):
    """`run.json`. code: that started the run. inputs: the files that the recipe names, by key."""

    schema_version: Literal[1] = 1
    code: Code
    data: Data
    inputs: dict[str, Sha256]


class RunFolder:
    def __init__(self, path: Path) -> None:
        self.path = path
        self.recipe = path / "recipe.yaml"
        self.record = path / "run.json"
        self.log = path / "log.jsonl"
        self.scalars = path / "tensorboard"
        self.state = path / "state.pt"
        self.network = path / "network.safetensors"

    def claim(self, recipe: Recipe, data: Data, inputs: dict[str, str], resume: bool) -> RunRecord:
        """Makes the folder this run's or, to resume it, finds that it is. Raises DmvtonError, naming what differs."""
        if resume:
            return self._same(recipe, data, inputs)
        if self.record.exists():
            raise DmvtonError(
                f"{self.path} holds a run already. Pass --resume to go on with it, or choose another --out."
            )
        # a run killed between its first two files leaves its recipe
        if self.path.exists() and any(item != self.recipe for item in self.path.iterdir()):
            raise DmvtonError(f"{self.path} is not empty, and no run's folder. Choose another --out.")
        with atomic_file(self.recipe, overwrite=True) as partial:
            partial.write_text(recipe_yaml(recipe), encoding="utf-8")
        record = RunRecord(code=code_version(), data=data, inputs=inputs)
        with atomic_file(self.record) as partial:
            partial.write_text(record_json(record), encoding="utf-8")
        return record

    def sheet(self, step: int) -> Path:
        return self.path / "sheets" / f"step_{step:07}.png"

    def nonfinite_batch(self, step: int, rank: int) -> Path:
        return self.path / f"nonfinite_step_{step:07}_rank_{rank}.pt"

    def _same(self, recipe: Recipe, data: Data, inputs: dict[str, str]) -> RunRecord:
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


def code_version(file: Path = Path(__file__)) -> Code:
    """The version of this package, and the git commit of a file of it, where the file is in a repository."""
    folder = file.parent
    commit = changed = None
    if _git(folder, "ls-files", "--error-unmatch", file.name) is not None:
        head, status = _git(folder, "rev-parse", "HEAD"), _git(folder, "status", "--porcelain", "--untracked-files=no")
        commit, changed = head, None if status is None else bool(status)
    return Code(version=dmvton_mobile.__version__, torch=torch.__version__, commit=commit, changed=changed)


def _git(folder: Path, *arguments: str) -> str | None:
    """What git says, None where there is no git or it fails."""
    try:
        done = subprocess.run(["git", "-C", str(folder), *arguments], capture_output=True, text=True)
    except OSError:
        return None
    return None if done.returncode else done.stdout.strip()


def _differences(old: BaseModel, new: BaseModel, prefix: str) -> list[str]:
    found = []
    for name in type(old).model_fields:
        before: Any = getattr(old, name)
        after: Any = getattr(new, name)
        if isinstance(before, BaseModel) and isinstance(after, BaseModel):
            found += _differences(before, after, f"{prefix}{name}.")
        elif before != after:
            found.append(f"{prefix}{name} was {before}, and is {after} now")
    return found
