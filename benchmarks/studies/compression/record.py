"""`report.json`: a row for every step of a compression in every target."""

from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.bundles.recommendation import Count, PrecisionFigures
from dmvton_mobile.evaluation.record import EvaluationData
from dmvton_mobile.records.base import Record, Strict
from dmvton_mobile.targets import Target


class Quality(Strict):
    """Quality of a step's try-ons against the true pictures; None where the data has none, or LPIPS has no weights.

    Attributes:
        images: People that were evaluated, unpaired if the data has that truth, else paired.
        psnr_garment_db: Mean over images, where the garment is seen.
        psnr_image_db: Mean over images.
        ssim_image: Mean over images.
        end_point_error_px: Median over images of each one's mean, where the garment is seen.
        lpips: Mean over images.
    """

    images: Count
    psnr_garment_db: float | None
    psnr_image_db: float | None
    ssim_image: float | None
    end_point_error_px: float | None
    lpips: float | None


class StepRecord(Strict):
    """A step, whatever the target.

    Attributes:
        name: Of the step.
        macs: Multiply-accumulates of a frame, with the garment prepared.
        weight_bytes: Parameters and buffers as float32.
        kept_float32: What an int8 step leaves float32, and why.
    """

    name: str
    macs: Count
    weight_bytes: Count
    kept_float32: tuple[str, ...] = ()


class Row(PrecisionFigures):
    """A step in a target; ratios are to the first step.

    Attributes:
        step: Name of the step.
        target: Of the artifacts.
        evaluator: What ran them.
        weight_bytes: Of the weights in the artifacts.
        quality: Of the try-ons.
    """

    step: str
    target: Target
    evaluator: str
    weight_bytes: Count
    quality: Quality


class CompressionReport(Record):
    """The figures of a compression.

    Attributes:
        network: Its name.
        trained: Whether its weights are trained.
        data: What the steps were evaluated on.
        machine: Where they were timed; threads, rounds and runs are those of the timing.
        steps: In their order.
        rows: A step in a target each.
        versions: Of the packages that made and ran the artifacts.
    """

    schema_version: Literal[1] = 1
    network: str
    trained: bool
    data: EvaluationData
    machine: str
    threads: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]
    steps: tuple[StepRecord, ...]
    rows: tuple[Row, ...]
    versions: dict[str, str]

    def rows_of(self, target: Target) -> list[Row]:
        """The rows of a target, in the order of the steps."""
        return [row for row in self.rows if row.target is target]

    @property
    def targets(self) -> list[Target]:
        """The targets, in the order of the rows."""
        return list(dict.fromkeys(row.target for row in self.rows))
