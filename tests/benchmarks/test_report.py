"""The report's page: verdicts first, nothing invented, nothing that a record says runs, and a real browser shows it."""

import json
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path

import pytest

from benchmarks.budget import budget_checks
from benchmarks.cli.report import overlay_command, report_command
from benchmarks.record import (
    ArtifactSizes,
    BenchmarkRecord,
    BundleIdentity,
    Check,
    SuiteIdentity,
    Validity,
    Verdict,
    write_record,
)
from benchmarks.report.page import page_html
from benchmarks.run_record import Device, DeviceKind, Load, Memory, MemoryKind, Mode, Operation, Run, Series, State
from benchmarks.suite import Budget
from dmvton_mobile.contract import Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target
from tests.benchmarks import records

HOSTILE = '<script>alert(1)</script> "><img src=x onerror=alert(2)> {{ 7 * 7 }} $\\frac{1 --> ' + "x" * 300
VOID = ("meta", "link", "br", "img", "base", "input", "embed", "source")


class Page(HTMLParser):
    """What a page shows and asks for."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self._open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self._open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if not {"style", "title"} & set(self._open):
            self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(" ".join(self.words).split())


def series(mode: Mode, milliseconds: float, count: int, component: Component = Component.TRYON) -> Series:
    chance = random.Random(f"{mode} {milliseconds}")
    samples = [milliseconds * (1 + 0.2 * index / count) * chance.uniform(0.9, 1.2) for index in range(count)]
    period = 1000 / 30 if mode is Mode.CAMERA else None
    return Series(
        component=component,
        mode=mode,
        warmup_runs=3,
        period_ms=period,
        started_ms=tuple(index * (period or 1.5 * milliseconds) for index in range(count)),
        samples_ms=tuple(samples),
    )


def run(precision: Precision, milliseconds: float, growth: int, words: str = "conv") -> Run:
    return Run(
        target=Target.TFLITE,
        precision=precision,
        threads=2,
        round=1,
        versions={"litert": "2.3.0"},
        before=State(load=0.25, governors=("schedutil",), frequencies_khz=(1_800_000, 2_800_000)),
        loads=(Load(component=Component.TRYON, cold=True, first_load_ms=123.4, first_run_ms=45.6),),
        series=(
            series(Mode.STEADY, milliseconds / 2, 20, Component.GARMENT_ENCODER),
            series(Mode.STEADY, milliseconds, 400),
            series(Mode.CAMERA, 1.3 * milliseconds, 60),
            series(Mode.SUSTAINED, milliseconds, 300),
        ),
        memory=Memory(kind=MemoryKind.PSS, bare_bytes=10**7, peak_bytes=10**7 + growth, arena_bytes=growth // 2),
        operations=tuple(
            Operation(
                name=f"{words} {index}",
                kind=("Conv", "Resize")[index % 2] if words == "conv" else words,
                backend=("XNNPACK", None)[index % 2],
                milliseconds=0.01 * index,
            )
            for index in range(30)
        ),
    )


def record(
    runs: Sequence[Run],
    *,
    model: str = "Pixel 8",
    trained: bool = True,
    validity: Validity = Validity.VALID,
    reasons: tuple[str, ...] = (),
    more_checks: tuple[Check, ...] = (),
) -> BenchmarkRecord:
    artifacts = [
        ArtifactSizes(
            target=target, precision=precision, parameters_bytes=10**6, file_bytes=11 * 10**5, download_bytes=9**6
        )
        for target, precision in dict.fromkeys((run.target, run.precision) for run in runs)
    ]
    budget = Budget(parameters_bytes=37 * 10**6, rss_delta_bytes=37 * 10**6)
    checks = (*budget_checks(budget, artifacts, runs), *more_checks)
    return BenchmarkRecord(
        started_at=datetime(2026, 1, 2, 3, 4, tzinfo=UTC),
        seconds=90.0,
        suite=SuiteIdentity(name="phone", sha256="ab" * 32, budget=budget),
        bundle=BundleIdentity(name="lite.dmvton", network="dmvton-lite", trained=trained, digest="cd" * 32),
        device=Device(kind=DeviceKind.ANDROID, name="adb:1234", model=model, abi="arm64-v8a", cores=8),
        agent="android 1",
        versions={"dmvton-mobile": "0.1.0"},
        artifacts=tuple(artifacts),
        runs=tuple(runs),
        verdict=Verdict(
            validity=validity,
            reasons=reasons,
            checks=checks,
            passed=validity is not Validity.INVALID and all(check.held for check in checks),
        ),
    )


@pytest.fixture(scope="module")
def good() -> BenchmarkRecord:
    return record([run(Precision.FP16, 14.0, 30 * 10**6), run(Precision.INT8, 8.0, 20 * 10**6)])


@pytest.fixture(scope="module")
def hostile() -> BenchmarkRecord:
    """Fails, is invalid, and every word of it is hostile."""
    failed = Run(target=Target.ONNX, precision=Precision.FP32, threads=1, round=1, failure=HOSTILE)
    return record(
        [run(Precision.FP16, 20.0, 47 * 10**6, words=HOSTILE), failed],
        model=HOSTILE,
        trained=False,
        validity=Validity.INVALID,
        reasons=(HOSTILE, "the device held itself back."),
        more_checks=(Check(what=HOSTILE, held=None),),
    )


def test_verdicts_come_first(good: BenchmarkRecord, hostile: BenchmarkRecord) -> None:
    text = Page(page_html([good, hostile])).text
    assert text.startswith("Benchmark report R1 PASS , valid : lite.dmvton (dmvton-lite), suite phone, on Pixel 8")
    order = [
        "R2 NO PASS , invalid",
        "Failed tflite fp16: RSS delta 47.0 MB, budget 37.0 MB.",
        "Not known onnx fp32: RSS delta not known, budget 37.0 MB. <script>alert(1)",
        "Why invalid",
        "the device held itself back.",
        "Figures",
        "Frame times",
        "Sustained Change of the latency",
        "Footprint",
        "Operations",
        "Side by side",
        "Devices and versions",
        "Suites and bundles",
        "Conditions",
    ]
    places = [text.find(words) for words in order]
    assert -1 not in places
    assert places == sorted(places)
    assert text.count("is untrained") == 1


def test_what_was_not_measured_is_a_dash() -> None:
    failed = Run(target=Target.ONNX, precision=Precision.FP32, threads=1, round=1, failure="it ended early.")
    html = page_html([record([failed], validity=Validity.INVALID, reasons=("it ended early.",))])
    row = re.search(r'<th scope="row">onnx fp32, 1 thread</th>(.*?)</tr>', html, re.DOTALL)
    assert row is not None
    assert Page(row[1].replace("\n", "")).text == " ".join("-" * 13)
    text = Page(html).text
    assert "onnx fp32, 1 thread failed: it ended early." in text
    assert "RSS delta not known, budget 37.0 MB." in text
    assert "processor - accelerator -" in text
    assert "Frame times" not in text  # no chart of nothing


def test_figures_and_budgets_are_the_record_s(good: BenchmarkRecord, hostile: BenchmarkRecord) -> None:
    text = Page(page_html([good])).text
    steady = good.runs[0].frame
    assert steady is not None
    summary = steady.summary
    assert f"{summary.median_ms:.1f} {summary.p90_ms:.1f} {summary.p99_ms:.1f} {summary.dispersion:.0%}" in text
    assert f"{summary.median_ms:.1f} / {summary.p90_ms:.1f} / {summary.p99_ms:.1f}" in text  # in the chart
    assert "123.4 cold - 45.6" in text
    assert "30.0 of 37" in text
    assert "of 37, over" not in text
    over = Page(page_html([hostile])).text
    assert "47.0 of 37, over" in over
    assert "47.0 of 37.0, over" in over


def test_operations_are_summed_by_kind_and_the_longest_shown(good: BenchmarkRecord) -> None:
    text = Page(page_html([good])).text
    assert "30 operations, 4.35 ms a frame" in text
    assert "Resize runtime's own 15 2.250 52%" in text
    assert "The 20 that take longest" in text
    assert "conv 29 Resize runtime's own 0.290" in text
    assert "conv 9 " not in text


def test_several_records_stand_side_by_side(good: BenchmarkRecord) -> None:
    slower = record([run(Precision.FP16, 28.0, 30 * 10**6)], model="Pixel 4")
    text = Page(page_html([good, slower])).text
    medians = [each.runs[0].frame.summary.median_ms for each in (good, slower) if each.runs[0].frame]
    ratio = medians[1] / medians[0]
    assert f"tflite fp16, 2 threads {medians[0]:.1f} {medians[1]:.1f} (x{ratio:.2f})" in text
    assert "model Pixel 8 Pixel 4" in text
    assert "Compare with care" not in text
    other = slower.model_copy(update={"suite": SuiteIdentity(name="quick", sha256="ef" * 32)})
    assert "follow different suites" in Page(page_html([good, other])).text
    assert "Side by side" not in Page(page_html([good])).text


def test_nothing_of_a_record_becomes_markup(hostile: BenchmarkRecord) -> None:
    html = page_html([hostile, hostile])
    page = Page(html)
    tags = {tag for tag, _ in page.tags}
    assert not tags & {"script", "img", "iframe", "object", "embed", "form", "base"}
    assert HOSTILE in page.text
    assert not [name for _, attributes in page.tags for name in attributes if name.startswith("on")]


def test_no_request_leaves_the_page(good: BenchmarkRecord, hostile: BenchmarkRecord) -> None:
    html = page_html([good, hostile])
    for tag, attributes in Page(html).tags:
        for name in ("src", "srcset", "href", "xlink:href", "action", "data", "poster"):
            assert (attributes.get(name) or "#").startswith(("#", "data:")), (tag, attributes)
    assert not re.search(r"url\((?!#|data:)", html)
    assert "@import" not in html
    assert "http://" not in html
    assert "https://" not in html
    assert "default-src 'none'" in html


def test_the_same_records_give_the_same_page(good: BenchmarkRecord, hostile: BenchmarkRecord) -> None:
    html = page_html([good, hostile])
    assert page_html([good, hostile]) == html
    names = re.findall(r' id="([^"]*)"', html)
    assert names
    assert len(set(names)) == len(names)  # charts share none


def test_the_verb_writes_a_page_once(good: BenchmarkRecord, tmp_path: Path) -> None:
    write_record(good, tmp_path / "record.json")
    out = tmp_path / "report.html"
    report_command([tmp_path / "record.json"], out)
    assert out.read_text(encoding="utf-8") == page_html([good])
    with pytest.raises(DmvtonError, match="exists already"):
        report_command([tmp_path / "record.json"], out)
    with pytest.raises(DmvtonError, match="cannot be read"):
        report_command([tmp_path / "none.json"], tmp_path / "other.html")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["record.json", "report.html"]


@pytest.mark.parametrize("package", ["matplotlib", "jinja2"])
def test_a_missing_package_is_named(package: str, good: BenchmarkRecord, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(DmvtonError, match=r'pip install "dmvton-mobile\[bench\]"'):
        page_html([good])


MEASURE = """<!doctype html><iframe src="page.html" style="width: %dpx; height: 800px; border: 0"></iframe><script>
onload = () => {
  const page = document.querySelector("iframe").contentDocument;
  page.querySelectorAll("details").forEach(each => each.open = true);
  const root = page.documentElement;
  document.title = JSON.stringify([root.scrollWidth, root.clientWidth, page.querySelectorAll("svg").length]);
}</script>"""


def shown(html: str, width: int, folder: Path) -> tuple[list[int], str]:
    """(width of what is shown, of the window, charts) in a browser that wide, and what its console says."""
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.fail("This test needs Chromium: apt-get install chromium.")
    (folder / "page.html").write_text(html, encoding="utf-8")
    (folder / "measure.html").write_text(MEASURE % width, encoding="utf-8")
    options = ("--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars", "--allow-file-access-from-files")
    address = (folder / "measure.html").as_uri()
    command = [chromium, *options, f"--user-data-dir={folder / 'profile'}", "--enable-logging=stderr", "--dump-dom"]
    ended = subprocess.run([*command, address], capture_output=True, text=True, timeout=300, check=True)
    found = re.search(r"<title>(.*?)</title>", ended.stdout)
    assert found is not None, ended.stdout
    return json.loads(found[1]), "\n".join(line for line in ended.stderr.splitlines() if "CONSOLE" in line)


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1200])
def test_a_browser_shows_it(width: int, good: BenchmarkRecord, hostile: BenchmarkRecord, tmp_path: Path) -> None:
    (shown_width, window, charts), console = shown(page_html([good, hostile]), width, tmp_path)
    assert console == ""
    assert window == width
    assert shown_width == width
    assert charts == 6  # latency, camera, two artifacts sustained, two footprints


@pytest.mark.slow
def test_the_browser_would_tell(tmp_path: Path) -> None:
    flawed = '<!doctype html><script>console.error("flaw")</script><div style="width: 900px">wide</div>'
    (width, window, _), console = shown(flawed, 390, tmp_path)
    assert width >= 900 > window
    assert "flaw" in console


def test_operations_become_node_data(tmp_path: Path) -> None:
    operations = (
        Operation(name="conv", kind="Conv", milliseconds=1.5),
        Operation(name="gather", kind="GATHER", backend="XNNPACK"),
        Operation(name="own", kind="CAST"),
    )
    write_record(records.record([records.run(operations=operations)]), tmp_path / "record.json")
    overlay_command(tmp_path / "record.json", tmp_path / "overlays")
    (file,) = (tmp_path / "overlays").iterdir()
    assert file.name == "onnx_fp32_2.json"
    graph = json.loads(file.read_text())["main"]
    assert graph["results"] == {"conv": {"value": 1.5}, "gather": {"value": "XNNPACK"}, "own": {"value": "own kernel"}}
    write_record(records.record([records.run()]), tmp_path / "bare.json")
    with pytest.raises(DmvtonError, match="has no operations"):
        overlay_command(tmp_path / "bare.json", tmp_path / "none")
