"""From a recipe to its stage: what follows from it, and what cannot be built."""

from pathlib import Path

import pytest

from dmvton_mobile.checkpoints.checkpoint import save_checkpoint
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import build_network
from tests.training.toy import recipe
from training.recipe import Recipe, load_recipe
from training.stages.build import config_from_recipe, input_digests, stage_from_recipe


def ours(name: str, *overrides: str) -> Recipe:
    return load_recipe(Path(name), overrides)


def test_the_stage_of_a_recipe_follows_from_it_alone() -> None:
    first, second = (stage_from_recipe(ours("cpu-teacher-warp", "learning_rates.warp=0.25")) for _ in range(2))
    assert first.network.config.name == "dmvton-teacher"
    assert [(group.name, group.learning_rate) for group in first.optimiser_groups()] == [("warp", 0.25)]
    states = first.state_dict(), second.state_dict()
    assert all((states[0][key] == states[1][key]).all() for key in states[0])
    other = stage_from_recipe(ours("cpu-teacher-warp", "seed=1")).state_dict()
    assert any((states[0][key] != other[key]).any() for key in other)


def test_switches_reach_the_papers_config() -> None:
    made = config_from_recipe(
        ours("cpu-student-tryon", "distillation=false", "gate=false", "flow_truth_weight=0.5", "epochs.constant=7")
    )
    assert (made.paper.distil, made.paper.gate, made.paper.flow_truth_weight) == (False, False, 0.5)
    assert (made.warp_rate, made.generator_rate, made.constant_epochs) == (4e-5, 2e-4, 7)


def test_a_student_starts_and_is_taught_from_checkpoints(tmp_path: Path) -> None:
    start, teacher = tmp_path / "start.safetensors", tmp_path / "teacher.safetensors"
    student = build_network("dmvton-student")
    save_checkpoint(student, start, trained=True)
    save_checkpoint(build_network("dmvton-teacher"), teacher, trained=True)
    chosen = ours("cpu-student-tryon", f"start={start}", f"teacher.checkpoint={teacher}")
    stage = stage_from_recipe(chosen)
    weights = student.state_dict()
    assert all((value == weights[key]).all() for key, value in stage.network.state_dict().items())
    assert stage.network.training
    assert [group.name for group in stage.optimiser_groups()] == ["warp", "generator"]
    assert input_digests(chosen).keys() == {"start", "teacher.checkpoint"}
    with pytest.raises(DmvtonError, match="holds dmvton-student, and the recipe's teacher is to be dmvton-teacher"):
        stage_from_recipe(ours("cpu-student-tryon", f"start={start}", f"teacher.checkpoint={start}"))


@pytest.mark.parametrize(
    ("name", "overrides", "sentence"),
    [
        ("dmvton-teacher-warp", (), "--set perceptual.weights=PATH"),
        ("cpu-teacher-warp", ("network=unet",), "There is no network 'unet'. Known: dmvton-student"),
        ("cpu-teacher-warp", ("network=dmvton-student",), "parser-free"),
        ("cpu-teacher-warp", ("learning_rates.generator=1.0",), "trains no generator"),
        ("cpu-teacher-warp", ("start=none.safetensors",), "There is no none.safetensors"),
        ("lite-student", (), "student-tryon needs its teacher's weights: --set teacher.checkpoint=PATH"),
        ("cpu-teacher-tryon", (), "goes on from the checkpoint of teacher-warp: --set start=PATH"),
        ("cpu-teacher-tryon", ("learning_rates.generator=null",), "--set learning_rates.generator=RATE"),
        ("cpu-student-warp", (), "--set teacher.checkpoint=PATH"),
        ("cpu-student-warp", ("teacher=null",), "--set teacher.network=NAME"),
        ("cpu-student-warp", ("scheme=pfafn", "start=a.safetensors"), "starts with its teacher's weights"),
    ],
)
def test_what_no_stage_can_be_made_of(name: str, overrides: tuple[str, ...], sentence: str) -> None:
    with pytest.raises(DmvtonError, match=sentence):
        stage_from_recipe(ours(name, *overrides))


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DmvtonError, match="gone.safetensors, which the recipe names as start"):
        input_digests(recipe(start=tmp_path / "gone.safetensors"))
