"""Recipes: ours are as published, a mistake in one is one clear sentence."""

from pathlib import Path

import pytest

from training.recipe import (
    Recipe,
    RecipeError,
    StageName,
    TrainingPrecision,
    load_recipe,
    published_recipes,
    recipe_yaml,
)
from training.stages.build import stage_from_recipe

# scheme and stage: network, teacher, warp's and generator's rate, batch, epochs constant and decaying
AS_PUBLISHED = {
    "dmvton-teacher-warp": ("fsvton-teacher", None, 5e-5, None, 18, (50, 50)),
    "dmvton-teacher-tryon": ("fsvton-teacher", None, 1e-5, 5e-5, 14, (50, 50)),
    "dmvton-student-warp": ("dmvton-student", "fsvton-teacher", 5e-5, None, 8, (50, 50)),
    "dmvton-student-tryon": ("dmvton-student", "fsvton-teacher", 1e-5, 5e-5, 6, (50, 50)),
    "pfafn-teacher-warp": ("pfafn-tutor", None, 5e-5, None, 32, (50, 50)),
    "pfafn-teacher-tryon": ("pfafn-tutor", None, 1e-5, 5e-5, 32, (50, 50)),
    "pfafn-student-warp": ("pfafn-student", "pfafn-tutor", 3e-5, None, 32, (100, 100)),
    "pfafn-student-tryon": ("pfafn-student", "pfafn-tutor", 1e-5, 5e-5, 32, (50, 50)),
}


def ours(name: str, *overrides: str) -> Recipe:
    return load_recipe(Path(name), overrides)


def test_every_scheme_and_budget_has_all_stages() -> None:
    stages = [stage for stage in StageName if not stage.supervised and stage is not StageName.SELF_DISTILLATION]
    expected = [f"{kind}-{stage}" for kind in ("cpu", "dmvton", "pfafn") for stage in stages]
    assert published_recipes() == sorted([*expected, "lite", "lite-warp-cpu", "lite-tryon-cpu", "lite-student"])


@pytest.mark.parametrize("name", ["lite", "lite-warp-cpu", "lite-tryon-cpu"])
def test_ours_need_nothing_but_rendered_data(name: str) -> None:
    assert (ours(name).stage.supervised, ours(name).teacher, ours(name).start) == (True, None, None)
    assert stage_from_recipe(ours(name)).network.config.name == "dmvton-lite"


@pytest.mark.parametrize("name", AS_PUBLISHED)
def test_as_published(name: str) -> None:
    loaded = ours(name)
    network, teacher, warp, generator, batch, epochs = AS_PUBLISHED[name]
    assert f"{loaded.scheme}-{loaded.stage}" == name
    assert (loaded.network, loaded.teacher and loaded.teacher.network) == (network, teacher)
    assert (loaded.learning_rates.warp, loaded.learning_rates.generator) == (warp, generator)
    assert (loaded.batch_size, (loaded.epochs.constant, loaded.epochs.decaying)) == (batch, epochs)
    assert (loaded.optimiser.name, loaded.optimiser.betas, loaded.optimiser.weight_decay) == ("adam", (0.5, 0.999), 0)
    assert (loaded.perceptual.kind, loaded.precision, loaded.ema_decay) == ("vgg19", TrainingPrecision.FP32, None)
    assert loaded.distillation and loaded.gate and loaded.steps_per_epoch is None


@pytest.mark.parametrize("name", published_recipes())
def test_the_resolved_recipe_is_the_same_recipe(name: str, tmp_path: Path) -> None:
    loaded = ours(name)
    (tmp_path / "recipe.yaml").write_text(recipe_yaml(loaded))
    assert load_recipe(tmp_path / "recipe.yaml") == loaded


def test_values_are_set_by_dotted_keys() -> None:
    changed = ours(
        "dmvton-student-tryon", "teacher.checkpoint=t.safetensors", "optimiser.name=adamw", "learning_rates.warp=1e-4",
        "size=[128, 96]", "ema_decay=0.999", "precision=bf16", "gate=false", "optimiser.betas=[0.9, 0.99]",
    )  # fmt: skip
    assert changed.teacher is not None and changed.teacher.checkpoint == Path("t.safetensors")
    assert (changed.optimiser.name, changed.optimiser.betas) == ("adamw", (0.9, 0.99))
    assert (changed.learning_rates.warp, changed.size, changed.ema_decay) == (1e-4, (128, 96), 0.999)
    assert changed.precision is TrainingPrecision.BF16 and not changed.gate
    assert ours("dmvton-teacher-warp", "teacher.network=pfafn-tutor").teacher is not None


