"""The judge of made people: a parser-based teacher puts the garment that a person is said to wear on that person.

The teacher sees the person without the worn garment (face, hair, hands, lower body, body shape) and the flat garment.
So its try-on shows the garment as it is on the flat picture, and agrees with the made person only where that is what
they wear, on a body that is where the labels and the pose say.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from dmvton_mobile.contract import to_unit
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.parser_inputs import person_clothes
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import Checkpoint
from dmvton_mobile.evaluation.measure import garment_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.metrics.images import psnr
from dmvton_mobile.metrics.psnr import capped_psnr_db
from training.synthesis.maker import Made, Tell, silent

USUAL_PEOPLE = 64
USUAL_SHARE = 0.1  # of the dataset's own people whom the teacher agrees with less than the bound


@dataclass(frozen=True)
class Judged:
    """A made person. place: in the dataset of all that were made, None where making failed. agreement_db: see
    `Judge.agreement`. reason: why they are not kept; None where they are.
    """

    made: Made
    place: int | None
    agreement_db: float | None
    reason: str | None


class Judge:
    """teacher: a checkpoint's candidate. Raises DmvtonError for a parser-free one."""

    def __init__(self, teacher: Checkpoint):
        if teacher.parser_free:
            raise DmvtonError(
                f"{teacher.name} sees the garment that a person wears, so it agrees with any. Name a parser-based "
                "teacher."
            )
        self.teacher = teacher

    def agreement(self, sample: TryOnSample) -> float | None:
        """PSNR in decibels, at most 100, of the try-on against the person where the label map says upper clothes; None
        where that is nowhere. sample: a batch of one. Raises DataError where it has no label, DensePose map or pose.
        """
        worn = person_clothes(sample)[1]
        tryon = self.teacher.predict(sample, garment_of(sample, Pairing.PAIRED), paired=True).tryon
        value = float(psnr(tryon, to_unit(sample.person), region=worn)[0])
        return None if math.isnan(value) else capped_psnr_db(value)

    def usual_bound(self, dataset: TryOnDataset, tell: Tell = silent) -> float:
        """What nine in ten of the dataset's own people reach, of 64 spread evenly over it, in decibels."""
        places = np.unique(np.linspace(0, len(dataset) - 1, USUAL_PEOPLE).round().astype(int)).tolist()
        known = [
            value for value in self._agreements(dataset, places, "Trying on as a scale", tell) if value is not None
        ]
        if not known:
            raise DmvtonError(
                f"Nobody in {dataset.root} wears upper clothes by the label maps, so there is no scale: pass "
                "--threshold."
            )
        return float(np.quantile(known, USUAL_SHARE))

    def judge(
        self, made: Sequence[Made], dataset: TryOnDataset, threshold_db: float, tell: Tell = silent
    ) -> tuple[Judged, ...]:
        """Everybody who was made, in their order; kept are those who reach the threshold. dataset: of all of them."""
        places = {pair.person: place for place, pair in enumerate(dataset.pairs)}
        there = [places[item.name] for item in made if item.name is not None]
        agreements = dict(zip(there, self._agreements(dataset, there, "Trying on", tell), strict=True))
        return tuple(
            Judged(item, None, None, item.problem or "not made")
            if item.name is None
            else _judged(item, places[item.name], agreements[places[item.name]], threshold_db)
            for item in made
        )

    def _agreements(self, dataset: TryOnDataset, places: Sequence[int], what: str, tell: Tell) -> list[float | None]:
        found = []
        for done, place in enumerate(places, 1):
            found.append(self.agreement(collate([dataset[place]])))
            tell(what, done, len(places))
        return found


def _judged(made: Made, place: int, agreement_db: float | None, threshold_db: float) -> Judged:
    reason = None
    if agreement_db is None:
        reason = "the label map shows no upper clothes"
    elif agreement_db < threshold_db:
        reason = f"the try-on agrees to {agreement_db:.2f} dB only"
    return Judged(made, place, agreement_db, reason)
