"""The report of a real, tiny compression: every step in a real runtime, one page that needs nothing else, resumed."""

import re
from pathlib import Path

import pytest
import yaml

from benchmarks.studies.compression.record import CompressionReport
from benchmarks.studies.compression.sheet import chosen
from dmvton_mobile.checkpoints.weights import default_weights
from dmvton_mobile.cli.main import main
from dmvton_mobile.datasets.procedural.people import Split
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.measure import METRICS
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.evaluation.rows import ImageRow
from dmvton_mobile.records.base import parse_record
from dmvton_mobile.targets import Precision, Target
from tests.cli.test_cli import refusal
from tests.conftest import INT8_IMAGES, SMALL
from tests.rendered import rendered_people

SEARCH = {"psnr_db": 15, "flow_px": 20, "images": 1, "threads": 1}


@pytest.fixture(scope="module")
def run(int8_people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The generator alone in eight bits, to be quick."""
    folder = tmp_path_factory.mktemp("run")
    quantize = {"images": INT8_IMAGES, "keep_float": ["warp", "generator.[!u]*"], "search": SEARCH}
    (folder / "recipe.yaml").write_text(yaml.safe_dump({"size": list(SMALL), "quantize": quantize}))
    lite = default_weights("dmvton-lite")
    command(
        "compress",
        "--checkpoint",
        lite,
        "--data",
        int8_people,
        "--recipe",
        folder / "recipe.yaml",
        "--out",
        folder / "run",
    )
    return folder / "run"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rendered_people(tmp_path_factory.mktemp("people") / "test", 3, split=Split.TEST)


@pytest.fixture(scope="module")
def made(run: Path, people: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("report") / "report"
    report(run, people, out)
    return out


def report(run: Path, people: Path, out: Path) -> None:
    command(
        "bench", "compression", "--run", run, "--data", people, "--out", out, "--target", "onnx", "--size", "128x96",
        "--rounds", "1", "--runs", "2", "--threads", "1",
    )  # fmt: skip


def command(*arguments: object) -> None:
    with pytest.raises(SystemExit) as ended:
        main([str(argument) for argument in arguments])
    assert not ended.value.code


def read(out: Path) -> CompressionReport:
    return parse_record((out / "report.json").read_bytes(), CompressionReport, "report.json", DmvtonError)


def test_a_row_for_every_step(made: Path) -> None:
    record = read(made)
    assert [step.name for step in record.steps] == ["original", "calibrated"]
    plain, eight = record.rows_of(Target.ONNX)
    assert (plain.precision, eight.precision) == (Precision.FP32, Precision.INT8)
    assert plain.latency_ratio == 1 and eight.frame_ms and eight.rss_delta_bytes
    assert eight.file_bytes < plain.file_bytes and eight.weight_bytes < plain.weight_bytes
    assert eight.download_bytes < plain.download_bytes
    assert plain.kernels and eight.kernels and eight.kernels["QLinearConv"] and "QLinearConv" not in plain.kernels
    for row in (plain, eight):
        quality = row.quality
        assert quality.images == 3 and quality.psnr_garment_db and quality.psnr_image_db
        assert quality.end_point_error_px and quality.ssim_image and quality.lpips is None
    before, after = plain.quality.psnr_garment_db, eight.quality.psnr_garment_db
    assert before and after and 0 < abs(before - after) < 0.5


def test_steps_say_what_they_are(made: Path) -> None:
    original, calibrated = read(made).steps
    assert original.macs == calibrated.macs > 10e6 and original.weight_bytes == calibrated.weight_bytes > 2.5e6
    assert not original.kept_float32
    assert any("generator.out" in kept for kept in calibrated.kept_float32)
    assert any("flow head" in kept for kept in calibrated.kept_float32)


def test_the_page_needs_no_other_file(made: Path) -> None:
    page = (made / "index.html").read_text()
    assert not re.findall(r"""(?:src|href)=["'](?!data:)""", page)
    assert not re.search(r"https?:", re.sub(r"data:image/png;base64,[\w+/=]+", "", page))
    for said in ("original", "calibrated", "Sensitivity", "generator.up_2.0", "QLinearConv", "not measured"):
        assert said in page


def test_what_is_there_is_not_made_again(made: Path, run: Path, people: Path) -> None:
    kept = [*made.glob("bundles/*/manifest.json"), *made.glob("evaluations/*/images.csv")]
    before = {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in kept if path.name == "manifest.json"}
    figures = read(made).rows[0].quality
    report(run, people, made)
    assert len(before) == 2 and len(kept) == 4
    assert before == {path: (path.stat().st_mtime_ns, path.read_bytes()) for path in before}
    assert read(made).rows[0].quality == figures


def test_bundles_without_a_target(made: Path, run: Path, people: Path) -> None:
    said = refusal(
        "bench", "compression", "--run", run, "--data", people, "--out", made, "--target", "tflite", "--size", "128x96"
    )
    assert "comes from an earlier report without tflite" in said


def test_what_is_no_run(people: Path, tmp_path: Path) -> None:
    said = refusal("bench", "compression", "--run", tmp_path, "--data", people, "--out", tmp_path / "report")
    assert "holds no steps.json" in said


def measured(name: str, psnr_garment: float | None) -> ImageRow:
    row: dict[str, float | None] = {metric.name: None for metric in METRICS}
    return ImageRow(name, "garment", Pairing.UNPAIRED, 0.1, {**row, "psnr_garment": psnr_garment})


def test_the_sheet_shows_what_lost_most_and_the_middle() -> None:
    losses = [0.0, 3.0, 0.1, 2.0, 0.2, 5.0, 0.3, 4.0, 0.4]
    first = [measured(str(index), 20.0) for index in range(9)]
    last = [measured(str(index), 20.0 - loss) for index, loss in enumerate(losses)]
    assert [index for index, _ in chosen(first, last)] == [5, 7, 1, 3, 6, 4]
    assert chosen(first, last)[0][1] == "psnr garment -5.00 dB"


def test_the_sheet_without_truth() -> None:
    rows = [measured(str(index), None) for index in range(3)]
    assert chosen(rows, rows) == [(0, "not known"), (1, "not known"), (2, "not known")]
