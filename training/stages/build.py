"""From a recipe to its stage: networks fresh or from checkpoints, the scheme with the recipe's numbers."""

from dataclasses import replace
from pathlib import Path

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.utils.files import sha256_file
from training.data.augmentation import AUGMENTATIONS
from training.losses.perceptual import Perceptual, StructuralPerceptual, VggPerceptual
from training.recipe import Recipe, StageName
from training.runtime.seeds import seed_everything
from training.stages.network_stage import Setting
from training.stages.paper_config import SCHEMES
from training.stages.registry import build_stage
from training.stages.stage import Stage


def stage_from_recipe(recipe: Recipe) -> Stage:
    """The stage on the CPU, in training mode; fresh weights follow from the seed. Raises DmvtonError."""
    if recipe.stage is StageName.COPY:
        raise DmvtonError("copy is a step of compression: dmvton compress trains it.")
    if (recipe.scheme == "rendered") is not recipe.stage.of_truth:
        raise DmvtonError("The scheme rendered has the stages truth-warp and truth-tryon, and no other scheme does.")
    setting = setting_from_recipe(recipe)
    if recipe.stage is StageName.STUDENT_WARP and setting.scheme.fresh and recipe.start is not None:
        raise DmvtonError(f"In {recipe.scheme}, {recipe.stage} starts with its teacher's weights: leave out start.")
    alone = recipe.network == "dmvton-lite"  # its warp has no stage under a teacher to go on from
    if recipe.stage.continues and recipe.start is None and not alone:
        before = recipe.stage.replace("tryon", "warp")
        raise DmvtonError(f"{recipe.stage} goes on from the checkpoint of {before}: --set start=PATH.")
    seed_everything(recipe.seed, "weights")
    network = build_network(recipe.network) if recipe.start is None else _loaded(recipe.start, recipe.network, "start")
    return build_stage(recipe.stage, network, setting, teacher=_teacher(recipe))


def setting_from_recipe(recipe: Recipe) -> Setting:
    """The paper's scheme with the recipe's learning rates and switches. Raises DmvtonError."""
    rates = recipe.learning_rates
    if recipe.stage.joint and rates.generator is None:
        raise DmvtonError(f"{recipe.stage} trains a generator: --set learning_rates.generator=RATE.")
    if not recipe.stage.joint and rates.generator is not None:
        raise DmvtonError(f"{recipe.stage} trains no generator: leave out learning_rates.generator.")
    scheme = replace(
        SCHEMES[recipe.scheme],
        distil=recipe.distillation,
        gate=recipe.gate,
        flow_truth_weight=recipe.flow_truth_weight,
    )
    return Setting(
        scheme=scheme,
        perceptual=_perceptual(recipe),
        warp_rate=rates.warp,
        generator_rate=rates.generator,
        constant_epochs=recipe.epochs.constant,
        augment=AUGMENTATIONS[recipe.augmentation],
    )


def input_digests(recipe: Recipe) -> dict[str, str]:
    """The SHA-256 of every file that a recipe names, by key. Raises DmvtonError where one is missing."""
    files = {
        "start": recipe.start,
        "teacher.checkpoint": recipe.teacher.checkpoint if recipe.teacher else None,
        "perceptual.weights": recipe.perceptual.weights,
    }
    for key, path in files.items():
        if path is not None and not path.is_file():
            raise DmvtonError(f"There is no file {path}, which the recipe names as {key}.")
    return {key: sha256_file(path) for key, path in files.items() if path is not None}


def _perceptual(recipe: Recipe) -> Perceptual:
    if recipe.perceptual.kind == "structural":
        return StructuralPerceptual()
    if recipe.perceptual.weights is None:
        raise DmvtonError(
            "The perceptual loss needs VGG-19's weights, and nothing is downloaded: --set perceptual.weights=PATH, or "
            "--set perceptual.kind=structural to do without."
        )
    return VggPerceptual(recipe.perceptual.weights)


def _teacher(recipe: Recipe) -> TryOnNetwork | None:
    if recipe.teacher is None:
        if recipe.stage.taught:
            raise DmvtonError(
                f"{recipe.stage} needs a teacher: --set teacher.network=NAME --set teacher.checkpoint=PATH."
            )
        return None
    if recipe.teacher.checkpoint is None:
        raise DmvtonError(f"{recipe.stage} needs its teacher's weights: --set teacher.checkpoint=PATH.")
    return _loaded(recipe.teacher.checkpoint, recipe.teacher.network, "teacher")


def _loaded(path: Path, name: str, key: str) -> TryOnNetwork:
    network, card = load_checkpoint(path)
    if card.network != name:
        raise DmvtonError(f"{path} holds {card.network}, and the recipe's {key} is to be {name}.")
    return network
