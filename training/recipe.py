"""Recipes: YAML files that say everything about a training run but where its data lies and where it writes.

A key that no recipe has, a wrong type and a value out of range are errors that name the file, the key and the keys
that are known.
"""

import importlib
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar, get_args

from pydantic import BaseModel, Field, ValidationError, ValidationInfo, field_validator

from dmvton_mobile.contract import DEFAULT_SIZE, SIZE_MULTIPLE, SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.files import Strict

PUBLISHED = Path(__file__).parent / "recipes"
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]


AnyRecipe = TypeVar("AnyRecipe", bound=BaseModel)


class RecipeError(DmvtonError):
    """A recipe that cannot be followed."""


class StageName(StrEnum):
    """In the order in which they are run; `stages.build_stage` makes them."""

    TEACHER_WARP = "teacher-warp"
    TEACHER_TRYON = "teacher-tryon"
    STUDENT_WARP = "student-warp"
    STUDENT_TRYON = "student-tryon"
    TRUTH_WARP = "truth-warp"  # dmvton-lite on rendered people, without a teacher
    TRUTH_TRYON = "truth-tryon"
    COPY = "copy"  # a compressed network, from the one it was made from: a step of compression, not trained alone

    @property
    def taught(self) -> bool:
        """Whether a teacher takes part."""
        return self in (StageName.STUDENT_WARP, StageName.STUDENT_TRYON)

    @property
    def of_truth(self) -> bool:
        """Whether it learns from the truth of rendered people."""
        return self in (StageName.TRUTH_WARP, StageName.TRUTH_TRYON, StageName.COPY)

    @property
    def joint(self) -> bool:
        """Whether a generator is trained with the warp."""
        return self not in (StageName.TEACHER_WARP, StageName.STUDENT_WARP, StageName.TRUTH_WARP)

    @property
    def continues(self) -> bool:
        """Whether the warp comes from the stage before, where the network has such a one."""
        return self.joint and self not in (StageName.TRUTH_TRYON, StageName.COPY)


class Precision(StrEnum):
    """What the forward pass computes in; weights and optimisers are always float32."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Epochs(Strict):
    """constant: at the full learning rate; decaying: after them, down to nothing."""

    constant: Annotated[int, Field(ge=0, strict=True)]
    decaying: Annotated[int, Field(ge=0, strict=True)]

    @property
    def total(self) -> int:
        return self.constant + self.decaying


class LearningRates(Strict):
    """generator: where the stage trains one."""

    warp: Positive
    generator: Positive | None = None


class Optimiser(Strict):
    name: Literal["adam", "adamw"] = "adam"
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.5, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class Teacher(Strict):
    """Who teaches a student. checkpoint: its weights, .safetensors; given on the command line."""

    network: str
    checkpoint: Path | None = None


class Perceptual(Strict):
    """What pictures are compared by beside their pixels.

    weights: VGG-19's published file; given on the command line.
    """

    kind: Literal["vgg19", "structural"]
    weights: Path | None = None

    @field_validator("weights")
    @classmethod
    def _of_vgg(cls, weights: Path | None, info: ValidationInfo) -> Path | None:
        if weights is not None and info.data.get("kind") == "structural":
            raise ValueError("the structural comparison has no weights")
        return weights


class Recipe(Strict):
    """What is trained, from what, and how.

    start: the checkpoint whose weights training starts from, None for fresh ones. batch_size: over all processes and
    accumulated parts. accumulation: parts that a process's share of a batch is cut into, one after the other.
    distillation, gate: of a student; the gate lets through only the samples that the teacher does better.
    flow_truth_weight: of the distance to the true flow, for rendered people. steps_per_epoch: fewer than the data would
    give. sheet_every, checkpoint_every: steps; None for no sheets.
    """

    scheme: Literal["dmvton", "pfafn", "rendered"]
    stage: StageName
    network: str
    start: Path | None = None
    teacher: Teacher | None = None
    epochs: Epochs
    batch_size: Count
    accumulation: Count = 1
    learning_rates: LearningRates
    optimiser: Optimiser = Optimiser()
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    precision: Precision = Precision.FP32
    channels_last: bool = False
    distillation: bool = True
    gate: bool = True
    flow_truth_weight: Annotated[float, Field(ge=0)] = 0.0
    perceptual: Perceptual
    seed: Annotated[int, Field(ge=0, strict=True)] = 0
    workers: Annotated[int, Field(ge=0, strict=True)] = 0
    size: tuple[int, int] = DEFAULT_SIZE
    steps_per_epoch: Count | None = None
    sheet_every: Count | None = None
    checkpoint_every: Count = 500

    @field_validator("epochs")
    @classmethod
    def _at_least_one(cls, epochs: Epochs) -> Epochs:
        if not epochs.total:
            raise ValueError("constant and decaying are both 0, so nothing would be trained")
        return epochs

    @field_validator("size")
    @classmethod
    def _of_networks(cls, size: tuple[int, int]) -> tuple[int, int]:
        if any(side % SIZE_MULTIPLE or side < SMALLEST_SIZE for side in size):
            raise ValueError(f"height and width must be multiples of {SIZE_MULTIPLE}, {SMALLEST_SIZE} or more")
        return size

    def named(self) -> "Recipe":
        """This recipe with the names of its files in the place of their paths, for records that others read."""
        teacher, perceptual = self.teacher, self.perceptual
        return self.model_copy(
            update={
                "start": _name(self.start),
                "teacher": teacher and teacher.model_copy(update={"checkpoint": _name(teacher.checkpoint)}),
                "perceptual": perceptual.model_copy(update={"weights": _name(perceptual.weights)}),
            }
        )


def published_recipes() -> list[str]:
    """The names of the recipes that come with this package."""
    return _names(PUBLISHED)


def _names(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob("*.yaml"))


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, or the one of ours with that name; overrides: "key=value" with dotted keys and YAML
    values. Raises RecipeError."""
    return load_yaml(path, overrides, Recipe, PUBLISHED)


