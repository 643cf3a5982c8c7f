"""`report.json`: a row for every step of a compression and every target."""

from typing import Annotated, Literal

from pydantic import Field

from dmvton_mobile.bundles.recommendation import Count, PrecisionFigures
from dmvton_mobile.evaluation.record import Data
from dmvton_mobile.records.base import Record, Strict
from dmvton_mobile.targets import Target


class Quality(Strict):
    """On the benchmark, each person in a garment that is not theirs (where the data has that truth, else in their own);
    None where there is no truth, or no weights for LPIPS. PSNR, SSIM and LPIPS are means over images; the end-point
    error, in pixels, is the median over images of each one's mean, where the garment is seen."""

    images: Count
    psnr_garment_db: float | None
    psnr_image_db: float | None
    ssim_image: float | None
    end_point_error_px: float | None
    lpips: float | None


class StepRecord(Strict):
    """macs: of a frame, with the garment prepared. weight_bytes: parameters and buffers as float32. kept_float32: what
    a step in eight bits leaves float32, and why."""

    name: str
    macs: Count
    weight_bytes: Count
    kept_float32: tuple[str, ...] = ()


class Row(PrecisionFigures):
    """A step in a target; ratios are to the first step. evaluator: what ran it. weight_bytes: as files hold them."""

    step: str
    target: Target
    evaluator: str
    weight_bytes: Count
    quality: Quality


class CompressionReport(Record):
    """machine, threads, rounds, runs: of the timing. versions: of what made and ran the artifacts."""

    schema_version: Literal[1] = 1
    network: str
    trained: bool
    data: Data
    machine: str
    threads: Annotated[int, Field(ge=1)]
    rounds: Annotated[int, Field(ge=1)]
    runs: Annotated[int, Field(ge=1)]
    steps: tuple[StepRecord, ...]
    rows: tuple[Row, ...]
    versions: dict[str, str]

    def rows_of(self, target: Target) -> list[Row]:
        """In the order of the steps."""
        return [row for row in self.rows if row.target is target]

    @property
    def targets(self) -> list[Target]:
        return list(dict.fromkeys(row.target for row in self.rows))
