"""What `benchmark_model` prints, read. The tool itself cannot be had from a package index: its words are the source's,
and on the board a script stands in for it."""

from dataclasses import astuple
from pathlib import Path

import pytest

from benchmarks.devices.adb_link import DeviceRefused, Link
from benchmarks.devices.benchmark_model import benchmark_model, timings
from tests.benchmarks.devices.board import Board

PRINTED = """INFO: Initialized session in 119.515ms.
INFO: count=1000 first=52162 curr=49785 min=49088 max=686105 avg=63743.2 std=60716 p5=49620 median=51891 p95=68628
INFO: Inference timings in us: Init: 119515, First inference: 87112, Warmup (avg): 58147.4, Inference (avg): {}
INFO: Memory footprint delta from the start of the tool (MB): init=55.4961 overall=55.4961
"""


def test_its_timings_are_milliseconds() -> None:
    told = timings(PRINTED.format("63743.2"), "it")
    assert astuple(told) == pytest.approx((119.515, 87.112, 58.1474, 63.7432))
    assert timings(PRINTED.format("1.25e+06"), "it").inference_ms == 1250.0


def test_words_without_timings_are_refused() -> None:
    with pytest.raises(DeviceRefused, match="benchmark_model printed no `Inference timings in us`"):
        timings(PRINTED.format("nan"), "benchmark_model")


@pytest.mark.device
def test_it_is_pushed_run_and_removed(board: Board, tmp_path: Path) -> None:
    tool, artifact = tmp_path / "tool", tmp_path / "model.tflite"
    artifact.write_bytes(b"x" * 1000)
    told = PRINTED.format("63743.2")
    tool.write_text(f'#!/bin/sh\ntest $(wc -c <"${{1#--graph=}}") = 1000 && cat <<END\n{told}END\n')
    link = Link(board.serial)
    assert benchmark_model(link, tool, artifact, threads=2).inference_ms == pytest.approx(63.7432)
    tool.write_text("#!/bin/sh\necho no such operation\nexit 3\n")
    with pytest.raises(DeviceRefused, match="tool ended with 3 on .*: no such operation"):
        benchmark_model(link, tool, artifact, threads=2)
    assert board.shell("ls /tmp").strip() == ""
