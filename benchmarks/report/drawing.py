"""Charts by Matplotlib as SVG inside a page, in the page's own text colour.

The same chart gives the same bytes. Text stays text; nothing in it is parsed as mathematics, and no fonts or
identifiers are fetched or shared between charts.
"""

import io
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dmvton_mobile.utils.html import inline_svg
from dmvton_mobile.utils.optional_imports import optional_import

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 400.0  # points; a phone shows it at nearly this size
SIZE = 11.5  # of text
SMALL = 10.0
COLOURS = ("#4a8fd8", "#de8033", "#45a06a", "#a672cf", "#d4a017", "#3aa6a6", "#d2679f", "#8c8c8c")  # on black and white
OVER_BUDGET = "#d9534f"
INK = "#010203"  # becomes currentColor

_SETTINGS: dict[Any, object] = {
    "svg.fonttype": "none",
    "text.parse_math": False,
    "path.simplify": False,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": SMALL,
    "text.color": INK,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "axes.labelsize": SMALL,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.labelsize": SMALL,
    "ytick.labelsize": SMALL,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.spines.left": False,
    "axes.axisbelow": True,
    "xtick.bottom": False,
    "ytick.left": False,
    "grid.color": INK,
    "grid.alpha": 0.15,
    "grid.linewidth": 0.8,
}
_NO_METADATA = {"Date": None, "Creator": None, "Format": None, "Type": None}


def draw_chart(name: str, label: str, height: float, paint: Callable[["Axes"], None], *, below: float = 36) -> str:
    """Draws a chart and returns its <svg> element.

    Args:
        name: Unique within the page.
        label: What the chart shows, for readers who cannot see it.
        height: Of the chart in points.
        paint: Draws on the axes.
        below: Space below the axes in points.

    Raises:
        NotInstalledError: Matplotlib is missing.
    """
    with optional_import("The charts need", extra="bench", package="Matplotlib"):
        import matplotlib
        from matplotlib.backends.backend_svg import FigureCanvasSVG
        from matplotlib.figure import Figure
    content = io.StringIO()
    with matplotlib.rc_context({**_SETTINGS, "svg.hashsalt": name}):
        figure = Figure(figsize=(WIDTH / 72, height / 72))
        canvas = FigureCanvasSVG(figure)
        axes = figure.add_axes((8 / WIDTH, below / height, 1 - 20 / WIDTH, 1 - (below + 6) / height))
        figure.patch.set_visible(False)
        axes.patch.set_visible(False)
        paint(axes)
        canvas.print_svg(content, metadata=_NO_METADATA)
    document = content.getvalue().replace("font-family: 'DejaVu Sans', sans-serif; ", "").replace(INK, "currentColor")
    return inline_svg(document, label)
