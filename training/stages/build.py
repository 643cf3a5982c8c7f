"""From a recipe to its stage: networks fresh or from checkpoints, the paper's config with the recipe's numbers."""

from dataclasses import replace
from pathlib import Path
from typing import assert_never

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint
from dmvton_mobile.errors import DmvtonError, UnknownName
from dmvton_mobile.networks import TryOnNetwork, build_network
from dmvton_mobile.networks.warp import FlowKind
from dmvton_mobile.utils.files import sha256_file
from training.data.augmentation import AUGMENTATIONS
from training.losses.perceptual import PerceptualLoss, StructuralPerceptual, VggPerceptual
from training.recipe import Recipe, StageName
from training.runtime.seeds import seed_everything
from training.stages.lite_student import LiteStudent
from training.stages.paper_config import PAPERS
from training.stages.stage import Stage, StageConfig
from training.stages.student_stages import StudentTryOn, StudentWarp, inherit
from training.stages.supervised import SupervisedTryOn, SupervisedWarp
from training.stages.teacher import DistillationTeacher
from training.stages.teacher_stages import TeacherTryOn, TeacherWarp


def stage_from_recipe(recipe: Recipe) -> Stage:
    """The stage on the CPU, in training mode; fresh weights follow from the recipe's seed.

    Raises:
        DmvtonError: The recipe lacks a file, names one that does not suit, or its keys do not go together.
    """
    if recipe.stage is StageName.SELF_DISTILLATION:
        raise DmvtonError(f"{recipe.stage} is a step of compression: dmvton compress trains it.")
    if (recipe.scheme == "rendered") is not recipe.stage.supervised:
        raise DmvtonError(
            "The scheme rendered has the stages supervised-warp and supervised-tryon, and no other scheme does."
        )
    config = config_from_recipe(recipe)
    if recipe.stage is StageName.STUDENT_WARP and config.paper.inherit_warp and recipe.start is not None:
        raise DmvtonError(f"In {recipe.scheme}, {recipe.stage} starts with its teacher's weights: leave out start.")
    seed_everything(recipe.seed, "weights")
    network = build_network(recipe.network) if recipe.start is None else _load(recipe.start, recipe.network, "start")
    has_warp_stage = network.warp.aflow_net.kind is FlowKind.LEVELS  # under a teacher; dmvton-lite has none
    if recipe.stage.continues_warp_stage and recipe.start is None and has_warp_stage:
        before = recipe.stage.replace("tryon", "warp")
        raise DmvtonError(f"{recipe.stage} goes on from the checkpoint of {before}: --set start=PATH.")
    return build_stage(recipe.stage, network, config, teacher=_teacher(recipe))


def config_from_recipe(recipe: Recipe) -> StageConfig:
    """The paper's config with the recipe's learning rates and switches.

    Raises:
        DmvtonError: A learning rate is missing or one too many, or the perceptual loss lacks its weights.
    """
    rates = recipe.learning_rates
    if recipe.stage.trains_generator and rates.generator is None:
        raise DmvtonError(f"{recipe.stage} trains a generator: --set learning_rates.generator=RATE.")
    if not recipe.stage.trains_generator and rates.generator is not None:
        raise DmvtonError(f"{recipe.stage} trains no generator: leave out learning_rates.generator.")
    paper = replace(
        PAPERS[recipe.scheme],
        distil=recipe.distillation,
        gate=recipe.gate,
        flow_truth_weight=recipe.flow_truth_weight,
    )
    return StageConfig(
        paper=paper,
        perceptual=_perceptual_loss(recipe),
        warp_rate=rates.warp,
        generator_rate=rates.generator,
        constant_epochs=recipe.epochs.constant,
        augment=AUGMENTATIONS[recipe.augmentation],
    )


