"""Benchmark records on one page of HTML that needs no other file: verdicts first, then what they rest on."""

from collections.abc import Sequence

from benchmarks.budget import FOOTPRINT
from benchmarks.record import BenchmarkRecord
from benchmarks.report.bars import footprint_chart
from benchmarks.report.beside import beside, differ
from benchmarks.report.cells import megabytes, number, share
from benchmarks.report.charts import camera_chart, latency_chart, sustained_charts
from benchmarks.report.drawing import COLOURS
from benchmarks.report.entry import entries
from benchmarks.report.operations import TOP, profiles
from dmvton_mobile.evaluation.page import rendered


def page_html(records: Sequence[BenchmarkRecord]) -> str:
    """The same text for the same records. Raises DmvtonError where Jinja2 or Matplotlib is not installed."""
    shown = entries(records)
    return rendered(
        "benchmarks.report",
        extra="bench",
        entries=shown,
        latency=latency_chart(shown),
        camera=camera_chart(shown),
        sustained=sustained_charts(shown),
        footprints=[(entry, footprint_chart(entry)) for entry in shown],
        profiles=[profile for entry in shown for profile in profiles(entry)],
        top=TOP,
        beside=beside(shown),
        differ=differ(shown),
        numbers=FOOTPRINT,
        colours=COLOURS,
        number=number,
        megabytes=megabytes,
        share=share,
        words=_words,
    )


def _words(value: object) -> str:
    """What a device tells of itself."""
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(dict.fromkeys(map(str, value)))
    return f"{value:g}" if isinstance(value, float) else str(value)
