"""The contact sheet: the best, the median and the worst images, as person, garment, warp, result and truth."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from dmvton_mobile.datasets.sample import collate
from dmvton_mobile.evaluation.measure import METRICS, garment_of, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.evaluation.rows import Measured
from dmvton_mobile.evaluation.run import Evaluation

COLUMNS = ("person", "garment", "warped garment", "try-on", "truth")
RANKED_BY = ("psnr_garment", "psnr_image")
SHOWN = 4  # images each
Pictures = Sequence[Tensor | None]  # [1, 3, H, W] in [0, 1]; None: not known
_MARGIN, _HEADING, _CAPTION = 8, 26, 18
_INK, _PAPER, _NOTHING = (30, 30, 30), (255, 255, 255), (236, 236, 236)


@dataclass(frozen=True)
class Shown:
    """One line of the sheet. index: of the image in the dataset."""

    group: str
    index: int
    item: Measured


def choose(rows: Sequence[Measured], pairing: Pairing) -> tuple[str | None, list[Shown]]:
    """(the metric that ranks them, best, median and worst images); without any truth the first ones."""
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


def draw_sheet(evaluation: Evaluation, rows: Sequence[Measured], pairing: Pairing) -> Image.Image:
    """Makes the chosen try-ons once more and lays them out, a line each."""
    metric, chosen = choose(rows, pairing)
    subject = evaluation.candidate
    note = "" if subject.trained else ", untrained weights"
    lines = []
    for shown in chosen:
        figure = "" if metric is None else f", {metric.replace('_', ' ')} {shown.item.row[metric]:.2f} dB"
        caption = f"{shown.group}: {shown.item.person}{figure}"
        lines.append((_pictures(evaluation, shown.index, pairing), caption))
    heading = f"{subject.name}, {subject.runtime}{note}, {pairing}"
    return lay_out(heading, COLUMNS, lines, evaluation.dataset.size)


def lay_out(
    heading: str, columns: Sequence[str], lines: Sequence[tuple[Pictures, str]], size: tuple[int, int]
) -> Image.Image:
    """A sheet of pictures of that size (height, width): a line each, under the columns' titles, with a caption."""
    height, width = size
    step = height + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + len(columns) * (width + _MARGIN), 2 * _HEADING + len(lines) * step), _PAPER)
    draw = ImageDraw.Draw(sheet)
    font = ImageFont.load_default(13)
    draw.text((_MARGIN, 6), heading, _INK, font)
    for column, title in enumerate(columns):
        draw.text((_MARGIN + column * (width + _MARGIN), _HEADING + 4), title, _INK, font)
    for line, (pictures, caption) in enumerate(lines):
        top = 2 * _HEADING + line * step
        for column, picture in enumerate(pictures):
            left = _MARGIN + column * (width + _MARGIN)
            if picture is None:
                draw.rectangle((left, top, left + width - 1, top + height - 1), _NOTHING)
                draw.text((left + 8, top + 8), "not known", _INK, font)
            else:
                sheet.paste(Image.fromarray(_pixels(picture)), (left, top))
        draw.text((_MARGIN, top + height + 1), caption, _INK, font)
    return sheet


def _pictures(evaluation: Evaluation, index: int, pairing: Pairing) -> Pictures:
    sample = collate([evaluation.dataset[index]])
    garment = garment_of(sample, pairing)
    prediction = evaluation.candidate.predict(sample, garment, pairing is Pairing.PAIRED)
    person = sample.person * 0.5 + 0.5
    return (person, garment.picture, prediction.warped, prediction.tryon, target_of(sample, pairing))


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    scaled = (picture[0].clamp(0, 1) * 255).round().permute(1, 2, 0)
    return scaled.numpy().astype(np.uint8)
