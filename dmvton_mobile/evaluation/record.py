"""Files of an evaluation: `run.json`, what its figures depend on, and `record.json`, the figures."""

from enum import StrEnum
from typing import Literal

from dmvton_mobile.records.base import Record, Strict


class Pairing(StrEnum):
    """Which garment a person is shown in: the one they wear, or another."""

    PAIRED = "paired"
    UNPAIRED = "unpaired"


class Subject(Strict):
    """What was evaluated.

    Attributes:
        kind: Of the candidate.
        name: For people.
        identity: Digest of its weights or manifest, or a baseline's name.
        runtime: What ran it.
        trained: Whether its weights are trained.
    """

    kind: Literal["checkpoint", "bundle", "baseline"]
    name: str
    identity: str
    runtime: str
    trained: bool


class EvaluationData(Strict):
    """The dataset.

    Attributes:
        name: Of its folder.
        layout: Of its files.
        phase: `train` or `test`.
        pairs: Number of images.
        height: Of the images in pixels.
        width: Of the images in pixels.
        seed: Of the choice of other garments.
        digest: Of all files.
        benchmark: Whether it is the project's benchmark of rendered people.
    """

    name: str
    layout: str
    phase: str
    pairs: int
    height: int
    width: int
    seed: int
    digest: str
    benchmark: bool


class EvaluationRun(Record):
    """Content of `run.json`. An interrupted evaluation is resumed only if all of it is the same.

    Attributes:
        subject: What is evaluated.
        data: The dataset.
        pairings: Of the evaluation.
        features: SHA-256 of the weight files of perceptual metrics, by metric.
        versions: Of the packages.
    """

    schema_version: Literal[1] = 1
    subject: Subject
    data: EvaluationData
    pairings: tuple[Pairing, ...]
    features: dict[str, str]
    versions: dict[str, str]


class MetricSummary(Strict):
    """One metric over all images that have it.

    Attributes:
        pairing: Which garments.
        metric: Name of the metric.
        unit: Of its values; `1` for none.
        better: Which direction is better.
        images: Number of images.
        mean: Over the images.
        median: Over the images.
        low: 10th percentile.
        high: 90th percentile.
        worst: Worst value.
        worst_image: The person of that image.
    """

    pairing: Pairing
    metric: str
    unit: str
    better: Literal["higher", "lower"]
    images: int
    mean: float
    median: float
    low: float
    high: float
    worst: float
    worst_image: str


class SetDistance(Strict):
    """FID or KID between all try-ons of a pairing and all people of the dataset.

    Attributes:
        pairing: Which garments.
        metric: Which distance.
        images: Number of try-ons.
        value: None if it cannot be computed.
        reason: Why it cannot.
    """

    pairing: Pairing
    metric: Literal["fid", "kid"]
    images: int
    value: float | None
    reason: str | None = None


class EvaluationRecord(Record):
    """Content of `record.json`.

    Attributes:
        run: What the figures depend on.
        figures: By pairing and metric.
        distances: FID and KID.
        seconds_per_image: Median duration of the try-on alone.
        threads: CPU threads of the candidate.
    """

    schema_version: Literal[1] = 1
    run: EvaluationRun
    figures: tuple[MetricSummary, ...]
    distances: tuple[SetDistance, ...]
    seconds_per_image: float
    threads: int
