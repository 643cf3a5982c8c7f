"""The latency charts: how frames scatter, and what a camera's rate and minutes of work change.

The title of a line stands above it, so that a phone has the full width for the drawing. The texts of charts are names
of targets and precisions and numbers, never a text from a record.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from benchmarks.report.drawing import COLOURS, INK, SIZE, SMALL, draw_chart
from benchmarks.report.entry import Entry
from benchmarks.report.figures import ArtifactFigures
from benchmarks.run_record import Mode, Series
from benchmarks.statistics import MIN_DRIFT_SAMPLES, median
from dmvton_mobile.targets import Precision, Target

if TYPE_CHECKING:
    from matplotlib.axes import Axes

MAX_DOTS = 6000  # in a chart
DOTS_PER_LINE = (20, 240)  # at least, at most
LOGARITHMIC_RATIO = 8.0  # of the slowest to the fastest line: the axis is logarithmic beyond it
MAX_PERIOD_RATIO = 4.0  # of a camera's period to the slowest line: beyond it the period is not drawn
BINS = 60  # of a sustained series
LINE_HEIGHT = 42.0  # points
DASHES = ("solid", "dashed", "dotted", "dashdot")
GOLDEN_RATIO = (math.sqrt(5) - 1) / 2  # scatters dots evenly, the same way every time


@dataclass(frozen=True)
class _Line:
    """One artifact set of one record."""

    entry: Entry
    figures: ArtifactFigures

    @property
    def title(self) -> str:
        return self.entry.labelled(self.figures.title)

    @property
    def colour(self) -> str:
        return COLOURS[self.entry.order % len(COLOURS)]

    def series(self, mode: Mode) -> list[Series]:
        """Frames of every round."""
        runs = self.entry.runs[self.figures.key]
        return [series for run in runs if (series := run.frames(mode))]


def latency_chart(entries: Sequence[Entry]) -> str | None:
    """Steady frames of every artifact set as dots, with median, p90 and p99; None if no frame was measured."""
    lines = [line for line in _lines(entries) if line.figures.frame_ms is not None]
    if not lines:
        return None
    samples = [sorted(sample for series in line.series(Mode.STEADY) for sample in series.samples_ms) for line in lines]
    ends = [line.figures.p99_ms or ordered[-1] for line, ordered in zip(lines, samples, strict=True)]
    least, most = min(ordered[0] for ordered in samples), 1.15 * max(ends)
    logarithmic = max(ends) > LOGARITHMIC_RATIO * min(ends)
    dots = min(DOTS_PER_LINE[1], max(DOTS_PER_LINE[0], MAX_DOTS // len(lines)))

    def paint(axes: "Axes") -> None:
        _milliseconds(axes, (0.8 * least if logarithmic else 0.0, most), logarithmic=logarithmic)
        for row, (line, ordered) in enumerate(zip(lines, samples, strict=True)):
            figures = line.figures
            beyond = sum(sample > most for sample in ordered)
            _dots(axes, row, [sample for sample in _thinned(ordered, dots) if sample <= most], line.colour)
            marks = [value for value in (figures.frame_ms, figures.p90_ms, figures.p99_ms) if value is not None]
            for value, width in zip(marks, (2.6, 1.5, 0.8), strict=True):
                axes.plot((value, value), (row + 0.42, row + 0.88), color=INK, linewidth=width, solid_capstyle="butt")
            text = " / ".join(f"{value:.1f}" for value in marks)
            more = f" (+{beyond}, to {ordered[-1]:.0f})" if beyond else ""
            _title(axes, row, line.title, f"{text}{more}")
        _rows(axes, len(lines))

    return draw_chart("latency", "Frame times of each artifact", _height(len(lines)), paint)


def camera_chart(entries: Sequence[Entry]) -> str | None:
    """Medians back to back (full) and at a camera's rate (hollow); None if no frame was measured at that rate."""
    lines = [
        line for line in _lines(entries) if line.figures.frame_ms is not None and line.figures.camera_ms is not None
    ]
    if not lines:
        return None
    pairs = [(line.figures.frame_ms or 0.0, line.figures.camera_ms or 0.0) for line in lines]
    periods = [line.series(Mode.CAMERA)[0].period_ms or math.inf for line in lines]
    most, least = max(max(pair) for pair in pairs), min(min(pair) for pair in pairs)
    logarithmic = most > LOGARITHMIC_RATIO * least
    limit = 1.15 * max(most, *(period for period in periods if period < MAX_PERIOD_RATIO * most), 0.0)

    def paint(axes: "Axes") -> None:
        _milliseconds(axes, (0.8 * least if logarithmic else 0.0, limit), logarithmic=logarithmic)
        for row, (line, (steady, camera), period) in enumerate(zip(lines, pairs, periods, strict=True)):
            if period <= limit:
                axes.plot((period, period), (row + 0.45, row + 0.9), color=INK, linewidth=1.2, linestyle=(0, (2, 1)))
            axes.plot((steady, camera), (row + 0.65,) * 2, color=line.colour, linewidth=2, alpha=0.6)
            axes.plot([steady], [row + 0.65], "o", color=line.colour, markersize=8)
            axes.plot([camera], [row + 0.65], "o", color=line.colour, markerfacecolor="none", markersize=8, mew=1.8)
            late = "" if line.figures.late is None else f", {line.figures.late:.0%} late"
            _title(axes, row, line.title, f"{steady:.1f} → {camera:.1f}{late}")
        _rows(axes, len(lines))

    return draw_chart("camera", "Frames back to back and at camera rate", _height(len(lines)), paint)


