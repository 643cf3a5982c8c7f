"""Before and after, as pictures: the images that lost most by the last step, and the middle of all, in every step."""

from collections.abc import Sequence

from PIL import Image
from torch import Tensor

from benchmarks.studies.compression.report import EVALUATIONS, Plans, candidate, pairing
from dmvton_mobile.contract import to_unit
from dmvton_mobile.datasets.sample import collate
from dmvton_mobile.evaluation.measure import garment_of, target_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.evaluation.rows import ImageRow, read_rows
from dmvton_mobile.evaluation.sheet import RANKED_BY
from dmvton_mobile.imaging.contact_sheet import SheetRow, contact_sheet
from dmvton_mobile.targets import Target

LOST, MIDDLE = 4, 2  # images of each


def draw_sheet(plans: Plans, target: Target) -> Image.Image:
    """A line an image: person, garment, truth, and the try-on of every step in that target's runtime."""
    steps = plans.steps.steps
    rows = {step.name: read_rows(plans.out / EVALUATIONS / f"{step.name}_{target}") for step in steps}
    candidates = [candidate(plans, step, target) for step in steps]
    of = pairing(plans.dataset)

    def images(index: int) -> Sequence[Tensor | None]:
        sample = collate([plans.dataset[index]])
        garment = garment_of(sample, of)
        made = [each.predict(sample, garment, of is Pairing.PAIRED).tryon for each in candidates]
        return (to_unit(sample.person), garment.picture, target_of(sample, of), *made)

    lines = [
        SheetRow(images(index), f"{rows[steps[0].name][index].person}: {lost}")
        for index, lost in chosen(rows[steps[0].name], rows[steps[-1].name])
    ]
    columns = ("person", "garment", "truth", *(step.name for step in steps))
    return contact_sheet(columns, lines, plans.dataset.size, f"{plans.steps.network}, {target}")


def chosen(first: Sequence[ImageRow], last: Sequence[ImageRow]) -> list[tuple[int, str]]:
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
