"""Recipes: YAML files that say everything about a training run but where its data lies and where it writes.

An unknown key, a wrong type and a value out of range are errors that name the file, the key and the known keys.
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
    """The stages of training, in the order in which they run; `stages.build` makes them.

    Deprecated: version 0.1 named the last three truth-warp, truth-tryon and copy. Its recipes and runs are still read.
    """

    TEACHER_WARP = "teacher-warp"
    TEACHER_TRYON = "teacher-tryon"
    STUDENT_WARP = "student-warp"
    STUDENT_TRYON = "student-tryon"
    SUPERVISED_WARP = "supervised-warp"  # dmvton-lite on rendered people, without a teacher
    SUPERVISED_TRYON = "supervised-tryon"
    SELF_DISTILLATION = "self-distillation"  # a step of compression: a network learns from what it was made from

    @property
    def has_teacher(self) -> bool:
        """Whether a teacher takes part."""
        return self in (StageName.STUDENT_WARP, StageName.STUDENT_TRYON)

    @property
    def supervised(self) -> bool:
        """Whether it learns from the exact try-ons of rendered people alone."""
        return self in (StageName.SUPERVISED_WARP, StageName.SUPERVISED_TRYON)

    @property
    def trains_generator(self) -> bool:
        """Whether a generator is trained with the warp."""
        return self not in (StageName.TEACHER_WARP, StageName.STUDENT_WARP, StageName.SUPERVISED_WARP)

    @property
    def continues_warp_stage(self) -> bool:
        """Whether it starts from the checkpoint of the warp stage before it, where the network has one."""
        return self in (StageName.TEACHER_TRYON, StageName.STUDENT_TRYON)

    @classmethod
    def _missing_(cls, value: object) -> "StageName | None":
        return _DEPRECATED_STAGES.get(value) if isinstance(value, str) else None


_DEPRECATED_STAGES = {
    "truth-warp": StageName.SUPERVISED_WARP,
    "truth-tryon": StageName.SUPERVISED_TRYON,
    "copy": StageName.SELF_DISTILLATION,
}


class TrainingPrecision(StrEnum):
    """What the forward pass computes in; weights and optimisers are always float32."""

    FP32 = "fp32"
    BF16 = "bf16"
    FP16 = "fp16"


class Epochs(Strict):
    """How long a stage is trained.

    Attributes:
        constant: Epochs with the full learning rates.
        decaying: Epochs after them, in which the rates fall to nothing.
    """

    constant: Annotated[int, Field(ge=0, strict=True)]
    decaying: Annotated[int, Field(ge=0, strict=True)]

    @property
    def total(self) -> int:
        """All epochs."""
        return self.constant + self.decaying


class LearningRates(Strict):
    """Learning rates before they decay.

    Attributes:
        warp: Of the warp.
        generator: Of the generator, in stages that train one.
    """

    warp: Positive
    generator: Positive | None = None


class OptimiserConfig(Strict):
    """The optimiser of every group of parameters; the keys are torch's."""

    name: Literal["adam", "adamw"] = "adam"
    betas: tuple[Annotated[float, Field(ge=0, lt=1)], Annotated[float, Field(ge=0, lt=1)]] = (0.5, 0.999)
    weight_decay: Annotated[float, Field(ge=0)] = 0.0


class TeacherConfig(Strict):
    """The teacher of a student.

    Attributes:
        network: Its name.
        checkpoint: Its weights, .safetensors; given on the command line.
    """

    network: str
    checkpoint: Path | None = None


class PerceptualConfig(Strict):
    """The perceptual loss.

    Attributes:
        kind: vgg19, as in the papers, or structural, which needs no weights.
        weights: The file of VGG-19 that torchvision publishes; given on the command line.
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

    Attributes:
        scheme: How the losses are weighted: as a paper does, or for rendered people (`stages/paper_config.py`).
        stage: Which part of the network is trained, by which losses.
        network: The name of the network that is trained.
        start: The checkpoint that training starts from; None for fresh weights.
        teacher: The teacher, for a student's stages.
        epochs: How long.
        batch_size: Samples per step, over all processes and accumulated parts.
        accumulation: Parts that the share of a process is cut into, computed one after the other.
        learning_rates: Before they decay.
        optimiser: Which one.
        ema_decay: Of the moving average of the weights, which becomes the checkpoint; None for no average.
        precision: What the forward pass computes in.
        channels_last: Whether pictures and weights lie in memory with the channels last.
        distillation: Whether a student is distilled from its teacher.
        gate: Whether only the samples are distilled that the teacher warps better.
        flow_truth_weight: Weight of the distance to the true flow, for rendered people in the papers' stages.
        augmentation: Of rendered people, for every sample: mirrored alone, or also with the frames, light and cameras
            of photographs.
        perceptual: The perceptual loss.
        seed: Everything random follows from it.
        workers: Processes that read samples; 0 reads in the training process.
        size: Height and width of the pictures.
        steps_per_epoch: Fewer steps than the data has batches; None for all.
        sheet_every: Steps between two sample sheets; None for none.
        checkpoint_every: Steps between two states of the run on disk.
    """

    scheme: Literal["dmvton", "pfafn", "rendered"]
    stage: StageName
    network: str
    start: Path | None = None
    teacher: TeacherConfig | None = None
    epochs: Epochs
    batch_size: Count
    accumulation: Count = 1
    learning_rates: LearningRates
    optimiser: OptimiserConfig = OptimiserConfig()
    ema_decay: Annotated[float, Field(gt=0, lt=1)] | None = None
    precision: TrainingPrecision = TrainingPrecision.FP32
    channels_last: bool = False
    distillation: bool = True
    gate: bool = True
    flow_truth_weight: Annotated[float, Field(ge=0)] = 0.0
    augmentation: Literal["mirror", "photographs"] = "mirror"
    perceptual: PerceptualConfig
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

    def without_folders(self) -> "Recipe":
        """This recipe with the names of its files instead of their paths, for records that others read."""
        teacher, perceptual = self.teacher, self.perceptual
        return self.model_copy(
            update={
                "start": _file_name(self.start),
                "teacher": teacher and teacher.model_copy(update={"checkpoint": _file_name(teacher.checkpoint)}),
                "perceptual": perceptual.model_copy(update={"weights": _file_name(perceptual.weights)}),
            }
        )


def published_recipes() -> list[str]:
    """The names of the recipes that come with this package."""
    return RECIPES.names()


def load_recipe(path: Path, overrides: Sequence[str] = ()) -> Recipe:
    """Reads a recipe.

    Args:
        path: A YAML file, or the name of a published recipe.
        overrides: "key=value" with dotted keys and YAML values.

    Raises:
        RecipeError: The file cannot be read, or is no recipe.
    """
    return RECIPES.load(path, Recipe, overrides)


def recipe_yaml(recipe: BaseModel) -> str:
    """The recipe with every key spelled out; loading it gives the same recipe."""
    return RECIPES.dump(recipe)


def _file_name(path: Path | None) -> Path | None:
    return path and Path(path.name)
