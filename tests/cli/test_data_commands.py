"""`dmvton data check` and `dmvton data shard`."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dmvton_mobile.cli.main import app
from dmvton_mobile.datasets.shards import ShardDataset
from tests.datasets.written import write_viton


def run(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", *map(str, arguments)], env={"COLUMNS": "200"})


def refusal(result: Result, code: int) -> str:
    """The message of the error that the command ended with."""
    assert result.exit_code == code, result.output
    assert result.stderr.startswith("Error: ")
    return result.stderr.removeprefix("Error: ").rstrip()


@pytest.mark.parametrize("command", ["check", "shard"])
def test_every_command_shows_an_example(command: str) -> None:
    result = run(command, "--help")
    assert result.exit_code == 0
    assert f"dmvton data {command}" in result.output.partition("Example")[2]


def test_check_of_a_whole_dataset(tmp_path: Path) -> None:
    write_viton(tmp_path / "VITON", size=(64, 48))
    result = run("check", write_viton(tmp_path / "VITON", "test", 2, (64, 48), parsed=False))
    assert result.exit_code == 0, result.output
    assert "VITON: viton" in result.output and result.stderr == ""  # no progress bar off a terminal
    lines = [line.replace("│", " ").split() for line in result.output.splitlines()]
    assert ["train", "3", "3", "48x64"] in lines and ["test", "2", "2", "48x64"] in lines


def test_check_prints_a_line_per_problem_and_fails(tmp_path: Path) -> None:
    write_viton(tmp_path, size=(64, 48))
    (tmp_path / "train_img/000001_0.jpg").unlink()
    assert refusal(run("check", tmp_path), 1) == f"{tmp_path} has 1 problem."
    (tmp_path / "train_pose/000002_0.json").write_text("{")
    result = run("check", tmp_path)
    assert refusal(result, 1) == f"{tmp_path} has 2 problems."
    problems = result.stdout.splitlines()[-2:]
    assert "000001_0.jpg" in problems[0] and "000002_0.json" in problems[1]


def test_check_of_no_dataset(tmp_path: Path) -> None:
    assert "no dataset of a known layout" in refusal(run("check", tmp_path), 2)


def test_shard(tmp_path: Path) -> None:
    write_viton(tmp_path / "in", "test", count=3, parsed=False)
    out = tmp_path / "out"
    result = run("shard", tmp_path / "in", "--out", out, "--phase", "test", "--samples-per-shard", "2")
    assert result.exit_code == 0, result.output
    assert f"Wrote {out}: 3 samples in 2 shards." in result.output
    assert [sample.person_name for sample in ShardDataset(out)] == [f"{n:06}_0.jpg" for n in range(3)]


def test_shard_of_a_phase_that_is_not_there(tmp_path: Path) -> None:
    write_viton(tmp_path / "in", "test", count=2, parsed=False)
    assert "has no phase train" in refusal(run("shard", tmp_path / "in", "--out", tmp_path / "out"), 2)
    assert not (tmp_path / "out").exists()


def test_shard_of_another_size(tmp_path: Path) -> None:
    write_viton(tmp_path / "in", "test", count=2, size=(128, 96), parsed=False)
    assert "not 192x256" in refusal(run("shard", tmp_path / "in", "--out", tmp_path / "a", "--phase", "test"), 2)
    assert not (tmp_path / "a").exists()
    result = run("shard", tmp_path / "in", "--out", tmp_path / "b", "--phase", "test", "--size", "128x96")
    assert result.exit_code == 0, result.output
    assert [sample.person.shape for sample in ShardDataset(tmp_path / "b")] == [(3, 128, 96)] * 2
