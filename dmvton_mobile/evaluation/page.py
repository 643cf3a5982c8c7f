"""The evaluation on one page of HTML that needs no other file: figures, contact sheets, and what they depend on."""

from PIL import Image

from dmvton_mobile.evaluation.record import EvaluationRecord, Pairing
from dmvton_mobile.utils.html import data_url, render_page


def page_html(record: EvaluationRecord, sheets: dict[Pairing, Image.Image]) -> str:
    """The page.

    Args:
        record: The evaluation.
        sheets: The contact sheet of every pairing in the record.

    Raises:
        NotInstalledError: Jinja2 is missing.
    """
    pictures = {pairing: data_url(sheet) for pairing, sheet in sheets.items()}
    return render_page("dmvton_mobile.evaluation", extra="evaluate", record=record, run=record.run, sheets=pictures)
