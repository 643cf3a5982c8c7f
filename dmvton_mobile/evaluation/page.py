"""The evaluation on one page of HTML that needs no other file: figures, contact sheets, what it all depends on."""

import base64
import io

from PIL import Image

from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.utils.optional_imports import optional_import


def page_html(record: EvaluationRecord, sheets: dict[Pairing, Image.Image]) -> str:
    """The page; sheets: of every pairing in the record. Raises DmvtonError where Jinja2 is not installed."""
    pictures = {pairing: data_url(sheet) for pairing, sheet in sheets.items()}
    return rendered("dmvton_mobile.evaluation", extra="evaluate", record=record, run=record.run, sheets=pictures)


def rendered(package: str, *, extra: str, **values: object) -> str:
    """A package's page.html with these values in it. Raises DmvtonError, naming the extra, where Jinja2 is not
    installed."""
    with optional_import("The page needs", extra=extra, package="Jinja2"):
        from jinja2 import Environment, PackageLoader, StrictUndefined
    environment = Environment(loader=PackageLoader(package, "."), autoescape=True, undefined=StrictUndefined)
    return environment.get_template("page.html").render(**values)


def data_url(picture: Image.Image) -> str:
    """The picture inside the page."""
    content = io.BytesIO()
    picture.save(content, "PNG", optimize=True)
    return f"data:image/png;base64,{base64.b64encode(content.getvalue()).decode()}"
