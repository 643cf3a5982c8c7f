"""Compression by a recipe: prune, train what is left, calibrate eight bits, train under them; a checkpoint each.

RUN/compression.yaml      the recipe, every key spelled out
RUN/original.safetensors  what was compressed
RUN/pruned.safetensors    after pruning; RUN/finetuned/, the run that trains it
RUN/sensitivity.json      which layers eight bits hurt, and what stays float32 therefore
RUN/calibrated.safetensors   after calibration; RUN/int8/, the run that trains under it
RUN/steps.json            all of these in order, when the last is there
"""

import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import Field, JsonValue

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint, read_card, save_checkpoint
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.networks.lite import LiteNetwork
from dmvton_mobile.records.base import Strict, parse_record, record_json
from dmvton_mobile.records.compression_steps import SENSITIVITY, CompressionSteps, Step, write_steps
from dmvton_mobile.records.sensitivity import Search, Sensitivity
from dmvton_mobile.utils.files import atomic_file
from dmvton_mobile.utils.yaml_files import YamlKind
from training.data.sampler import Seeded
from training.recipe import PUBLISHED, Recipe, RecipeError, StageName, recipe_yaml
from training.runtime.distributed import World
from training.runtime.run_folder import Data, RunFolder
from training.stages.build import setting_from_recipe
from training.stages.self_distillation import Copy, TruthCopy
from training.stages.stage import Stage
from training.trainer import Told, train

COMPRESSIONS = YamlKind("recipe", PUBLISHED / "compression", RecipeError, extra="train")


class Prune(Strict):
    """time: of the convolutions of a frame, the share that is left. images: that channels are judged on. threads: that
    convolutions are timed with."""

    time: Annotated[float, Field(gt=0, lt=1)]
    images: Annotated[int, Field(ge=1)] = 64
    threads: Annotated[int, Field(ge=1)] = 2


class Quantize(Strict):
    """images: that ranges come from. keep_float: patterns of layers that stay float32. search: for the layers that must
    stay float32, too; None: none are sought."""

    images: Annotated[int, Field(ge=1)] = 64
    keep_float: tuple[str, ...] = ()
    search: Search | None = None


class CompressionRecipe(Strict):
    """What is done, in this order; None: not done. finetune, train: recipes of the stage `copy`. size: of pictures,
    where nothing is trained."""

    size: tuple[int, int] = DEFAULT_SIZE
    prune: Prune | None = None
    finetune: Recipe | None = None
    quantize: Quantize | None = None
    train: Recipe | None = None


def load_compression(path: Path, overrides: list[str]) -> CompressionRecipe:
    """The recipe in a YAML file, or the one of ours of that name. Raises RecipeError."""
    recipe = COMPRESSIONS.load(path, CompressionRecipe, overrides)
    if recipe.prune is None and recipe.quantize is None:
        raise RecipeError(f"{path} compresses nothing: it says neither prune nor quantize.")
    for name, needed, trained in (
        ("finetune", recipe.prune, recipe.finetune),
        ("train", recipe.quantize, recipe.train),
    ):
        if trained is not None and needed is None:
            raise RecipeError(f"{path}: {name} trains what no step before it made.")
        if trained is not None and trained.stage is not StageName.COPY:
            raise RecipeError(f"{path}: {name} must have the stage copy, not {trained.stage}.")
    return recipe


