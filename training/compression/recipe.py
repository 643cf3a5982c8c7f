"""Recipes of compression: YAML files that say which steps `dmvton compress` takes, and how."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

from pydantic import Field

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.records.base import Strict
from dmvton_mobile.records.sensitivity import Search
from dmvton_mobile.utils.yaml_files import YamlKind
from training.recipe import PUBLISHED, Recipe, RecipeError, StageName

COMPRESSION_RECIPES = YamlKind("recipe", PUBLISHED / "compression", RecipeError, extra="train")


class PruneConfig(Strict):
    """How channels are pruned.

    Attributes:
        time: The time that the convolutions of a frame may still take, as a share of the original's, in (0, 1).
        images: The number of images that the importance of channels is estimated on.
        threads: The number of CPU threads that convolutions are timed with.
    """

    time: Annotated[float, Field(gt=0, lt=1)]
    images: Annotated[int, Field(ge=1)] = 64
    threads: Annotated[int, Field(ge=1)] = 2


class QuantizeConfig(Strict):
    """How a network is quantized to int8.

    Attributes:
        images: The number of images that the ranges of activations are calibrated on.
        keep_float: Patterns of layers that stay float32, like "generator.up_2.*".
        search: The search for more layers that must stay float32; None for no search.
    """

    images: Annotated[int, Field(ge=1)] = 64
    keep_float: tuple[str, ...] = ()
    search: Search | None = None


class CompressionRecipe(Strict):
    """The steps of a compression in their order; None for a step that is left out.

    Attributes:
        size: Height and width of the images, where no step trains.
        prune: Removes channels.
        finetune: Trains the pruned network, by self-distillation from the original.
        quantize: Quantizes to int8.
        train: Trains the quantized network, by self-distillation from the original.
    """

    size: tuple[int, int] = DEFAULT_SIZE
    prune: PruneConfig | None = None
    finetune: Recipe | None = None
    quantize: QuantizeConfig | None = None
    train: Recipe | None = None

    @property
    def training_recipes(self) -> list[Recipe]:
        """The recipes of the steps that train."""
        return [recipe for recipe in (self.finetune, self.train) if recipe is not None]


def load_compression_recipe(path: Path, overrides: Sequence[str] = ()) -> CompressionRecipe:
    """Loads a recipe of compression.

    Args:
        path: A YAML file, or the name of a recipe of this package.
        overrides: "key=value" with dotted keys and YAML values.

    Raises:
        RecipeError: The file is no recipe, or its steps make no sense together.
    """
    recipe = COMPRESSION_RECIPES.load(path, CompressionRecipe, overrides)
    if recipe.prune is None and recipe.quantize is None:
        raise RecipeError(f"{path} compresses nothing: it has neither prune nor quantize.")
    if recipe.finetune is not None and recipe.prune is None:
        raise RecipeError(f"{path}: finetune needs a pruned network: add prune, or leave finetune out.")
    if recipe.train is not None and recipe.quantize is None:
        raise RecipeError(f"{path}: train needs a quantized network: add quantize, or leave train out.")
    if recipe.prune is not None and recipe.finetune is None:
        raise RecipeError(f"{path}: prune needs finetune, whose losses tell the importance of channels: add finetune.")
    for training in recipe.training_recipes:
        if training.stage is not StageName.SELF_DISTILLATION:
            raise RecipeError(
                f"{path}: finetune and train must have the stage {StageName.SELF_DISTILLATION}, not {training.stage}."
            )
    return recipe