@pytest.mark.parametrize(
    ("override", "sentence"),
    [
        ("batchsize=4", "there is no key batchsize. Known: scheme, stage, network, start, teacher, epochs, batch_size"),
        ("teacher.file=a.pt", "there is no key teacher.file. Known: network, checkpoint"),
        ("epochs.total=9", "there is no key epochs.total. Known: constant, decaying"),
        ("batch_size=many", "batch_size: .*integer.* not 'many'"),
        ("batch_size=0", "batch_size: .*greater than or equal to 1, not 0"),
        ("batch_size=true", "batch_size: .*integer"),
        ("learning_rates.warp=-1.0", "learning_rates.warp: .*greater than 0"),
        ("learning_rates.warp=.nan", "learning_rates.warp: .*finite"),
        ("learning_rates=null", "learning_rates: "),
        ("epochs={constant: 0, decaying: 0}", "epochs: .*nothing would be trained"),
        ("epochs={constant: 1}", "the key epochs.decaying is missing"),
        ("ema_decay=1.0", "ema_decay: .*less than 1"),
        ("precision=fp8", "precision: .*'fp32', 'bf16' or 'fp16', not 'fp8'"),
        ("stage=student", "stage: .*'teacher-warp'"),
        ("scheme=viton", "scheme: .*'dmvton', 'pfafn' or 'rendered'"),
        ("size=[100, 96]", "size: .*multiples of 32"),
        ("optimiser.betas=[0.5, 1.0]", "optimiser.betas: .*less than 1"),
        (
            "perceptual={kind: structural, weights: v.pth}",
            "perceptual.weights: the structural comparison has no weights",
        ),
        ("seed.value=3", "seed is a single value|there is no key|seed: "),
        ("batch_size.count=3", "--set batch_size.count=3: batch_size is a single value"),
        ("batch_size", "is no key=value"),
        (".warp=3", "is no key=value"),
        ("batch_size=[1", "'\\[1' is no YAML value"),
    ],
)
def test_a_mistake_is_named(override: str, sentence: str) -> None:
    with pytest.raises(RecipeError, match=sentence) as caught:
        ours("dmvton-student-tryon", override)
    assert caught.value.exit_code == 2


def test_a_mistake_is_said_to_be_in_the_file_or_the_override() -> None:
    with pytest.raises(RecipeError, match="^.*dmvton-teacher-warp.yaml with seed=3, batch_size=0: batch_size"):
        ours("dmvton-teacher-warp", "seed=3", "batch_size=0")


@pytest.mark.parametrize(
    ("content", "sentence"),
    [
        ("- a\n- b\n", "is no recipe"),
        ("scheme: [", "is no YAML"),
        ("scheme: dmvton\n", "the key stage is missing; the key network is missing"),
        ("a: !!python/object/apply:os.getcwd []\n", "is no YAML"),
    ],
)
def test_a_file_that_is_no_recipe(content: str, sentence: str, tmp_path: Path) -> None:
    path = tmp_path / "mine.yaml"
    path.write_text(content)
    with pytest.raises(RecipeError, match=sentence) as caught:
        load_recipe(path)
    assert str(path) in str(caught.value)


def test_a_file_that_is_not_there_and_one_that_is_no_text(tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match="none.yaml cannot be read .*Ours: cpu-student-tryon"):
        load_recipe(tmp_path / "none.yaml")
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\xfa")
    with pytest.raises(RecipeError, match="is no YAML"):
        load_recipe(tmp_path / "binary.yaml")


def test_a_record_names_files_and_not_where_they_lie() -> None:
    paths = ("start=/elsewhere/s.safetensors", "teacher.checkpoint=runs/t.safetensors", "perceptual.kind=vgg19",
             "perceptual.weights=/elsewhere/vgg.pth")  # fmt: skip
    chosen = ours("cpu-student-tryon", *paths)
    record = chosen.without_folders().model_dump(mode="json")
    assert record["start"] == "s.safetensors" and record["perceptual"]["weights"] == "vgg.pth"
    assert record["teacher"]["checkpoint"] == "t.safetensors"
    same = {key: value for key, value in chosen.model_dump(mode="json").items() if record[key] == value}
    assert set(record) - set(same) == {"start", "teacher", "perceptual"}
    assert ours("lite").without_folders() == ours("lite")
