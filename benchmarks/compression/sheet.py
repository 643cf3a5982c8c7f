"""Before and after, as pictures: the images that lost most by the last step, and the middle of all, in every step."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

from benchmarks.compression.report import EVALUATIONS, Plans, candidate, pairing
from dmvton_mobile.datasets.sample import collate
from dmvton_mobile.evaluation.measure import garment_of, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.evaluation.rows import Measured, read_rows
from dmvton_mobile.targets import Target

RANKED_BY = ("psnr_garment", "psnr_image")
LOST, MIDDLE = 4, 2  # images of each
_MARGIN, _HEADING, _CAPTION = 8, 22, 18
_INK, _PAPER, _NOTHING = (30, 30, 30), (255, 255, 255), (236, 236, 236)


def draw_sheet(plans: Plans, target: Target) -> Image.Image:
    """A line an image: person, garment, truth, and the try-on of every step in that target's runtime."""
    steps = plans.steps.steps
    rows = {step.name: read_rows(plans.out / EVALUATIONS / f"{step.name}_{target}") for step in steps}
    lines = chosen(rows[steps[0].name], rows[steps[-1].name])
    candidates = [candidate(plans, step, target) for step in steps]
    of = pairing(plans.dataset)
    height, width = plans.dataset.size
    titles = ("person", "garment", "truth", *(step.name for step in steps))
    down = height + _CAPTION + _MARGIN
    sheet = Image.new("RGB", (_MARGIN + len(titles) * (width + _MARGIN), _HEADING + len(lines) * down), _PAPER)
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(13)
    for column, title in enumerate(titles):
        draw.text((_MARGIN + column * (width + _MARGIN), 3), title, _INK, font)
    for line, (index, caption) in enumerate(lines):
        sample = collate([plans.dataset[index]])
        garment = garment_of(sample, of)
        known = (sample.person * 0.5 + 0.5, garment.picture, target_of(sample, of))
        made = [each.predict(sample, garment, of is Pairing.PAIRED).tryon for each in candidates]
        top = _HEADING + line * down
        for column, picture in enumerate((*known, *made)):
            left = _MARGIN + column * (width + _MARGIN)
            if picture is None:
                draw.rectangle((left, top, left + width - 1, top + height - 1), _NOTHING)
            else:
                sheet.paste(Image.fromarray(_pixels(picture)), (left, top))
        draw.text((_MARGIN, top + height + 1), f"{sample.person_name[0]}: {caption}", _INK, font)
    return sheet


def chosen(first: Sequence[Measured], last: Sequence[Measured]) -> list[tuple[int, str]]:
    """(index of the image, what it lost between the two): the greatest losses, then those in the middle."""
    for metric in RANKED_BY:
        losses = [
            (before - after, index)
            for index, (one, other) in enumerate(zip(first, last, strict=True))
            if (before := one.row[metric]) is not None and (after := other.row[metric]) is not None
        ]
        if losses:
            order = sorted(losses, reverse=True)
            middle = order[LOST:][max(0, (len(order) - LOST - MIDDLE) // 2) :][:MIDDLE]
            return [(index, f"{metric.replace('_', ' ')} {-loss:+.2f} dB") for loss, index in [*order[:LOST], *middle]]
    return [(index, "not known") for index in range(min(LOST + MIDDLE, len(first)))]


def _pixels(picture: Tensor) -> NDArray[np.uint8]:
    scaled = (picture[0].clamp(0, 1) * 255).round().permute(1, 2, 0)
    return scaled.numpy().astype(np.uint8)
