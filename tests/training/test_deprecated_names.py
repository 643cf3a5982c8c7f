"""Files of version 0.1, which named stages and losses otherwise, are still read: recipes, runs, logs and cards.

`version_0_1` holds them as that version wrote them: published recipes, a run that was interrupted in `truth-tryon` and
the card of its network, and a compression that was interrupted in its stage `copy`.
"""

import json
import shutil
from pathlib import Path

import pytest

from dmvton_mobile.checkpoints.checkpoint import Card
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import parse_record
from training.compression.recipe import load_compression_recipe
from training.recipe import RecipeError, StageName, load_recipe, recipe_yaml
from training.runtime.log import read_log
from training.runtime.run_folder import RunFolder, TrainingData
from training.stages.build import stage_from_recipe

OLD = Path(__file__).parent / "version_0_1"
RENAMED = {
    "truth-warp": StageName.SUPERVISED_WARP,
    "truth-tryon": StageName.SUPERVISED_TRYON,
    "copy": StageName.SELF_DISTILLATION,
}


@pytest.mark.parametrize("name", ["lite-warp-cpu", "lite-tryon-cpu"])
def test_a_recipe_is_the_one_that_is_published_now(name: str) -> None:
    old = load_recipe(OLD / f"{name}.yaml")
    assert old == load_recipe(Path(name))
    assert f"stage: {old.stage}\n" in recipe_yaml(old) and old.stage.startswith("supervised-")
    assert stage_from_recipe(old).network.config.name == "dmvton-lite"


def test_a_compression_recipe_is_the_one_that_is_published_now() -> None:
    old = load_compression_recipe(OLD / "lite-int8-cpu.yaml")
    assert old == load_compression_recipe(Path("lite-int8-cpu"))
    assert old.train is not None and old.train.stage is StageName.SELF_DISTILLATION


@pytest.mark.parametrize(("old", "stage"), RENAMED.items())
def test_a_stage_is_set_by_its_old_name(old: str, stage: StageName) -> None:
    assert load_recipe(Path("lite"), [f"stage={old}"]).stage is stage
    with pytest.raises(RecipeError, match="'supervised-tryon'.* not 'truth'"):
        load_recipe(Path("lite"), ["stage=truth"])


@pytest.mark.parametrize("folder", ["run", "compression/finetuned"])
def test_a_run_goes_on_under_the_new_names(folder: str, tmp_path: Path) -> None:
    run = RunFolder(Path(shutil.copytree(OLD / folder, tmp_path / "run")))
    record = json.loads((OLD / folder / "run.json").read_text())
    written = (OLD / folder / "recipe.yaml").read_text()
    for old, new in RENAMED.items():
        written = written.replace(f"stage: {old}\n", f"stage: {new}\n")
    (tmp_path / "now.yaml").write_text(written)
    recipe, data = load_recipe(tmp_path / "now.yaml"), TrainingData.model_validate(record["data"])
    assert run.claim(recipe, data, record["inputs"], resume=True).data == data
    other = recipe.model_copy(update={"stage": StageName.SUPERVISED_WARP})
    with pytest.raises(DmvtonError, match="stage was .*, and is supervised-warp now"):
        run.claim(other, data, record["inputs"], resume=True)


def test_a_compression_goes_on_under_the_new_names() -> None:
    recipe = load_compression_recipe(OLD / "compression" / "compression.yaml")
    assert recipe.finetune is not None and recipe.finetune.stage is StageName.SELF_DISTILLATION


def test_the_losses_of_a_log_have_their_new_names() -> None:
    rows = read_log(OLD / "compression" / "finetuned" / "log.jsonl")
    expected = {"distilled_tryon", "distilled_flow", "distilled_composition", "distilled_rendered"}
    assert rows and all(expected < row.losses.keys() for row in rows)
    assert not any(name.startswith("copied") for row in rows for name in row.losses)
    assert rows[0].losses["distilled_tryon"] == 0.10888861864805222


def test_a_card_is_read() -> None:
    card = parse_record((OLD / "network.json").read_bytes(), Card, "network.json", DmvtonError)
    assert card.network == "dmvton-lite" and card.training is not None
    recipe = card.training["recipe"]
    assert isinstance(recipe, dict) and StageName(str(recipe["stage"])) is StageName.SUPERVISED_TRYON
