"""What people look at: the right images, on a sheet and a page that stands alone."""

import re
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from typer.testing import CliRunner, Result

from dmvton_mobile.cli.main import app
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.evaluation.candidates import GarmentPasted
from dmvton_mobile.evaluation.measure import METRICS
from dmvton_mobile.evaluation.page import page_html
from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.evaluation.rows import ImageRow, read_rows
from dmvton_mobile.evaluation.run import Evaluation, evaluate
from dmvton_mobile.evaluation.sheet import choose, draw_sheet


def row(name: str, value: float | None) -> ImageRow:
    figures = {metric.name: None for metric in METRICS} | {"psnr_garment": value}
    return ImageRow(name, "garment", Pairing.PAIRED, 0.1, figures)


def test_the_best_the_median_and_the_worst() -> None:
    rows = [row(str(value), float(value)) for value in (7, 3, 11, 1, 5, 9, 2, 10, 4, 12, 8, 6)]
    metric, shown = choose(rows, Pairing.PAIRED)
    groups = {
        group: [item.item.person for item in shown if item.group == group] for group in ("best", "median", "worst")
    }
    assert metric == "psnr_garment"
    assert groups == {"best": ["12", "11", "10", "9"], "median": ["8", "7", "6", "5"], "worst": ["4", "3", "2", "1"]}
    assert all(rows[item.index] is item.item for item in shown)


def test_without_a_truth_the_first() -> None:
    metric, shown = choose([row(str(index), None) for index in range(20)], Pairing.PAIRED)
    assert metric is None and [item.index for item in shown] == list(range(12))


def test_a_sheet_and_a_page_that_stand_alone(dataset: TryOnDataset, tmp_path: Path) -> None:
    evaluation = Evaluation(GarmentPasted(), dataset, tuple(Pairing), tmp_path / "run", limit=3)
    record = evaluate(evaluation)
    sheets = {pairing: draw_sheet(evaluation, read_rows(tmp_path / "run"), pairing) for pairing in Pairing}
    height, width = dataset.size
    for sheet in sheets.values():
        assert sheet.width > 5 * width and sheet.height > 3 * height
        assert np.asarray(sheet).std() > 10
    page = page_html(record, sheets)
    assert page.count("data:image/png;base64,") == 2
    assert not re.search(r"(src|href)=[\"'](?!data:)", page)
    assert record.run.data.digest in page and "garment pasted" in page and "end point error" in page


def dmvton(*arguments: str | Path) -> Result:
    return CliRunner().invoke(app, ["evaluate", *map(str, arguments)], env={"COLUMNS": "160"})


def test_the_command_writes_it_all(people: Path, tmp_path: Path) -> None:
    out = tmp_path / "run"
    arguments = ("--data", people, "--size", "128x96", "--out", out, "--limit", "2")
    result = dmvton(*arguments, "--baseline", "pasted")
    assert result.exit_code == 0, result.output
    assert "warped mask iou" in result.output
    record = EvaluationRecord.model_validate_json((out / "record.json").read_text())
    assert record.run.data.pairs == 2 and not record.run.data.benchmark
    assert Image.open(out / "sheet_paired.png").size == Image.open(out / "sheet_unpaired.png").size
    assert "<html" in (out / "index.html").read_text()
    again = dmvton(*arguments, "--baseline", "pasted")
    assert again.exit_code == 0, again.output
    other = dmvton(*arguments, "--baseline", "unchanged")
    assert other.exit_code == 2 and "another evaluation" in other.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ((), "Say what to evaluate"),
        (("--baseline", "pasted", "--checkpoint", "c.safetensors"), "Say what to evaluate"),
        (("--bundle", "b.dmvton"), "--runtime coreml|tflite|executorch|onnx"),
        (("--baseline", "pasted", "--runtime", "onnx"), "pass --bundle too"),
        (("--baseline", "pasted", "--size", "100x100"), "is no size"),
        (("--baseline", "pasted", "--lpips", "none.pth"), "nothing is downloaded"),
        (("--baseline", "pasted", "--inception", "none.pth"), "nothing is downloaded"),
        (("--baseline", "pasted"), "not 192x256"),
    ],
)
def test_what_cannot_be_evaluated(people: Path, tmp_path: Path, arguments: tuple[str, ...], sentence: str) -> None:
    result = dmvton("--data", people, "--out", tmp_path / "run", *arguments)
    assert result.exit_code == 2, result.output
    assert sentence in result.stderr.replace("\n", " ")
    assert not (tmp_path / "run/record.json").exists()
