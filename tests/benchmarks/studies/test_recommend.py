"""Advice by figures: a real bundle in two precisions, timed; the rule itself; and a manifest that takes the advice."""

import shutil
from pathlib import Path

import pytest

from benchmarks.budget import download_bytes
from benchmarks.measure.components import bundle_components
from benchmarks.measure.kernels import kernels
from benchmarks.studies.recommend import advise, recommend
from dmvton_mobile.bundles.bundle import Bundle, read_bundle, reseal, verify_files, zip_bundle
from dmvton_mobile.bundles.manifest import SIGNATURE, BundleError
from dmvton_mobile.bundles.recommendation import PrecisionFigures, Recommendations
from dmvton_mobile.cli.main import main
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import TryOn
from tests.cli.test_cli import refusal

TARGETS = (Target.TFLITE, Target.EXECUTORCH, Target.ONNX)


def figures(
    precision: Precision, ratio: float | None, download: int, frame_ms: float | None = None
) -> PrecisionFigures:
    return PrecisionFigures(
        precision=precision,
        file_bytes=2 * download,
        download_bytes=download,
        frame_ms=ratio if frame_ms is None else frame_ms,
        latency_ratio=ratio,
        rss_delta_bytes=None,
        kernels=None,
    )


@pytest.fixture(scope="module")
def found(int8_bundle: Bundle) -> Recommendations:
    return recommend(int8_bundle, threads=1, rounds=2, runs=3, on_step=lambda what: None)


@pytest.fixture
def own_int8_bundle(int8_bundle: Bundle, tmp_path: Path) -> Path:
    return Path(shutil.copytree(int8_bundle.folder, tmp_path / "lite.dmvton"))


def test_every_target_has_figures_of_every_precision(found: Recommendations, int8_bundle: Bundle) -> None:
    assert [advice.target for advice in found.by_target] == list(TARGETS)
    for advice in found.by_target:
        plain, eight = advice.figures
        assert (plain.precision, eight.precision) == (Precision.FP32, Precision.INT8)
        assert plain.latency_ratio == 1 and eight.latency_ratio and plain.frame_ms and eight.frame_ms
        assert eight.file_bytes < 0.4 * plain.file_bytes and eight.download_bytes < eight.file_bytes
        assert "phone" in advice.to_measure.lower()
        assert (advice.precision, advice.reason) == advise(advice.figures)
        files = [item for item in int8_bundle.manifest.artifacts if item.target is advice.target]
        assert plain.file_bytes + eight.file_bytes == sum(item.footprint.file_bytes for item in files)
    assert found.precision(Target.ONNX) is found.by_target[-1].precision and found.precision(Target.COREML) is None


def test_the_kernels_are_named(found: Recommendations) -> None:
    of = {advice.target: [each.kernels for each in advice.figures] for advice in found.by_target}
    plain, eight = of[Target.ONNX]
    assert plain and eight and "QLinearConv" not in plain and eight["QLinearConv"] > 50
    plain, eight = of[Target.TFLITE]
    assert plain and eight and "CONV_2D int8, XNNPACK" not in plain and eight["CONV_2D int8, XNNPACK"] > 20
    plain, eight = of[Target.EXECUTORCH]
    integers = "Fully Connected (NC, QS8, QC8W) GEMM, XNNPACK"  # what it makes of pointwise convolutions
    assert plain and eight and integers not in plain and eight[integers] > 20
    assert not [name for name in eight if "#" in name or "CALL" in name]


def test_times_of_kernels_where_the_runtime_tells(int8_bundle: Bundle) -> None:
    ran = kernels(Target.ONNX, bundle_components(int8_bundle, Target.ONNX, Precision.INT8)[-1], threads=1)
    assert ran and all(kernel.milliseconds is not None and kernel.milliseconds >= 0 for kernel in ran)
    assert [kernel.milliseconds for kernel in ran] == sorted((kernel.milliseconds for kernel in ran), reverse=True)  # type: ignore[type-var]
    told = kernels(Target.TFLITE, bundle_components(int8_bundle, Target.TFLITE, Precision.FP32)[-1], threads=1)
    assert told and {kernel.milliseconds for kernel in told} == {None}


