"""`dmvton compress`: its steps and their files, going on after an interrupt, and what it refuses."""

import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml

from dmvton_mobile.checkpoints.checkpoint import load_checkpoint, read_card, save_checkpoint
from dmvton_mobile.checkpoints.weights import default_weights
from dmvton_mobile.cli.main import main
from dmvton_mobile.networks import build_network
from dmvton_mobile.records.base import parse_record
from dmvton_mobile.records.compression_steps import STEPS, read_steps
from dmvton_mobile.records.sensitivity import Sensitivity
from tests.conftest import SMALL
from tests.rendered import rendered_people
from training.compression.recipe import COMPRESSION_RECIPES, load_compression_recipe
from training.recipe import RecipeError

IMAGES = 16
TRAIN: dict[str, Any] = {
    "scheme": "rendered",
    "stage": "self-distillation",
    "network": "dmvton-lite",
    "epochs": {"constant": 0, "decaying": 1},
    "steps_per_epoch": 2,
    "batch_size": 2,
    "learning_rates": {"warp": 1e-5, "generator": 1e-5},
    "perceptual": {"kind": "structural"},
    "size": list(SMALL),
    "checkpoint_every": 1,
}
SEARCH = {"psnr_db": 15, "flow_px": 20, "images": 1, "threads": 1}


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("people") / "people", IMAGES)


@pytest.fixture(scope="module")
def lite() -> Path:
    path = default_weights("dmvton-lite")
    assert path is not None
    return path


def written(folder: Path, recipe: dict[str, Any]) -> Path:
    path = folder / "recipe.yaml"
    path.write_text(yaml.safe_dump({"size": list(SMALL), **recipe}))
    return path


def compress(checkpoint: Path, people: Path, recipe: Path, out: Path) -> int:
    try:
        main(
            [
                "compress",
                "--checkpoint",
                str(checkpoint),
                "--data",
                str(people),
                "--recipe",
                str(recipe),
                "--out",
                str(out),
            ]
        )
    except SystemExit as ended:
        return int(ended.code or 0)
    return 0


