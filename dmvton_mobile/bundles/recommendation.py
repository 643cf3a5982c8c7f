"""Which precision a bundle's makers advise for each target, and the figures behind it: part of its manifest."""

from typing import Annotated

from pydantic import Field

from dmvton_mobile.records.base import Strict
from dmvton_mobile.targets import Precision, Target

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class PrecisionFigures(Strict):
    """One precision of a target, garment and frame together; None for what could not be measured.

    file_bytes; download_bytes: of the same files deflated. frame_ms: a frame's median. latency_ratio: to the first
    precision of the target, the median over turns taken side by side. growth_bytes: of a process that loads and runs
    them. kernels: what ran in a frame, by the runtime's own names, and how often.
    """

    precision: Precision
    file_bytes: Count
    download_bytes: Count
    frame_ms: Positive | None
    latency_ratio: Positive | None
    growth_bytes: Count | None
    kernels: dict[str, Count] | None


class Recommendation(Strict):
    """Of one target. figures: of every precision that the bundle holds for it, the first being what ratios are to.
    to_measure: what only a phone can say."""

    target: Target
    precision: Precision
    reason: str
    figures: tuple[PrecisionFigures, ...]
    to_measure: str


class Recommendations(Strict):
    """machine: that measured. threads: of the CPU; rounds: turns of the precisions, each a process of its own; runs:
    counted frames in each."""

    machine: str
    threads: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]
    by_target: tuple[Recommendation, ...]

    def precision(self, target: Target) -> Precision | None:
        """What is advised for a target; None where nothing is."""
        return next((advice.precision for advice in self.by_target if advice.target is target), None)