@pytest.mark.parametrize(
    ("given", "chosen", "said"),
    [
        (
            [(Precision.FP32, 1.0, 30), (Precision.INT8, 0.6, 10)],
            Precision.INT8,
            "The fastest: 0.6 ms a frame, 0.60 of",
        ),
        ([(Precision.FP32, 1.0, 30), (Precision.INT8, 1.2, 10)], Precision.FP32, "The fastest"),
        # a draw: the smaller one, even where it is slower by a hair
        ([(Precision.FP32, 1.0, 30), (Precision.INT8, 1.04, 10)], Precision.INT8, "The smallest of those"),
        ([(Precision.FP32, 1.0, 30), (Precision.FP16, 0.99, 15), (Precision.INT8, 1.2, 10)], Precision.FP16, "0.50 of"),
        ([(Precision.FP32, None, 30), (Precision.INT8, None, 10)], Precision.INT8, "no time is known"),
        ([(Precision.FP16, None, 30)], Precision.FP16, "The only one"),
    ],
)
def test_advice(given: list[tuple[Precision, float | None, int]], chosen: Precision, said: str) -> None:
    precision, reason = advise([figures(*each) for each in given])
    assert precision is chosen and said in reason


def test_the_manifest_takes_it(own_int8_bundle: Path, capsys: pytest.CaptureFixture[str]) -> None:
    before = read_bundle(own_int8_bundle).manifest
    with pytest.raises(SystemExit) as ended:
        main(["bench", "recommend", str(own_int8_bundle), "--threads", "1", "--rounds", "1", "--runs", "2"])
    assert not ended.value.code
    assert "onnx: ship" in capsys.readouterr().out
    bundle = read_bundle(own_int8_bundle)
    verify_files(bundle)
    advice = bundle.manifest.recommendations
    assert advice and advice.threads == 1 and len(advice.by_target) == len(TARGETS)
    changes = {"recommendations": None, "digest": before.digest}
    assert bundle.manifest.model_copy(update=changes) == before != bundle.manifest
    worn = TryOn.from_bundle(own_int8_bundle, Target.ONNX)
    assert worn.runtime == f"onnx {advice.precision(Target.ONNX)}"


@pytest.mark.parametrize("precision", [Precision.FP32, Precision.INT8])
def test_a_try_on_runs_what_is_recommended(own_int8_bundle: Path, found: Recommendations, precision: Precision) -> None:
    bundle = read_bundle(own_int8_bundle)
    chosen = tuple(advice.model_copy(update={"precision": precision}) for advice in found.by_target)
    reseal(
        bundle, bundle.manifest.model_copy(update={"recommendations": found.model_copy(update={"by_target": chosen})})
    )
    assert TryOn.from_bundle(own_int8_bundle, Target.ONNX).runtime == f"onnx {precision}"
    assert TryOn.from_bundle(own_int8_bundle, Target.ONNX, Precision.FP32).runtime == "onnx fp32"


def test_a_signature_is_not_voided(own_int8_bundle: Path) -> None:
    (own_int8_bundle / SIGNATURE).write_text("{}")
    bundle = read_bundle(own_int8_bundle)
    with pytest.raises(DmvtonError, match="is signed"):
        reseal(bundle, bundle.manifest)


def test_a_changed_file_is_not_sealed_again(own_int8_bundle: Path) -> None:
    bundle = read_bundle(own_int8_bundle)
    (own_int8_bundle / bundle.manifest.artifacts[0].path).write_bytes(b"another")
    with pytest.raises(BundleError, match="is not what was sealed"):
        reseal(bundle, bundle.manifest)


def test_an_archive_cannot_take_it(own_int8_bundle: Path, tmp_path: Path) -> None:
    zip_bundle(own_int8_bundle, tmp_path / "lite.zip")
    assert "give the bundle's folder" in refusal("bench", "recommend", str(tmp_path / "lite.zip"))


def test_download_bytes(tmp_path: Path) -> None:
    (tmp_path / "package").mkdir()
    for name in ("a", "b"):
        (tmp_path / "package" / name).write_bytes(bytes(10_000))
    assert 0 < download_bytes(tmp_path / "package" / "a") < 100
    assert download_bytes(tmp_path / "package") == 2 * download_bytes(tmp_path / "package" / "a")
