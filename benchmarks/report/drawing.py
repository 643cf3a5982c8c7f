"""From Matplotlib to SVG inside a page: its ink is the page's text colour, the same bytes for the same chart.

Text stays text. Nothing is parsed as mathematics, no fonts or identifiers are fetched or shared between charts.
"""

import html
import io
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from dmvton_mobile.utils.optional_imports import optional_import

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH = 400.0  # points; a phone shows it at nearly this size
SIZE = 11.5  # of text
SMALL = 10.0
COLOURS = ("#4a8fd8", "#de8033", "#45a06a", "#a672cf", "#d4a017", "#3aa6a6", "#d2679f", "#8c8c8c")  # on black and white
OVER = "#d9534f"
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


def svg(name: str, says: str, height: float, paint: Callable[["Axes"], None], *, below: float = 36) -> str:
    """The <svg> element that `paint` draws. name: the chart's own within the page. says: to who cannot see it. height,
    below: points of all, and of what lies below the axes. Raises DmvtonError where Matplotlib is not installed."""
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
    return _inline(content.getvalue(), says)


def _inline(text: str, says: str) -> str:
    """Of a whole SVG file: no prologue, no namespaces, no style that the page would take for its own."""
    found = re.search(r"<svg[^>]*?viewBox=\"([^\"]*)\"[^>]*>(.*)</svg>", text, re.DOTALL)
    assert found is not None
    body = re.sub(r"<(metadata|defs)>\s*(<style.*?</style>|<rdf.*?</rdf:RDF>)\s*</\1>", "", found[2], flags=re.DOTALL)
    body = re.sub(r'<g id="[^"]*"', "<g", body)
    body = re.sub(r"<!--.*?-->", "", body, flags=re.DOTALL)
    body = re.sub(r">\s+<", "><", body.strip().replace("font-family: 'DejaVu Sans', sans-serif; ", ""))
    body = body.replace(INK, "currentColor").replace("\n", "")
    return f'<svg viewBox="{found[1]}" role="img" aria-label="{html.escape(says)}">{body}</svg>'