def load_yaml(path: Path, overrides: Sequence[str], kind: type[AnyRecipe], folder: Path) -> AnyRecipe:
    """`load_recipe` for any kind of recipe, ours in that folder."""
    ours = _names(folder)
    if str(path) in ours and not path.exists():
        path = folder / f"{path}.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise RecipeError(f"The recipe {path} cannot be read ({error.strerror}). Ours: {', '.join(ours)}.") from error
    except UnicodeDecodeError as error:
        raise RecipeError(f"{path} is no YAML: {error}.") from error
    values = _parsed(text, f"{path} is no YAML")
    if not isinstance(values, dict):
        raise RecipeError(f"{path} is no recipe: it must be keys with values.")
    where = str(path)
    for override in overrides:
        _override(values, override)
        where = f"{path} with {', '.join(overrides)}"
    try:
        return kind.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"{where}: {'; '.join(_sentence(item, kind) for item in error.errors())}.") from error


def recipe_yaml(recipe: BaseModel) -> str:
    """The recipe with every key spelled out; loading it gives the same recipe."""
    return str(_yaml().safe_dump(recipe.model_dump(mode="json"), sort_keys=False, allow_unicode=True))


def _name(path: Path | None) -> Path | None:
    return path and Path(path.name)


def _override(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    names = key.strip().split(".")
    if not equals or not all(names):
        raise RecipeError(f"--set {override!r} is no key=value, like batch_size=8 or teacher.checkpoint=t.safetensors.")
    value = _parsed(text, f"--set {override}: {text!r} is no YAML value")
    for depth, name in enumerate(names[:-1], 1):
        inner = values.setdefault(name, {})
        if inner is None:
            inner = values[name] = {}
        if not isinstance(inner, dict):
            raise RecipeError(f"--set {override}: {'.'.join(names[:depth])} is a single value and has no keys.")
        values = inner
    values[names[-1]] = value


def _parsed(text: str, complaint: str) -> Any:
    yaml = _yaml()
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise RecipeError(f"{complaint}: {' '.join(str(error).split())}.") from error


def _yaml() -> Any:
    try:
        return importlib.import_module("yaml")
    except ImportError as error:
        raise DmvtonError('Recipes need PyYAML, which is not installed: pip install "dmvton-mobile[train]".') from error


def _sentence(item: Any, kind: type[BaseModel]) -> str:
    """One finding of pydantic's, with the keys that are known there."""
    place = [part for part in item["loc"] if isinstance(part, str)]
    key = ".".join(place) or "the recipe"
    if item["type"] == "extra_forbidden":
        return f"there is no key {key}. Known: {', '.join(_fields(place[:-1], kind))}"
    if item["type"] == "missing":
        return f"the key {key} is missing"
    return f"{key}: {item['msg'].removeprefix('Value error, ')}, not {item['input']!r}"


def _fields(place: Sequence[str], kind: type[BaseModel]) -> list[str]:
    """The keys of the section at this place."""
    section = kind
    for name in place:
        annotation = section.model_fields[name].annotation
        section = next(kind for kind in (annotation, *get_args(annotation)) if isinstance(kind, type))
    return list(section.model_fields)
