"""Compression of a checkpoint by a recipe: prune, finetune, calibrate, train; each step writes a checkpoint.

OUT/compression.yaml         the recipe, every key spelled out
OUT/original.safetensors     the network before compression
OUT/pruned.safetensors       the pruned network
OUT/finetuned/               the run that trains it
OUT/sensitivity.json         the damage that int8 does to each layer, and the layers that stay float32 because of it
OUT/calibrated.safetensors   the quantized network
OUT/int8/                    the run that trains it
OUT/steps.json               all checkpoints in order; written at the end
"""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from pydantic import JsonValue

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint, read_card, save_checkpoint
from dmvton_mobile.datasets.dataset import TryOnDataset, evenly_spaced_samples
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.records.base import parse_record, record_json
from dmvton_mobile.records.compression_steps import SENSITIVITY, CompressionStep, CompressionSteps, write_steps
from dmvton_mobile.records.sensitivity import Search, Sensitivity
from dmvton_mobile.utils.files import atomic_file
from training.compression.recipe import CompressionRecipe, PruneConfig, QuantizeConfig, load_compression_recipe
from training.data.sampler import SeededSamples
from training.recipe import Recipe, RecipeError, recipe_yaml
from training.runtime.distributed import DistributedContext
from training.runtime.run_folder import RunFolder, TrainingData
from training.stages.build import config_from_recipe
from training.stages.self_distillation import build_self_distillation
from training.stages.stage import Stage
from training.trainer import StepReport, train

CompressionCallback = Callable[[str, StepReport | None], None]  # the step in words; while it trains, its last report


