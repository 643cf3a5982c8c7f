"""The precision that is recommended for each target, and the figures behind it; part of a bundle's manifest."""

from typing import Annotated

from pydantic import AliasChoices, ConfigDict, Field

from dmvton_mobile.records.base import Strict, renamed_fields
from dmvton_mobile.targets import Precision, Target

Count = Annotated[int, Field(ge=0)]
Positive = Annotated[float, Field(gt=0)]


class PrecisionFigures(Strict):
    """Figures of one precision of a target, garment and frame together; None for what could not be measured.

    Attributes:
        precision: Of the artifacts.
        file_bytes: Size of the artifacts.
        download_bytes: Size of the same files deflated.
        frame_ms: Median latency of a frame.
        latency_ratio: Latency relative to the first precision of the target: the median over interleaved rounds.
        rss_delta_bytes: Peak RSS while the artifacts are loaded and the first frame runs, minus the RSS of the bare
            process with its runtime imported. `growth_bytes` is its deprecated name, which is still read.
        kernels: How often each kernel runs in a frame, by the runtime's own names.
    """

    model_config = ConfigDict(json_schema_extra=renamed_fields(growth_bytes="rss_delta_bytes"))

    precision: Precision
    file_bytes: Count
    download_bytes: Count
    frame_ms: Positive | None
    latency_ratio: Positive | None
    rss_delta_bytes: Count | None = Field(validation_alias=AliasChoices("rss_delta_bytes", "growth_bytes"))
    kernels: dict[str, Count] | None


class Recommendation(Strict):
    """The recommendation for one target.

    Attributes:
        target: the runtime.
        precision: to ship.
        reason: for people.
        figures: of every precision in the bundle; ratios are relative to the first.
        to_measure: what can be measured on a phone only.
    """

    target: Target
    precision: Precision
    reason: str
    figures: tuple[PrecisionFigures, ...]
    to_measure: str


class Recommendations(Strict):
    """The recommendations for all targets, and the conditions of the measurement.

    Attributes:
        machine: what it was measured on.
        threads: CPU threads.
        rounds: how often each precision was measured, in a process of its own every time.
        runs: counted frames per round.
        by_target: one per target.
    """

    machine: str
    threads: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]
    by_target: tuple[Recommendation, ...]

    def precision(self, target: Target) -> Precision | None:
        """The recommended precision of a target; None where there is no recommendation."""
        return next((advice.precision for advice in self.by_target if advice.target is target), None)
