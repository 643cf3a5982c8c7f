"""The report: benchmark records on one page of HTML, verdicts first, then the figures behind them."""

from collections.abc import Sequence

from benchmarks.budget import FOOTPRINT
from benchmarks.record import BenchmarkRecord
from benchmarks.report.drawing import COLOURS
from benchmarks.report.entry import make_entries
from benchmarks.report.footprint_chart import footprint_chart
from benchmarks.report.latency_charts import camera_chart, latency_chart, sustained_charts
from benchmarks.report.operations import NUM_LONGEST, profiles
from benchmarks.report.tables import differences, megabytes, number, share, side_by_side
from dmvton_mobile.utils.html import render_page


def page_html(records: Sequence[BenchmarkRecord]) -> str:
    """The page; the same text for the same records.

    Raises:
        NotInstalledError: Jinja2 or Matplotlib is missing.
    """
    entries = make_entries(records)
    return render_page(
        "benchmarks.report",
        extra="bench",
        entries=entries,
        latency=latency_chart(entries),
        camera=camera_chart(entries),
        sustained=sustained_charts(entries),
        footprints=[(entry, footprint_chart(entry)) for entry in entries],
        footprint_names=FOOTPRINT,
        profiles=[profile for entry in entries for profile in profiles(entry)],
        num_longest=NUM_LONGEST,
        tables=side_by_side(entries),
        differences=differences(entries),
        colours=COLOURS,
        number=number,
        megabytes=megabytes,
        share=share,
        text=_text,
    )


def _text(value: object) -> str:
    """A value of a device's description or state; `-` if it is not known."""
    if value is None or value == ():
        return "-"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, tuple):
        return ", ".join(dict.fromkeys(map(str, value)))
    return f"{value:g}" if isinstance(value, float) else str(value)
