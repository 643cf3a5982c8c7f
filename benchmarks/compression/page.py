"""A compression on one page of HTML that needs no other file."""

import base64
import io
from typing import Any

from PIL import Image

from benchmarks.compression.record import CompressionReport
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Target


def page_html(report: CompressionReport, sheet: Image.Image, sheet_target: Target, sensitivity: Any = None) -> str:
    """sheet: of the steps in sheet_target's runtime. sensitivity: the content of the run's sensitivity.json; None
    where nothing was searched. Raises DmvtonError where Jinja2 is not installed."""
    try:
        from jinja2 import Environment, PackageLoader, StrictUndefined
    except ModuleNotFoundError as error:
        raise DmvtonError(
            'The page needs Jinja2, which is not installed: pip install "dmvton-mobile[bench]".'
        ) from error
    environment = Environment(
        loader=PackageLoader("benchmarks.compression", "."), autoescape=True, undefined=StrictUndefined
    )
    return environment.get_template("page.html").render(
        report=report,
        sheet=_data_url(sheet),
        sheet_target=sheet_target,
        sensitivity=sensitivity,
        number=_number,
    )


def _number(value: float | None, form: str, unit: str = "") -> str:
    return "not measured" if value is None else f"{form % value}{unit}"


def _data_url(picture: Image.Image) -> str:
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
