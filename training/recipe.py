"""Recipes: YAML files that say everything about a training run but where its data lies and where it writes.

A key that no recipe has, a wrong type and a value out of range are errors that name the file, the key and the keys
that are known.
"""

from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, Field, ValidationInfo, field_validator

from dmvton_mobile.contract import DEFAULT_SIZE, SIZE_MULTIPLE, SMALLEST_SIZE
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Strict
from dmvton_mobile.utils.yaml_files import YamlKind

PUBLISHED = Path(__file__).parent / "recipes"
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, strict=True)]


class RecipeError(DmvtonError):
    """A recipe that cannot be followed."""


RECIPES = YamlKind("recipe", PUBLISHED, RecipeError, extra="train")


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
    flow_truth_weight: of the distance to the true flow, for rendered people. augmentation: of rendered people, drawn
    for every sample: mirrored only, or with the frames, light and cameras of photographs. steps_per_epoch: fewer than
    the data would give. sheet_every, checkpoint_every: steps; None for no sheets.
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
    augmentation: Literal["mirror", "photographs"] = "mirror"
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
    return RECIPES.names()


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """The recipe in a YAML file, or the one of ours with that name; overrides: "key=value" with dotted keys and YAML
    values. Raises RecipeError."""
    return RECIPES.load(path, Recipe, overrides)


def recipe_yaml(recipe: BaseModel) -> str:
    """The recipe with every key spelled out; loading it gives the same recipe."""
    return RECIPES.dump(recipe)


def _name(path: Path | None) -> Path | None:
    return path and Path(path.name)
