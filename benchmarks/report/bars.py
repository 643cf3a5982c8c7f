"""The chart of bytes: parameters, files, download, arena and RSS delta as bars, each with its own budget's mark."""

from typing import TYPE_CHECKING

from benchmarks.budget import FootprintNumber
from benchmarks.report.cells import megabytes
from benchmarks.report.drawing import COLOURS, INK, OVER, SIZE, SMALL, svg
from benchmarks.report.entry import Entry

if TYPE_CHECKING:
    from matplotlib.axes import Axes

HEADING, BAR = 22.0, 17.0  # points
NAMES = 0.23  # of the axes' width, left of the bars
NUMBERS = 0.34  # and right of them


def footprint_chart(entry: Entry) -> str | None:
    """In megabytes of 10^6 bytes; None where the record tells of no artifact."""
    weighed = [(f"{each.target} {each.precision}", entry.weights(each)) for each in entry.record.artifacts]
    if not weighed:
        return None
    ends = [
        _scaled(end)
        for _, weights in weighed
        for weight in weights
        for end in (weight.budget_bytes, weight.actual_bytes)
    ]
    most = max([1e-3, *(end for end in ends if end is not None)])
    height = 28 + sum(HEADING + BAR * len(weights) for _, weights in weighed)

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter

        across = axes.get_yaxis_transform()
        scale = most / (1 - NAMES - NUMBERS)
        axes.set_xlim(-NAMES * scale, (1 - NAMES) * scale)
        top = 0.0
        for title, weights in weighed:
            axes.text(0, top + 15, title, fontsize=SIZE, transform=across)
            top += HEADING
            for weight in weights:
                middle = top + BAR / 2
                axes.text(0.015, middle, weight.name, fontsize=SMALL, va="center", transform=across)
                spent, budget = _scaled(weight.actual_bytes), _scaled(weight.budget_bytes)
                if spent is not None:
                    colour = OVER if weight.within_budget is False else COLOURS[entry.order % len(COLOURS)]
                    axes.barh(middle, spent, height=BAR * 0.6, color=colour)
                if budget is not None:
                    axes.plot((budget,) * 2, (top + 1, top + BAR - 1), color=INK, linewidth=1.8)
                axes.text(1, middle, _said(weight), fontsize=SMALL, ha="right", va="center", transform=across)
                top += BAR
        axes.set_ylim(top, 0)
        axes.set_yticks([])
        axes.set_xticks([tick for tick in axes.get_xticks() if 0 <= tick <= most])
        axes.spines["bottom"].set_bounds(0, most)
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g} MB" if value else "0"))
        axes.grid(axis="x")

    return svg(f"footprint-{entry.order}", "Footprint of each artifact, against its budget", height, paint, below=20)


def _scaled(count: int | None) -> float | None:
    return None if count is None else count / 1e6


def _said(weight: FootprintNumber) -> str:
    said = megabytes(weight.actual_bytes, 1)
    if weight.budget_bytes is None:
        return said
    return f"{said} of {weight.budget_bytes / 1e6:g}{', over' if weight.within_budget is False else ''}"
