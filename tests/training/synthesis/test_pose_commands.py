"""`dmvton data poses`, `dmvton data synthesise` and the benchmark's sets, from the command line to the reader."""

import json
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dmvton_mobile.cli.main import app
from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.layouts.registry import open_dataset
from tests.conftest import SMALL
from tests.datasets.written import write_viton
from tests.training.synthesis.test_external import GENERATOR, PARSER
from training.synthesis.clusters import fit_clusters
from training.synthesis.poses import dataset_poses
from training.synthesis.rare_poses import main as write_sets
from training.synthesis.renderer import renderer_poses

SIZE = ("--size", "128x96")


def run(command: str, *arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", command, *map(str, arguments)], env={"COLUMNS": "160"})


def rows(result: Result) -> list[list[str]]:
    return [[cell.strip() for cell in line.split("│")[1:-1]] for line in result.output.splitlines() if "│" in line]


@pytest.mark.parametrize("command", ["poses", "synthesise"])
def test_every_command_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0 and f"dmvton data {command}" in result.output.partition("Example")[2]


def test_the_sets_of_the_benchmark_and_the_gaps_between(
    teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.synthesis.renderer.REFERENCE_PEOPLE", 300)
    out = tmp_path / "poses"
    write_sets(["--out", str(out), "--people", "24", "--test", "4", *SIZE])
    assert check(out / "common").problems == check(out / "rare").problems == ()
    record = json.loads((out / "poses.json").read_text())
    rare = {row["cluster"] for row in record["clusters"] if row["rare"]}
    assert 0.05 < sum(row["share"] for row in record["clusters"] if row["rare"]) < 0.25
    clusters = fit_clusters(renderer_poses(), 12)
    common = clusters.assign(dataset_poses(open_dataset(out / "common", "train", SMALL)).joints)
    held_out = clusters.assign(dataset_poses(open_dataset(out / "rare", "test", SMALL)).joints)
    assert len(common) == 24 and not rare & set(common.tolist())
    assert len(held_out) == 4 and set(held_out.tolist()) <= rare

    table = run("poses", "--data", out / "common")
    assert table.exit_code == 0, table.output
    assert "Reference: the renderer's own poses, 300 people." in table.output
    assert "more people, drawn for the gaps" in table.output
    found = rows(table)
    assert len(found) == 12 and {int(row[0]) for row in found if row[3] == "0"} >= rare

    arguments = ("--data", out / "common", "--count", "8", "--teacher", teacher, "--threshold", "0", *SIZE)
    result = run("synthesise", *arguments, "--with-source", "--out", tmp_path / "both")
    assert result.exit_code == 0, result.output
    assert "Kept 8 of 8 made; threshold 0.00 dB, as given." in result.output
    assert f"Wrote {tmp_path / 'both'}: 32 pairs, phase train, and provenance.json." in result.output
    assert "the teacher is untrained" in result.stderr
    numbers = clusters.assign(dataset_poses(open_dataset(tmp_path / "both", "train", SMALL)).joints)
    assert rare & set(numbers[24:].tolist())


def test_a_reference_of_another_dataset(people: Path, tmp_path: Path) -> None:
    write_viton(tmp_path, size=(64, 48))  # everybody in one pose, a joint missing
    result = run("poses", "--data", people, "--reference", people, "--clusters", "3")
    assert result.exit_code == 0 and "Reference: people, phase train, 10 people." in result.output
    assert [row[-1] for row in rows(result)] == ["", "", ""] and "more people" not in result.output
    result = run("poses", "--data", people, "--reference", tmp_path, "--clusters", "3")
    assert result.exit_code == 2 and "1 different pose makes no 3 clusters" in result.stderr


def test_who_has_no_torso_is_counted(people: Path, tmp_path: Path) -> None:
    write_viton(tmp_path, size=(64, 48))
    (tmp_path / "train_pose/000001_0.json").write_text('{"people": []}')
    result = run("poses", "--data", tmp_path, "--reference", people, "--clusters", "2")
    assert result.exit_code == 0, result.output
    assert "neck or a hip of 1 people is not found: they are in no cluster" in result.output
    assert sum(int(row[3]) for row in rows(result)) == 2


def test_people_out_of_somebody_s_generator(
    people: Path, teacher: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("training.synthesis.renderer.REFERENCE_PEOPLE", 300)
    for name, code in (("generator", GENERATOR), ("parser", PARSER)):
        (tmp_path / f"{name}.py").write_text(code)
    programs = (
        ("--generator", f"{sys.executable} {tmp_path}/generator.py {{person}} {{pose}} {{out}}"),
        ("--parser", f"{sys.executable} {tmp_path}/parser.py {{person}} {{label}} {{densepose}}"),
    )
    needed = ("--data", people, "--count", "2", "--teacher", teacher, "--clusters", "4", "--threshold", "0", *SIZE)
    result = run("synthesise", *needed, *programs[0], *programs[1], "--out", tmp_path / "out")
    assert result.exit_code == 0, result.output
    assert "Kept 2 of 2 made" in result.output and check(tmp_path / "out").problems == ()
    provenance = json.loads((tmp_path / "out/provenance.json").read_text())
    assert provenance["maker"] == "external generator" and provenance["rendered_seeds"] == []
    assert str(tmp_path / "parser.py") in provenance["commands"]["--parser"]
    assert all(" in the pose of " in person["source"] for person in provenance["people"])

    result = run("synthesise", *needed, *programs[0], "--out", tmp_path / "none")
    assert result.exit_code == 2 and "pass both or neither" in result.stderr and not (tmp_path / "none").exists()


def test_a_dataset_without_poses(tmp_path: Path, teacher: Path) -> None:
    result = run("poses", "--data", write_viton(tmp_path, "test", parsed=False), "--phase", "test")
    assert result.exit_code == 2 and "holds no poses for test" in result.stderr