@pytest.fixture(scope="module")
def run(lite: Path, people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Eight bits with a search and training; generator only, to be quick."""
    folder = tmp_path_factory.mktemp("run")
    quantize = {"images": IMAGES, "keep_float": ["warp"], "search": SEARCH}
    assert compress(lite, people, written(folder, {"quantize": quantize, "train": TRAIN}), folder / "int8") == 0
    return folder / "int8"


def test_every_step_leaves_a_checkpoint(run: Path, lite: Path) -> None:
    original = read_card(lite)
    steps = read_steps(run)
    assert [(step.name, step.quantized) for step in steps.steps] == [
        ("original", False),
        ("calibrated", True),
        ("int8", True),
    ]
    assert read_card(run / steps.steps[0].checkpoint) == original
    calibrated, trained = (read_card(run / name) for name in ("calibrated.safetensors", "int8/network.safetensors"))
    assert calibrated.quantization and trained.quantization
    assert calibrated.training and calibrated.training["of"] == original.weights_sha256
    assert trained.training and trained.training["inputs"] == {"start": calibrated.weights_sha256}
    assert not calibrated.quantization.trained and trained.quantization.trained
    assert calibrated.quantization.calibration and calibrated.quantization.calibration.images == IMAGES
    assert "warp" in trained.quantization.keep_float


def test_the_search_is_on_record(run: Path) -> None:
    found = parse_record((run / "sensitivity.json").read_bytes(), Sensitivity, "sensitivity.json", RecipeError)
    assert found.network == "dmvton-lite" and found.search.psnr_db == SEARCH["psnr_db"]
    assert found.layers and all(each.layer.startswith("generator") for each in found.layers)


def test_what_has_ended_is_not_done_again(
    run: Path, lite: Path, people: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def written_at() -> dict[Path, int]:
        return {path: path.stat().st_mtime_ns for path in run.rglob("*") if path.is_file() and path.name != STEPS}

    before, steps = written_at(), (run / STEPS).read_bytes()
    assert compress(lite, people, run / "compression.yaml", run) == 0
    assert before == written_at() and steps == (run / STEPS).read_bytes()
    assert "int8" in capsys.readouterr().out


def test_what_is_missing_is_made_again(run: Path, lite: Path, people: Path) -> None:
    sha = read_card(run / "int8" / "network.safetensors").weights_sha256
    for name in ("network.safetensors", "network.json"):
        (run / "int8" / name).unlink()
    assert compress(lite, people, run / "compression.yaml", run) == 0
    assert read_card(run / "int8" / "network.safetensors").weights_sha256 == sha


def test_a_folder_of_before_the_stage_was_renamed(run: Path, lite: Path, people: Path, tmp_path: Path) -> None:
    old = shutil.copytree(run, tmp_path / "old")
    for file in (old / "compression.yaml", old / "int8" / "recipe.yaml"):
        file.write_text(file.read_text().replace("stage: self-distillation", "stage: copy"))
        assert "stage: copy" in file.read_text()
    log = old / "int8" / "log.jsonl"
    log.write_text(log.read_text().replace("distilled_", "copied_").splitlines(keepends=True)[0])
    for name in ("network.safetensors", "network.json"):
        (old / "int8" / name).unlink()
    assert compress(lite, people, run / "compression.yaml", old) == 0
    trained, expected = (read_card(folder / "int8" / "network.safetensors") for folder in (old, run))
    assert trained.weights_sha256 == expected.weights_sha256


def test_pruned_and_quantized(lite: Path, people: Path, tmp_path: Path) -> None:
    """Each step goes on from the one before it."""
    prune = {"time": 0.97, "images": 1, "threads": 1}
    quantize = {"images": IMAGES, "keep_float": ["warp"]}
    recipe = written(tmp_path, {"prune": prune, "finetune": TRAIN, "quantize": quantize})
    assert compress(lite, people, recipe, tmp_path / "run") == 0
    names = ("pruned.safetensors", "finetuned/network.safetensors", "calibrated.safetensors")
    pruned, finetuned, calibrated = (read_card(tmp_path / "run" / name) for name in names)
    assert pruned.config["widths"] and pruned.config == finetuned.config == calibrated.config
    assert calibrated.training and calibrated.training["of"] == finetuned.weights_sha256
    assert calibrated.quantization is not None
    load_checkpoint(tmp_path / "run" / "calibrated.safetensors")  # narrow and in eight bits


@pytest.mark.parametrize("name", COMPRESSION_RECIPES.names())
def test_recipes_of_ours(name: str) -> None:
    recipe = load_compression_recipe(Path(name), [])
    assert recipe.prune or recipe.quantize


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({}, "compresses nothing"),
        ({"train": TRAIN, "prune": {"time": 0.5}}, "train needs a quantized network"),
        ({"finetune": TRAIN, "quantize": {}}, "finetune needs a pruned network"),
        ({"prune": {"time": 0.5}}, "prune needs finetune"),
        (
            {"quantize": {}, "train": {**TRAIN, "stage": "supervised-tryon"}},
            "must have the stage self-distillation, not supervised-tryon",
        ),
        ({"quantize": {"bits": 4}}, "there is no key quantize.bits. Known: images, keep_float, search"),
        ({"prune": {"time": 1.5}}, "prune.time"),
    ],
)
def test_recipes_that_make_no_sense(recipe: dict[str, Any], said: str, tmp_path: Path) -> None:
    with pytest.raises(RecipeError, match=said):
        load_compression_recipe(written(tmp_path, recipe), [])


@pytest.mark.parametrize(
    ("recipe", "said"),
    [
        ({"quantize": {"images": 3}}, "needs 16 images or more; these are 3"),
        ({"quantize": {"images": IMAGES, "keep_float": ["generator.down"]}}, "matches no convolution"),
        ({"quantize": {"images": IMAGES, "keep_float": ["warp", "generator"]}}, "Nothing would be quantized"),
        (
            {"quantize": {"images": IMAGES}, "train": {**TRAIN, "network": "dmvton-student"}},
            "the recipe trains dmvton-student",
        ),
        ({"prune": {"time": 0.5}}, "prune needs finetune"),
    ],
)
def test_what_cannot_be_done(
    recipe: dict[str, Any], said: str, lite: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert compress(lite, people, written(tmp_path, recipe), tmp_path / "run") == 2
    assert said in capsys.readouterr().err
    assert {path.name for path in (tmp_path / "run").glob("*.safetensors")} <= {"original.safetensors"}
    assert not (tmp_path / "run" / STEPS).exists()


def test_a_quantized_checkpoint(run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    recipe = written(tmp_path, {"quantize": {"images": IMAGES}})
    assert compress(run / "calibrated.safetensors", people, recipe, tmp_path / "run") == 2
    assert "is quantized already" in capsys.readouterr().err


def test_a_network_that_cannot_be_quantized(people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(build_network("pfafn-student"), tmp_path / "pfafn.safetensors", trained=False)
    recipe = written(tmp_path, {"quantize": {"images": IMAGES}})
    assert compress(tmp_path / "pfafn.safetensors", people, recipe, tmp_path / "run") == 2
    assert "pfafn-student cannot be quantized" in capsys.readouterr().err


def test_folders_of_others(
    run: Path, lite: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = written(tmp_path, {"quantize": {"images": IMAGES}})
    assert compress(lite, people, recipe, run) == 2
    assert "holds a run of another recipe" in capsys.readouterr().err
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("mine")
    assert compress(lite, people, recipe, tmp_path / "mine") == 2
    assert "is not empty, and no compression's folder" in capsys.readouterr().err


def test_another_checkpoint(run: Path, people: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    save_checkpoint(build_network("dmvton-lite"), tmp_path / "other.safetensors", trained=False)
    assert compress(tmp_path / "other.safetensors", people, run / "compression.yaml", run) == 2
    assert "holds a run of another checkpoint" in capsys.readouterr().err
