"""Networks beside each other, as baseline conversions and lowered by us, in a real runtime."""

from pathlib import Path

import pytest

from benchmarks.studies import peers
from benchmarks.studies.peers import describe_peers, frame_macs, measure_peers, peer_names, whole_macs
from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.targets import Target
from tests.cli.test_cli import dmvton, refusal


def quiet(what: str) -> None:
    """Nobody listens."""


def test_peers_need_no_parser() -> None:
    assert peer_names() == ["dmvton-student", "fsvton-student", "pfafn-student", "dmvton-lite"]


def test_macs_of_the_papers_student() -> None:
    """34.5 G of a whole try-on, three tenths of it the garment's pyramid: counted by another tool."""
    network = seeded_network("dmvton-student")
    whole, frame = whole_macs(network, DEFAULT_SIZE), frame_macs(network, DEFAULT_SIZE)
    assert whole / 1e9 == pytest.approx(34.5, abs=0.4)
    assert frame / whole == pytest.approx(1 - 0.295, abs=0.01)


def test_every_variant_is_measured() -> None:
    (peer,) = describe_peers(["dmvton-lite"])
    assert 2.9e6 < peer.weight_bytes < 3.1e6 and 0 < peer.frame_macs < peer.whole_macs
    variants = measure_peers(Target.ONNX, ["dmvton-lite"], threads=1, rounds=2, runs=2, on_step=quiet)
    assert [each.name for each in variants] == ["baseline", "whole", "frame"]
    for each in variants:
        assert each.failure is None and each.file_bytes and each.file_bytes > 1e6
        assert each.median_ms and each.rss_delta_bytes and each.latency and each.memory
    assert variants[0].latency == variants[0].memory == 1


def test_one_that_fails_leaves_the_others(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(target: Target, folder: Path, network: TryOnNetwork) -> None:
        raise RuntimeError("no such\x1boperator")

    monkeypatch.setattr(peers, "export_baseline", refuse)
    asked = "--network dmvton-lite --target onnx --rounds 1 --runs 1 --threads 1"
    done = dmvton("bench", "peers", *asked.split())
    assert done.exit_code == 1
    assert "onnx dmvton-lite baseline: RuntimeError: no such operator" in done.output
    rows = {line.split("|")[3].strip(): line.split("|") for line in done.output.splitlines() if "| onnx" in line}
    assert rows["baseline"][5].strip() == rows["frame"][7].strip() == "-"
    assert float(rows["frame"][5]) > 0


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ("--network dmvton-teacher", "no network without a parser 'dmvton-teacher'"),
        ("--target coreml", "no runtime for peers 'coreml'"),
    ],
)
def test_what_cannot_race(asked: str, said: str) -> None:
    assert said in refusal("bench", "peers", *asked.split())
