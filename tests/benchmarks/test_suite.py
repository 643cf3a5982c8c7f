"""Suites: ours load, a mistake in one is a sentence."""

from pathlib import Path

import pytest

from benchmarks.suite import SUITES, SuiteError, load_suite, parse_bytes
from dmvton_mobile.utils.files import sha256_file


@pytest.mark.parametrize("name", SUITES.names())
def test_ours_load_by_name_with_their_digest(name: str) -> None:
    suite, digest = load_suite(Path(name))
    assert suite.name == name
    assert digest == sha256_file(SUITES.folder / f"{name}.yaml")


def test_bytes_are_read_with_their_unit() -> None:
    assert [parse_bytes(text) for text in ("37MB", "36 MiB", "500kB", "1.5GB")] == [
        37_000_000,
        36 * 2**20,
        500_000,
        1_500_000_000,
    ]
    for wrong in ("37", "MB", "-1MB", "37 megs"):
        with pytest.raises(SuiteError, match="is no number of bytes"):
            parse_bytes(wrong)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("frame: {min_runs: 0}", "frame.min_runs"),
        ("frame: {min_runs: 5}\nframes: 3", "there is no key frames. Known: name, description"),
        ("frame: {min_runs: 5}\nbudget: {rss_delta_bytes: much}", "'much' is no number of bytes"),
        ("frame: {min_runs: 5}\nname: ../../etc", "name: String should match"),
        (
            "frame: {min_runs: 5}\n"
            "bands: [{device: '*', target: onnx, precision: fp32, threads: 1, least_ms: 9, most_ms: 3}]",
            "least_ms must be below most_ms",
        ),
    ],
)
def test_a_mistake_is_named(text: str, complaint: str, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(f"description: Mine.\n{text}\n" + ("" if "name:" in text else "name: mine\n"))
    with pytest.raises(SuiteError, match=f"mine.yaml: .*{complaint}"):
        load_suite(file)
