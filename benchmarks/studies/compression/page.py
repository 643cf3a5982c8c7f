"""A compression on one page of HTML that needs no other file."""

from PIL import Image

from benchmarks.studies.compression.record import CompressionReport
from dmvton_mobile.records.sensitivity import Sensitivity
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.html import data_url, render_page


def page_html(
    report: CompressionReport, sheet: Image.Image, sheet_target: Target, sensitivity: Sensitivity | None
) -> str:
    """The page of a report.

    Args:
        report: The figures.
        sheet: Try-ons of every step.
        sheet_target: The target that the sheet was made with.
        sensitivity: Of the search for layers that stay float32; None if nothing was searched.

    Raises:
        DmvtonError: Jinja2 is not installed.
    """
    return render_page(
        "benchmarks.studies.compression",
        extra="bench",
        report=report,
        sheet=data_url(sheet),
        sheet_target=sheet_target,
        sensitivity=sensitivity,
        number=_number,
    )


def _number(value: float | None, pattern: str, unit: str = "") -> str:
    return "not measured" if value is None else f"{pattern % value}{unit}"