class Compression:
    """One run. Steps that have ended are not done again; training goes on where it was."""

    def __init__(
        self,
        checkpoint: Path,
        dataset: TryOnDataset,
        described: Data,
        recipe: CompressionRecipe,
        out: Path,
        world: World,
        on_step: Callable[[str, Told | None], None],
    ):
        self._checkpoint, self._dataset, self._described = checkpoint, dataset, described
        self._recipe, self._out, self._world, self._on_step = recipe, out, world, on_step

    def run(self) -> list[Step]:
        """Raises DmvtonError; what was done by then is kept."""
        original, card = load_checkpoint(self._checkpoint)
        if card.quantization is not None:
            raise DmvtonError(f"{self._checkpoint} is quantized already: compress the float network.")
        for training in (self._recipe.finetune, self._recipe.train):
            if training is not None and training.network != card.network:
                raise RecipeError(
                    f"{self._checkpoint} holds {card.network}, and the recipe trains {training.network}: pass a "
                    "checkpoint of that network, or --set its key network."
                )
        self._claim()
        steps = [Step(name="original", checkpoint=self._keep_original()), *self._pruning(original)]
        steps += self._quantizing(self._out / steps[-1].checkpoint)
        write_steps(self._out, CompressionSteps(network=card.network, steps=tuple(steps)))
        return steps

    def _claim(self) -> None:
        file, text = self._out / "compression.yaml", recipe_yaml(self._recipe)
        if file.exists():
            if file.read_text(encoding="utf-8") != text:
                raise DmvtonError(f"{self._out} holds a run of another recipe. Choose another --out.")
            return
        self._out.mkdir(parents=True, exist_ok=True)
        if any(self._out.iterdir()):
            raise DmvtonError(f"{self._out} is not empty, and no compression's folder. Choose another --out.")
        with atomic_file(file) as partial:
            partial.write_text(text, encoding="utf-8")

    def _keep_original(self) -> str:
        """A copy, byte by byte, so that the folder is all that a report needs."""
        kept = self._out / "original.safetensors"
        for suffix in (".json", ".safetensors"):  # as checkpoints are written: the card first
            if not kept.with_suffix(suffix).exists():
                with atomic_file(kept.with_suffix(suffix)) as partial:
                    shutil.copyfile(self._checkpoint.with_suffix(suffix), partial)
        if read_card(kept).weights_sha256 != read_card(self._checkpoint).weights_sha256:
            raise DmvtonError(f"{self._out} holds a run of another checkpoint. Choose another --out.")
        return kept.name

    def _pruning(self, original: TryOnNetwork) -> Iterator[Step]:
        from training.compression.pruning.prune import prune  # needs onnxruntime and torch-pruning

        wanted, pruned = self._recipe.prune, self._out / "pruned.safetensors"
        if wanted is None:
            return
        self._on_step("Pruning", None)
        if not pruned.exists():
            network, card = load_checkpoint(self._checkpoint)
            stage = self._stage(network, original, self._recipe.finetune)
            samples = (collate([self._seeded[0, index]]) for index in self._indices(wanted.images))
            done = prune(stage, samples, time=wanted.time, size=self._dataset.size, threads=wanted.threads)
            record: dict[str, JsonValue] = {"pruning": done.record(), "of": card.weights_sha256}
            save_checkpoint(stage.network, pruned, trained=card.trained, training=record, licence=card.licence)
        yield Step(name="pruned", checkpoint=pruned.name)
        if self._recipe.finetune is not None:
            yield self._trained("finetuned", self._recipe.finetune, pruned, quantized=False)

    def _quantizing(self, before: Path) -> Iterator[Step]:
        from dmvton_mobile.quantization import calibrate, prepare, spread  # torchao is no package of the core

        wanted, calibrated = self._recipe.quantize, self._out / "calibrated.safetensors"
        if wanted is None:
            return
        if not calibrated.exists():
            network, card = load_checkpoint(before)
            quantization = Quantization(size=self._dataset.size, keep_float=wanted.keep_float)
            samples = spread(self._dataset, wanted.images)
            if wanted.search is not None:
                proposed = self._sensitivity(network, quantization, samples, wanted.search).proposed
                quantization = quantization.model_copy(update={"keep_float": (*wanted.keep_float, *proposed)})
            self._on_step("Calibrating", None)
            network = prepare(network, quantization)
            calibrate(network, samples)
            record: dict[str, JsonValue] = {"calibrated": True, "of": card.weights_sha256}
            save_checkpoint(network, calibrated, trained=card.trained, training=record, licence=card.licence)
        yield Step(name="calibrated", checkpoint=calibrated.name, quantized=True)
        if self._recipe.train is not None:
            yield self._trained("int8", self._recipe.train, calibrated, quantized=True)

    def _sensitivity(
        self, network: TryOnNetwork, quantization: Quantization, samples: list[TryOnSample], search: Search
    ) -> Sensitivity:
        from training.compression.sensitivity import find_sensitivity

        file = self._out / SENSITIVITY
        if file.exists():
            return parse_record(file.read_bytes(), Sensitivity, str(file), DmvtonError)

        def told(done: int, total: int) -> None:
            self._on_step(f"Quantizing each layer alone, {done} of {total}", None)

        found = find_sensitivity(network, quantization, samples, search, told)
        with atomic_file(file) as partial:
            partial.write_text(record_json(found), encoding="utf-8")
        return found

    def _trained(self, name: str, recipe: Recipe, start: Path, *, quantized: bool) -> Step:
        folder = RunFolder(self._out / name)
        if not folder.network.exists():
            network, _ = load_checkpoint(start)
            original, _ = load_checkpoint(self._checkpoint)
            quantization = network.config.quantization
            if quantization is not None:
                from dmvton_mobile.quantization import follow_weights

                trained = quantization.model_copy(update={"trained": True})
                network.config = replace(network.config, quantization=trained)
                follow_weights(network)
            stage = self._stage(network, original, recipe)
            train(
                stage.train(),
                self._dataset,
                self._described,
                recipe.model_copy(update={"start": start}),
                folder.path,
                self._world,
                resume=folder.record.exists(),
                on_step=lambda told: self._on_step(f"Training {name}", told),
            )
        checkpoint = folder.network.relative_to(self._out).as_posix()
        return Step(name=name, checkpoint=checkpoint, quantized=quantized)

    def _stage(self, network: TryOnNetwork, original: TryOnNetwork, recipe: Recipe | None) -> Stage:
        if recipe is None:
            raise RecipeError("Pruning judges channels by the losses of finetune: the recipe must have it.")
        kind = TruthCopy if isinstance(network, LiteNetwork) else Copy
        return kind(network, setting_from_recipe(recipe), original)

    @property
    def _seeded(self) -> Seeded:
        return Seeded(self._dataset, 0)

    def _indices(self, count: int) -> range:
        return range(0, len(self._dataset), max(1, len(self._dataset) // count))[:count]
