"""The networks in PyTorch: two protocols that count what they say, and variants that compute the same."""

from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from benchmarks.studies import reference
from benchmarks.studies.gpu_variants import GPU_VARIANTS, Inputs
from benchmarks.studies.reference import (
    PUBLISHED,
    ReferenceFigures,
    ReferenceRecord,
    by_papers,
    measure_reference,
    one_by_one,
)
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.records.base import parse_record
from tests.cli.test_cli import dmvton, refusal

CPU = torch.device("cpu")


def test_the_papers_first_run_does_not_count() -> None:
    calls: list[int] = []
    assert by_papers(CPU, lambda: calls.append(1), 7) > 0
    assert len(calls) == 8
    assert len(one_by_one(CPU, lambda: calls.append(1), 7)) == 7
    assert len(calls) == 16


def test_variants_compute_the_same() -> None:
    record = measure_reference(CPU, ["dmvton-lite"], ["eager", "channels-last", "fp16", "cuda-graph"], 2, print)
    eager, channels_last, fp16, graph = record.measured
    assert eager.psnr_db is None and eager.identical is None
    assert channels_last.identical or (channels_last.psnr_db or 0) > 80
    for each in (eager, channels_last):
        assert each.papers_ms and each.whole_ms and each.frame_ms and each.peak_bytes is None
    for each in (fp16, graph):
        assert each.failure == "It is for CUDA devices." and each.papers_ms is None
    assert record.context_bytes is None and record.accelerator is None and not record.on_reference


def test_what_was_published_stands_apart(tmp_path: Path) -> None:
    asked = "bench reference --device cpu --network dmvton-lite --form eager --runs 1 --out"
    done = dmvton(*asked.split(), tmp_path / "cpu.json")
    assert done.exit_code == 0, done.output
    measured, published = done.output.split("Published by the authors, on one Tesla T4")
    assert "dmvton-lite" in measured and "23.3" not in measured
    assert "not what was measured here, cpu" in published and "| 23.3" in published
    record = parse_record((tmp_path / "cpu.json").read_bytes(), ReferenceRecord, "cpu.json", DmvtonError)
    assert record.runs == 1 and "23.3" not in (tmp_path / "cpu.json").read_text()
    assert PUBLISHED.keys().isdisjoint(record.weights_bytes)


def test_figures_of_an_earlier_version_name_a_form() -> None:
    old = '{"network": "dmvton-lite", "form": "half", "papers_ms": 1.5}'
    figures = ReferenceFigures.model_validate_json(old, strict=True)
    assert figures.variant == "half" and '"form"' not in figures.model_dump_json()
    assert ReferenceFigures.model_json_schema()["properties"]["form"]["deprecated"]


def test_the_former_names_of_options_and_variants() -> None:
    asked = "bench reference --device cpu --network dmvton-lite --form half --runs 1"
    done = dmvton(*asked.split())
    assert "dmvton-lite, fp16: It is for CUDA devices." in done.output


def test_a_variant_that_computes_something_else_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def spoilt(variant: str, network: TryOnNetwork, inputs: Inputs) -> tuple[Callable[[], torch.Tensor], None]:
        return lambda: network(*inputs).tryon * float("nan"), None

    monkeypatch.setattr(reference, "prepare_variant", spoilt)
    (found,) = measure_reference(CPU, ["dmvton-lite"], ["channels-last"], 1, print).measured
    assert found.failure == "CheckFailed: It gives values that are not finite." and found.whole_ms is None


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is one")
def test_no_such_device() -> None:
    assert "There is no cuda:0" in refusal("bench", "reference")
    assert "no device 'tpu'" in refusal("bench", "reference", "--device", "tpu")
    assert "no variant 'fast'" in refusal("bench", "reference", "--device", "cpu", "--form", "fast")


@pytest.mark.cuda
def test_on_a_gpu() -> None:
    record = measure_reference(torch.device("cuda:0"), ["dmvton-student"], GPU_VARIANTS[:5], 20, print)
    assert record.accelerator and record.context_bytes
    for each in record.measured:
        assert each.failure is None and each.papers_ms and each.peak_bytes
        assert each.psnr_db is None or each.psnr_db > 30
