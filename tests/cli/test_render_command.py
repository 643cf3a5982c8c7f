"""`dmvton data render`, from the command line to the reader."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from dmvton_mobile.cli.main import app
from dmvton_mobile.datasets.check import check
from dmvton_mobile.datasets.layouts.registry import open_dataset


def render(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["data", "render", *map(str, arguments)], env={"COLUMNS": "160"})


@pytest.mark.parametrize(("split", "phase"), [("train", "train"), ("test", "test")])
def test_what_is_rendered_is_a_whole_dataset(split: str, phase: str, tmp_path: Path) -> None:
    out = tmp_path / "people"
    result = render("--out", out, "--count", "3", "--size", "128x96", "--split", split, "--workers", "2")
    assert result.exit_code == 0, result.output
    assert result.stderr == "" and f"3 people, phase {phase}" in result.output
    report = check(out)
    assert report.problems == () and [found.pairs for found in report.phases] == [3]
    sample = open_dataset(out, phase, (128, 96))[0]
    assert sample.label is not None and sample.densepose is not None and sample.pose is not None
    assert sample.truth is not None and sample.unpaired is not None and sample.unpaired.truth is not None
    assert sample.unpaired.garment_name == "000001_1.jpg"
    assert json.loads((out / "render.json").read_text())["split"] == split


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "--count"),
        (("--count", "3", "--size", "100x90"), "is no size"),
        (("--count", "3", "--backgrounds", "nothing_here"), "no JPEG or PNG"),
        (("--split", "benchmark", "--count", "3"), "benchmark is fixed"),
        (("--split", "benchmark", "--seed", "1"), "benchmark is fixed"),
    ],
)
def test_what_cannot_be_rendered(arguments: tuple[str, ...], sentence: str, tmp_path: Path) -> None:
    result = render("--out", tmp_path / "people", *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr
    assert not (tmp_path / "people").exists()
