"""What an evaluation leaves behind: `record.json`, the run it belongs to, and its figures."""

from enum import StrEnum
from typing import Literal

from dmvton_mobile.records.base import Record, Strict


class Pairing(StrEnum):
    """Which garment a person is shown in: the one they wear, or another."""

    PAIRED = "paired"
    UNPAIRED = "unpaired"


class Subject(Strict):
    """What was evaluated. identity: the digest of its weights or manifest; a baseline's name."""

    kind: Literal["checkpoint", "bundle", "baseline"]
    name: str
    identity: str
    runtime: str
    trained: bool


class Data(Strict):
    """On what. digest: of all its files. benchmark: whether it is the project's benchmark of rendered people."""

    name: str
    layout: str
    phase: str
    pairs: int
    height: int
    width: int
    seed: int
    digest: str
    benchmark: bool


class Run(Record):
    """`run.json`: what the figures depend on. An interrupted evaluation goes on only where all of it is the same.

    features: the SHA-256 of the weight files that perceptual metrics use, by metric.
    """

    schema_version: Literal[1] = 1
    subject: Subject
    data: Data
    pairings: tuple[Pairing, ...]
    features: dict[str, str]
    versions: dict[str, str]


class Figure(Strict):
    """One metric over all images that have it. better: the direction. worst, worst_image: the image to look at.

    low, high: the tenth and ninetieth percentile.
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


class Distance(Strict):
    """Between all try-ons of a pairing and all people of the dataset. value: None where there are too few images."""

    pairing: Pairing
    metric: Literal["fid", "kid"]
    images: int
    value: float | None
    reason: str | None = None


class EvaluationRecord(Record):
    """`record.json`. seconds_per_image: of the try-on alone, the median; threads: that it used."""

    schema_version: Literal[1] = 1
    run: Run
    figures: tuple[Figure, ...]
    distances: tuple[Distance, ...]
    seconds_per_image: float
    threads: int