class Compression:
    """A run of `dmvton compress`. Steps that are complete are not repeated; an interrupted training is resumed.

    Args:
        checkpoint: The float32 network.
        dataset: What pruning, calibration and training read.
        data: The description of the dataset in the records of training.
        recipe: The steps.
        out: The folder of the run.
        context: The place of this process; compression runs in one.
        on_step: Called when a step starts, and after every step of a training.
    """

    def __init__(
        self,
        checkpoint: Path,
        dataset: TryOnDataset,
        data: TrainingData,
        recipe: CompressionRecipe,
        out: Path,
        context: DistributedContext,
        on_step: CompressionCallback,
    ):
        self._checkpoint, self._dataset, self._data = checkpoint, dataset, data
        self._recipe, self._out, self._context, self._on_step = recipe, out, context, on_step

    def run(self) -> list[CompressionStep]:
        """Takes the steps of the recipe and returns them.

        Raises:
            DmvtonError: A step cannot be taken; the checkpoints before it are kept.
        """
        network = self._check_checkpoint()
        self._claim_folder()
        recipe, steps = self._recipe, [self._keep_original()]
        if recipe.prune is not None and recipe.finetune is not None:
            steps.append(self._prune(recipe.prune, recipe.finetune))
            steps.append(self._train("finetuned", recipe.finetune, steps[-1]))
        if recipe.quantize is not None:
            steps.append(self._calibrate(recipe.quantize, steps[-1]))
        if recipe.train is not None:
            steps.append(self._train("int8", recipe.train, steps[-1]))
        write_steps(self._out, CompressionSteps(network=network, steps=tuple(steps)))
        return steps

    def _check_checkpoint(self) -> str:
        """Returns the name of the network, which the recipe can compress."""
        _, card = load_checkpoint(self._checkpoint)
        if card.quantization is not None:
            raise DmvtonError(f"{self._checkpoint} is quantized already: compress the float network.")
        for recipe in self._recipe.training_recipes:
            if recipe.network != card.network:
                raise RecipeError(
                    f"{self._checkpoint} holds {card.network}, and the recipe trains {recipe.network}: pass a "
                    "checkpoint of that network, or --set its key network."
                )
        return card.network

    def _claim_folder(self) -> None:
        file = self._out / "compression.yaml"
        if file.exists():
            if load_compression_recipe(file) != self._recipe:
                raise DmvtonError(f"{self._out} holds a run of another recipe. Choose another --out.")
            return
        self._out.mkdir(parents=True, exist_ok=True)
        if any(self._out.iterdir()):
            raise DmvtonError(f"{self._out} is not empty, and no compression's folder. Choose another --out.")
        with atomic_file(file) as partial:
            partial.write_text(recipe_yaml(self._recipe), encoding="utf-8")

    def _keep_original(self) -> CompressionStep:
        """Copies the checkpoint byte by byte, so that a report needs this folder only."""
        original = self._out / "original.safetensors"
        for suffix in (".json", ".safetensors"):  # as checkpoints are written: the card first
            if not original.with_suffix(suffix).exists():
                with atomic_file(original.with_suffix(suffix)) as partial:
                    shutil.copyfile(self._checkpoint.with_suffix(suffix), partial)
        if read_card(original).weights_sha256 != read_card(self._checkpoint).weights_sha256:
            raise DmvtonError(f"{self._out} holds a run of another checkpoint. Choose another --out.")
        return CompressionStep(name="original", checkpoint=original.name)

    def _prune(self, config: PruneConfig, finetune: Recipe) -> CompressionStep:
        from training.compression.pruning.prune import prune  # needs onnxruntime and torch-pruning

        pruned = self._out / "pruned.safetensors"
        self._on_step("Pruning", None)
        if not pruned.exists():
            network, card = load_checkpoint(self._checkpoint)
            stage = self._self_distillation(network, finetune)
            seeded = SeededSamples(self._dataset, 0)
            samples = (collate([seeded[0, index]]) for index in self._spread_indices(config.images))
            result = prune(stage, samples, time=config.time, size=self._dataset.size, threads=config.threads)
            record: dict[str, JsonValue] = {"pruning": result.record(), "of": card.weights_sha256}
            save_checkpoint(stage.network, pruned, trained=card.trained, training=record, licence=card.licence)
        return CompressionStep(name="pruned", checkpoint=pruned.name)

    def _calibrate(self, config: QuantizeConfig, before: CompressionStep) -> CompressionStep:
        from dmvton_mobile.quantization import calibrate, prepare  # needs torchao, which the core does not

        calibrated = self._out / "calibrated.safetensors"
        if not calibrated.exists():
            network, card = load_checkpoint(self._out / before.checkpoint)
            quantization = Quantization(size=self._dataset.size, keep_float=config.keep_float)
            samples = evenly_spaced_samples(self._dataset, config.images)
            if config.search is not None:
                proposed = self._find_sensitivity(network, quantization, samples, config.search).proposed
                quantization = quantization.model_copy(update={"keep_float": (*config.keep_float, *proposed)})
            self._on_step("Calibrating", None)
            network = prepare(network, quantization)
            calibrate(network, samples)
            record: dict[str, JsonValue] = {"calibrated": True, "of": card.weights_sha256}
            save_checkpoint(network, calibrated, trained=card.trained, training=record, licence=card.licence)
        return CompressionStep(name="calibrated", checkpoint=calibrated.name, quantized=True)

    def _find_sensitivity(
        self, network: TryOnNetwork, quantization: Quantization, samples: list[TryOnSample], search: Search
    ) -> Sensitivity:
        from training.compression.sensitivity import find_sensitivity  # needs onnxruntime and torchao

        file = self._out / SENSITIVITY
        if file.exists():
            return parse_record(file.read_bytes(), Sensitivity, str(file), DmvtonError)
        found = find_sensitivity(network, quantization, samples, search, lambda step: self._on_step(step, None))
        with atomic_file(file) as partial:
            partial.write_text(record_json(found), encoding="utf-8")
        return found

    def _train(self, name: str, recipe: Recipe, before: CompressionStep) -> CompressionStep:
        start, folder = self._out / before.checkpoint, RunFolder(self._out / name)
        if not folder.network.exists():
            network, _ = load_checkpoint(start)
            _mark_quantization_trained(network)
            train(
                self._self_distillation(network, recipe).train(),
                self._dataset,
                self._data,
                recipe.model_copy(update={"start": start}),
                folder.path,
                self._context,
                resume=folder.record.exists(),
                on_step=lambda report: self._on_step(f"Training {name}", report),
            )
        checkpoint = folder.network.relative_to(self._out).as_posix()
        return CompressionStep(name=name, checkpoint=checkpoint, quantized=before.quantized)

    def _self_distillation(self, network: TryOnNetwork, recipe: Recipe) -> Stage:
        """The stage in which a compressed network is trained by the original one."""
        original, _ = load_checkpoint(self._checkpoint)
        return build_self_distillation(network, config_from_recipe(recipe), original)

    def _spread_indices(self, count: int) -> range:
        return range(0, len(self._dataset), max(1, len(self._dataset) // count))[:count]


def _mark_quantization_trained(network: TryOnNetwork) -> None:
    """Notes in a quantized network's config that its weights are trained, and lets its weight scales follow them."""
    quantization = network.config.quantization
    if quantization is None:
        return
    from dmvton_mobile.quantization import follow_weights  # needs torchao

    network.config = replace(network.config, quantization=quantization.model_copy(update={"trained": True}))
    follow_weights(network)
