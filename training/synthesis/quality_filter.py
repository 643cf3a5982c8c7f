"""The quality filter: a parser-based teacher verifies generated people by trying on them the garment that they wear.

The teacher sees the person without the worn garment (face, hair, hands, lower body, body shape) and the flat garment.
Its try-on therefore shows the garment of the flat picture, and agrees with the generated person only where they wear
that garment, on a body that is where the labels and the pose say.
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
from dmvton_mobile.evaluation.candidates import CheckpointCandidate
from dmvton_mobile.evaluation.measure import garment_of
from dmvton_mobile.evaluation.record import Pairing
from dmvton_mobile.metrics.images import psnr
from dmvton_mobile.metrics.psnr import capped_psnr_db
from training.synthesis.people import GeneratedPerson, ProgressCallback, no_progress

CALIBRATION_PEOPLE = 64
REJECTED_SHARE = 0.1  # of the dataset's own people, by the default threshold


@dataclass(frozen=True)
class FilteredPerson:
    """A generated person and the verdict of the filter.

    Attributes:
        person: The person.
        index: Their index in the dataset of everybody who was generated; None where generating failed.
        agreement_db: See `QualityFilter.agreement_db`; None where it is not known.
        reason: Why they are not kept, in words; None where they are.
    """

    person: GeneratedPerson
    index: int | None
    agreement_db: float | None
    reason: str | None

    @property
    def kept(self) -> bool:
        """Whether the dataset gets this person."""
        return self.reason is None


class QualityFilter:
    """Verifies people by a teacher.

    Raises:
        DmvtonError: The teacher is parser-free.
    """

    def __init__(self, teacher: CheckpointCandidate):
        if teacher.parser_free:
            raise DmvtonError(
                f"{teacher.name} sees the garment that a person wears, so it agrees with any. Name a parser-based "
                "teacher."
            )
        self.teacher = teacher

    def agreement_db(self, sample: TryOnSample) -> float | None:
        """The PSNR of the teacher's try-on against the person, where the label map says upper clothes.

        Args:
            sample: A batch of one.

        Returns:
            Decibels, at most 100. None where the label map has no upper clothes.

        Raises:
            DataError: The sample has no label map, DensePose map or pose.
        """
        worn = person_clothes(sample)[1]
        tryon = self.teacher.predict(sample, garment_of(sample, Pairing.PAIRED), paired=True).tryon
        value = float(psnr(tryon, to_unit(sample.person), region=worn)[0])
        return None if math.isnan(value) else capped_psnr_db(value)

    def default_threshold_db(self, dataset: TryOnDataset, on_progress: ProgressCallback = no_progress) -> float:
        """The agreement that nine in ten of a dataset's own people reach, of 64 spread evenly over it, in decibels.

        Raises:
            DmvtonError: Nobody of them wears upper clothes.
        """
        indices = np.unique(np.linspace(0, len(dataset) - 1, CALIBRATION_PEOPLE).round().astype(int)).tolist()
        agreements = self._agreements(dataset, indices, "Measuring the threshold", on_progress)
        known = [value for value in agreements if value is not None]
        if not known:
            raise DmvtonError(
                f"Nobody in {dataset.root} wears upper clothes by the label maps, so there is no scale: pass "
                "--threshold."
            )
        return float(np.quantile(known, REJECTED_SHARE))

    def apply(
        self,
        people: Sequence[GeneratedPerson],
        dataset: TryOnDataset,
        threshold_db: float,
        on_progress: ProgressCallback = no_progress,
    ) -> tuple[FilteredPerson, ...]:
        """Keeps the people who reach the threshold.

        Args:
            people: Everybody who was generated.
            dataset: The dataset of those for whom that did not fail.
            threshold_db: The least agreement in decibels.
            on_progress: Called after every try-on.

        Returns:
            All of them, in their order.
        """
        index_of = {pair.person: index for index, pair in enumerate(dataset.pairs)}
        indices = [index_of[person.name] for person in people if person.name is not None]
        agreements = dict(zip(indices, self._agreements(dataset, indices, "Trying on", on_progress), strict=True))
        filtered = []
        for person in people:
            if person.name is None:
                filtered.append(FilteredPerson(person, None, None, person.failure or "not made"))
            else:
                index = index_of[person.name]
                reason = _rejection(agreements[index], threshold_db)
                filtered.append(FilteredPerson(person, index, agreements[index], reason))
        return tuple(filtered)

    def _agreements(
        self, dataset: TryOnDataset, indices: Sequence[int], step: str, on_progress: ProgressCallback
    ) -> list[float | None]:
        agreements = []
        for done, index in enumerate(indices, 1):
            agreements.append(self.agreement_db(collate([dataset[index]])))
            on_progress(step, done, len(indices))
        return agreements


def _rejection(agreement_db: float | None, threshold_db: float) -> str | None:
    if agreement_db is None:
        return "the label map shows no upper clothes"
    if agreement_db < threshold_db:
        return f"the try-on agrees to {agreement_db:.2f} dB only"
    return None
