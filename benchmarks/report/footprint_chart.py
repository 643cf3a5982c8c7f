"""The footprint chart: parameters, files, download, arena and RSS delta as bars, each with a mark at its budget."""

from typing import TYPE_CHECKING

from benchmarks.budget import FootprintNumber
from benchmarks.report.drawing import COLOURS, INK, OVER_BUDGET, SIZE, SMALL, draw_chart
from benchmarks.report.entry import Entry
from benchmarks.report.tables import megabytes

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADING, BAR = 22.0, 17.0  # points
NAMES_WIDTH = 0.23  # of the axes' width, left of the bars
NUMBERS_WIDTH = 0.34  # and right of them


def footprint_chart(entry: Entry) -> str | None:
    """The <svg> element, in MB of 10^6 bytes; None if the record has no artifacts."""
    groups = [(f"{each.target} {each.precision}", entry.footprint(each)) for each in entry.record.artifacts]
    if not groups:
        return None
    numbers = [number for _, group in groups for number in group]
    ends = [end for number in numbers for end in (number.budget_bytes, number.actual_bytes) if end is not None]
    most = max([1e-3, *(end / 1e6 for end in ends)])
    height = 28 + sum(HEADING + BAR * len(group) for _, group in groups)

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter

        across = axes.get_yaxis_transform()
        scale = most / (1 - NAMES_WIDTH - NUMBERS_WIDTH)
        axes.set_xlim(-NAMES_WIDTH * scale, (1 - NAMES_WIDTH) * scale)
        top = 0.0
        for title, group in groups:
            axes.text(0, top + 15, title, fontsize=SIZE, transform=across)
            top += HEADING
            for number in group:
                _bar(axes, top, number, COLOURS[entry.order % len(COLOURS)])
                top += BAR
        axes.set_ylim(top, 0)
        axes.set_yticks([])
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= most])
        axes.spines["bottom"].set_bounds(0, most)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB" if value else "0"))
        axes.grid(axis="x")

    label = "Footprint of each artifact, against its budget"
    return draw_chart(f"footprint-{entry.order}", label, height, paint, below=20)


def _bar(axes: "Axes", top: float, number: FootprintNumber, colour: str) -> None:
    across = axes.get_yaxis_transform()
    middle = top + BAR / 2
    axes.text(0.015, middle, number.name, fontsize=SMALL, va="center", transform=across)
    if number.actual_bytes is not None:
        filling = OVER_BUDGET if number.within_budget is False else colour
        axes.barh(middle, number.actual_bytes / 1e6, height=BAR * 0.6, color=filling)
    if number.budget_bytes is not None:
        axes.plot((number.budget_bytes / 1e6,) * 2, (top + 1, top + BAR - 1), color=INK, linewidth=1.8)
    axes.text(1, middle, _text(number), fontsize=SMALL, ha="right", va="center", transform=across)


def _text(number: FootprintNumber) -> str:
    actual = megabytes(number.actual_bytes, 1)
    if number.budget_bytes is None:
        return actual
    return f"{actual} of {number.budget_bytes / 1e6:g}{', over' if number.within_budget is False else ''}"