def sustained_charts(entries: Sequence[Entry]) -> list[tuple[str, str]]:
    """Title and chart for each target and precision: latency over time, relative to the first quarter."""
    groups: dict[tuple[Target, Precision], list[_Line]] = {}
    for line in _lines(entries):
        if any(len(series.samples_ms) >= MIN_DRIFT_SAMPLES for series in line.series(Mode.SUSTAINED)):
            groups.setdefault(line.figures.key[:2], []).append(line)
    return [
        (f"{target} {precision}", _drift(target, precision, lines)) for (target, precision), lines in groups.items()
    ]


def _drift(target: Target, precision: Precision, lines: Sequence[_Line]) -> str:
    height = 150 + 15.0 * len(lines)

    def paint(axes: "Axes") -> None:
        from matplotlib.ticker import FuncFormatter

        for index, line in enumerate(lines):
            text = f"{line.figures.key[2]} thread{'s' * (line.figures.key[2] > 1)}"
            if line.figures.sustained_ms is not None and line.figures.drift is not None:
                text += f": {line.figures.sustained_ms:.1f} ms at the end, {line.figures.drift:+.0%}"
            label = line.entry.labelled(text)
            for series in line.series(Mode.SUSTAINED):
                if len(series.samples_ms) >= MIN_DRIFT_SAMPLES:
                    colour, dashes = _look(lines, index)
                    axes.plot(*_course(series), color=colour, linestyle=dashes, label=label)
                    label = f"_{label}"  # the other rounds have no line of their own in the legend
        low, high = axes.get_ylim()
        axes.set_ylim(min(low, -0.05), max(high, 0.05))
        axes.set_xlim(left=0)
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:+.0%}" if round(value, 4) else "0%"))
        axes.set_xlabel("seconds", loc="right")
        axes.axhline(0, color=INK, linewidth=0.8, alpha=0.6)
        axes.grid(axis="y")
        bottom = 36 + 15.0 * len(lines)
        axes.set_position((40 / 400, bottom / height, 348 / 400, 1 - (bottom + 8) / height))
        axes.legend(
            loc="upper left", bbox_to_anchor=(-0.02, -28 / (height - bottom - 8)), frameon=False, borderpad=0,
            borderaxespad=0, labelspacing=0.35, handlelength=1.6,
        )  # fmt: skip

    return draw_chart(
        f"sustained-{target}-{precision}", f"Frame times of {target} {precision} over time", height, paint
    )


def _look(lines: Sequence[_Line], index: int) -> tuple[str, str]:
    """Colour and dashes: with several records each has a colour, and dashes tell its thread counts apart."""
    line = lines[index]
    if not line.entry.label:
        return COLOURS[index % len(COLOURS)], "solid"
    threads = sorted({each.figures.key[2] for each in lines})
    return line.colour, DASHES[threads.index(line.figures.key[2]) % len(DASHES)]


def _course(series: Series) -> tuple[list[float], list[float]]:
    """Seconds and changes: medians of BINS equal intervals, relative to the first quarter's median."""
    samples, started = series.samples_ms, series.started_ms
    first = median(samples[: len(samples) // 4])
    interval = max(started[-1], 1.0) * (1 + 1e-9) / min(BINS, len(samples) // 2)
    bins: dict[int, list[float]] = {}
    for start, sample in zip(started, samples, strict=True):
        bins.setdefault(int(start / interval), []).append(sample)
    return [(number + 0.5) * interval / 1000 for number in bins], [median(each) / first - 1 for each in bins.values()]


def _lines(entries: Sequence[Entry]) -> list[_Line]:
    """A line for each artifact set and record; those of one artifact set follow each other."""
    lines = [_Line(entry, figures) for entry in entries for figures in entry.figures]
    order = {line.figures.key: None for line in lines}
    return [line for key in order for line in lines if line.figures.key == key]


def _thinned(ordered: Sequence[float], most: int) -> list[float]:
    """At most that many values, evenly by rank, with the smallest and the largest among them."""
    if len(ordered) <= most:
        return list(ordered)
    return [ordered[round(index * (len(ordered) - 1) / (most - 1))] for index in range(most)]


def _dots(axes: "Axes", row: int, values: Sequence[float], colour: str) -> None:
    """Draws the values as one path of points, scattered within the line's height."""
    gap = float("nan")
    across = [row + 0.45 + 0.4 * ((index * GOLDEN_RATIO) % 1) for index in range(len(values))]
    x = [place for value in values for place in (value, value, gap)]
    y = [place for height in across for place in (height, height, gap)]
    axes.plot(x, y, color=colour, linewidth=2.2, solid_capstyle="round", alpha=0.75)


def _title(axes: "Axes", row: int, title: str, figures: str) -> None:
    draw: Callable[..., object] = axes.text
    draw(0.0, row + 0.36, title, fontsize=SIZE, transform=axes.get_yaxis_transform())
    draw(1.0, row + 0.36, figures, fontsize=SMALL, ha="right", transform=axes.get_yaxis_transform())


def _milliseconds(axes: "Axes", limits: tuple[float, float], *, logarithmic: bool) -> None:
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    if logarithmic:
        axes.set_xscale("log")
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_xlim(*limits)
    axes.set_xlabel("ms, logarithmic" if logarithmic else "ms", loc="right")
    axes.grid(axis="x")


def _rows(axes: "Axes", count: int) -> None:
    axes.set_ylim(count, 0)
    axes.set_yticks([])


def _height(lines: int) -> float:
    return 40 + LINE_HEIGHT * lines