def build_stage(name: str, network: TryOnNetwork, config: StageConfig, *, teacher: TryOnNetwork | None = None) -> Stage:
    """The stage of that name, in training mode.

    `student-warp` first copies the teacher's weights into the network where the paper has the student inherit them.

    Args:
        name: a `StageName` but self-distillation, which `self_distillation.build_self_distillation` builds.
        network: trained in place; parser-based for the teacher's stages, parser-free for the student's (`dmvton-lite`
            has student-tryon alone), `dmvton-lite` for the supervised ones.
        config: of the stage.
        teacher: a trained parser-based network, for the student's stages; frozen.

    Raises:
        UnknownName: There is no such stage.
        DmvtonError: The networks do not suit the stage.
    """
    stage_name = _stage_name(name)
    if teacher is not None and not stage_name.has_teacher:
        raise DmvtonError(f"{name} has no teacher: leave the teacher out.")
    match stage_name:
        case StageName.TEACHER_WARP:
            stage: Stage = TeacherWarp(network, config)
        case StageName.TEACHER_TRYON:
            stage = TeacherTryOn(network, config)
        case StageName.STUDENT_WARP:
            stage = _student_warp(network, config, _required(teacher, name))
        case StageName.STUDENT_TRYON:
            stage = _student_tryon(network, config, _required(teacher, name))
        case StageName.SUPERVISED_WARP:
            stage = SupervisedWarp(network, config)
        case StageName.SUPERVISED_TRYON:
            stage = SupervisedTryOn(network, config)
        case StageName.SELF_DISTILLATION:
            raise DmvtonError(f"{name} is a step of compression: dmvton compress trains it.")
        case unknown:
            assert_never(unknown)
    return stage.train()


def input_digests(recipe: Recipe) -> dict[str, str]:
    """The SHA-256 of every file that a recipe names, by key.

    Raises:
        DmvtonError: A file is missing.
    """
    files = {
        "start": recipe.start,
        "teacher.checkpoint": recipe.teacher.checkpoint if recipe.teacher else None,
        "perceptual.weights": recipe.perceptual.weights,
    }
    for key, path in files.items():
        if path is not None and not path.is_file():
            raise DmvtonError(f"There is no file {path}, which the recipe names as {key}.")
    return {key: sha256_file(path) for key, path in files.items() if path is not None}


def _stage_name(name: str) -> StageName:
    try:
        return StageName(name)
    except ValueError as error:
        built_here = [str(stage) for stage in StageName if stage is not StageName.SELF_DISTILLATION]
        raise UnknownName("stage", name, built_here) from error


def _student_warp(network: TryOnNetwork, config: StageConfig, teacher: TryOnNetwork) -> Stage:
    stage = StudentWarp(network, config, DistillationTeacher(teacher))
    if config.paper.inherit_warp:
        inherit(network.warp, teacher.warp)
    return stage


def _student_tryon(network: TryOnNetwork, config: StageConfig, teacher: TryOnNetwork) -> Stage:
    match network.warp.aflow_net.kind:
        case FlowKind.LEVELS:
            return StudentTryOn(network, config, DistillationTeacher(teacher))
        case FlowKind.MATCHING:
            return LiteStudent(network, config, DistillationTeacher(teacher))
        case kind:
            assert_never(kind)


def _required(teacher: TryOnNetwork | None, stage: str) -> TryOnNetwork:
    if teacher is None:
        raise DmvtonError(f"{stage} needs a teacher: name its checkpoint.")
    return teacher


def _teacher(recipe: Recipe) -> TryOnNetwork | None:
    if recipe.teacher is None:
        if recipe.stage.has_teacher:
            raise DmvtonError(
                f"{recipe.stage} needs a teacher: --set teacher.network=NAME --set teacher.checkpoint=PATH."
            )
        return None
    if recipe.teacher.checkpoint is None:
        raise DmvtonError(f"{recipe.stage} needs its teacher's weights: --set teacher.checkpoint=PATH.")
    return _load(recipe.teacher.checkpoint, recipe.teacher.network, "teacher")


def _perceptual_loss(recipe: Recipe) -> PerceptualLoss:
    chosen = recipe.perceptual
    match chosen.kind:
        case "structural":
            return StructuralPerceptual()
        case "vgg19":
            if chosen.weights is None:
                raise DmvtonError(
                    "The perceptual loss needs VGG-19's weights, and nothing is downloaded: --set "
                    "perceptual.weights=PATH, or --set perceptual.kind=structural to do without."
                )
            return VggPerceptual(chosen.weights)
        case kind:
            assert_never(kind)


def _load(path: Path, name: str, key: str) -> TryOnNetwork:
    network, card = load_checkpoint(path)
    if card.network != name:
        raise DmvtonError(f"{path} holds {card.network}, and the recipe's {key} is to be {name}.")
    return network
