"""The contact sheet of an evaluation: the best, the median and the worst images, with their ground truth."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image
from torch import Tensor

from dmvton_mobile.contract import to_unit
from dmvton_mobile.datasets.sample import collate
from dmvton_mobile.evaluation.measure import METRICS, garment_of, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.evaluation.rows import ImageRow
from dmvton_mobile.evaluation.run import Evaluation
from dmvton_mobile.imaging.contact_sheet import SheetRow, contact_sheet

COLUMNS = ("person", "garment", "warped garment", "try-on", "truth")
RANKED_BY = ("psnr_garment", "psnr_image")
SHOWN = 4  # images of each group


@dataclass(frozen=True)
class Shown:
    """One row of the sheet.

    Attributes:
        group: `best`, `median`, `worst`, or `first` without ground truth.
        index: Of the image in the dataset.
        item: Its figures.
    """

    group: str
    index: int
    item: ImageRow


def choose(rows: Sequence[ImageRow], pairing: Pairing) -> tuple[str | None, list[Shown]]:
    """Chooses the best, median and worst images, or the first ones without ground truth.

    Returns:
        The metric that ranks them, None without ground truth, and the images.
    """
    items = [item for item in rows if item.pairing is pairing]
    for name in RANKED_BY:
        metric = next(metric for metric in METRICS if metric.name == name)
        known = [(value, index) for index, item in enumerate(items) if (value := item.row[name]) is not None]
        if not known:
            continue
        order = [index for _, index in sorted(known, reverse=metric.better == "higher")]
        shown = min(SHOWN, max(len(order) // 3, 1))
        middle = max((len(order) - shown) // 2, 0)
        groups = {"best": order[:shown], "median": order[middle : middle + shown], "worst": order[-shown:]}
        return name, [Shown(group, index, items[index]) for group, indices in groups.items() for index in indices]
    return None, [Shown("first", index, item) for index, item in enumerate(items[: 3 * SHOWN])]


def draw_sheet(evaluation: Evaluation, rows: Sequence[ImageRow], pairing: Pairing) -> Image.Image:
    """Makes the chosen try-ons again and draws them, a row each."""
    metric, chosen = choose(rows, pairing)
    subject = evaluation.candidate
    note = "" if subject.trained else ", untrained weights"
    rows_shown = []
    for shown in chosen:
        figure = "" if metric is None else f", {metric.replace('_', ' ')} {shown.item.row[metric]:.2f} dB"
        caption = f"{shown.group}: {shown.item.person}{figure}"
        rows_shown.append(SheetRow(_images(evaluation, shown.index, pairing), caption))
    heading = f"{subject.name}, {subject.runtime}{note}, {pairing}"
    return contact_sheet(COLUMNS, rows_shown, evaluation.dataset.size, heading)


def _images(evaluation: Evaluation, index: int, pairing: Pairing) -> Sequence[Tensor | None]:
    sample = collate([evaluation.dataset[index]])
    garment = garment_of(sample, pairing)
    prediction = evaluation.candidate.predict(sample, garment, pairing is Pairing.PAIRED)
    person = to_unit(sample.person)
    return (person, garment.picture, prediction.warped, prediction.tryon, target_of(sample, pairing))
