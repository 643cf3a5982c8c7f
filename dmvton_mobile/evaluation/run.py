"""Evaluates a candidate on a dataset, a row per image and pairing; a run can be resumed.

A run folder:

    run.json         what the figures depend on; the folder of another run is refused
    images.csv       a row per image and pairing, written as soon as it is measured
    features_*.npy   features for FID and KID, with --inception
    record.json      the figures, once the last image is measured
    sheet_*.png      the best, median and worst images; index.html has everything on one page
"""

import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from torch.utils.data import DataLoader, Subset

import dmvton_mobile
from dmvton_mobile.contract import to_unit
from dmvton_mobile.datasets.dataset import TryOnDataset, dataset_digest
from dmvton_mobile.datasets.procedural.benchmark import published
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import Candidate
from dmvton_mobile.evaluation.features import Extractor, FeatureFiles
from dmvton_mobile.evaluation.measure import METRICS, Perceptual, garment_of, measure
from dmvton_mobile.evaluation.record import (
    EvaluationData,
    EvaluationRecord,
    EvaluationRun,
    MetricSummary,
    Pairing,
    Subject,
)
from dmvton_mobile.evaluation.rows import ImageRow, append_rows, read_rows, write_rows
from dmvton_mobile.records.base import parse_record, record_json
from dmvton_mobile.utils.build import DISTRIBUTION, package_versions
from dmvton_mobile.utils.files import atomic_file

RUN, RECORD = "run.json", "record.json"
_RUNTIMES = ("torch", "numpy", "onnxruntime", "ai-edge-litert", "executorch", "coremltools", "opencv-python-headless")


@dataclass(frozen=True)
class PerceptualScale:
    """LPIPS.

    Attributes:
        measure: Distance of two images [1, 3, H, W] in [-1, 1].
        sha256: Of its weight file.
    """

    measure: Perceptual
    sha256: str


@dataclass(frozen=True)
class Evaluation:
    """An evaluation.

    Attributes:
        candidate: What is evaluated.
        dataset: The images.
        pairings: Which garments are put on.
        out: The run folder.
        limit: Number of images, from the first on; None for all.
        workers: Processes that read ahead; the figures do not depend on them.
        perceptual: LPIPS; None leaves it out.
        inception: Features for FID and KID; None leaves them out.
    """

    candidate: Candidate
    dataset: TryOnDataset
    pairings: tuple[Pairing, ...]
    out: Path
    limit: int | None = None
    workers: int = 0
    perceptual: PerceptualScale | None = None
    inception: Extractor | None = None

    @property
    def images(self) -> int:
        """Number of images."""
        return min(len(self.dataset), self.limit or len(self.dataset))


def evaluate(evaluation: Evaluation, on_image: Callable[[int], None] = lambda done: None) -> EvaluationRecord:
    """Measures the images that are not measured yet, and writes the record.

    Args:
        evaluation: What to do.
        on_image: Called with the number of measured images, at the start and after each image.

    Raises:
        DmvtonError: The folder belongs to another run.
    """
    run = _describe(evaluation)
    evaluation.out.mkdir(parents=True, exist_ok=True)
    _claim(evaluation.out, run)
    rows = read_rows(evaluation.out)
    done = len(rows) // len(evaluation.pairings)
    rows = rows[: done * len(evaluation.pairings)]
    write_rows(evaluation.out, rows)
    files = None
    if evaluation.inception:
        files = FeatureFiles(evaluation.out, evaluation.inception, evaluation.pairings, evaluation.images)
    on_image(done)
    for index, sample in enumerate(_samples(evaluation, done), done):
        if files:
            files.add_person(index, to_unit(sample.person))
        fresh = [_measured(evaluation, sample, pairing, index, files) for pairing in evaluation.pairings]
        append_rows(evaluation.out, fresh)
        rows += fresh
        on_image(index + 1)
    record = EvaluationRecord(
        run=run,
        figures=tuple(_figures(evaluation, rows)),
        distances=tuple(files.distances()) if files else (),
        seconds_per_image=float(np.median([item.seconds for item in rows])),
        threads=evaluation.candidate.threads,
    )
    with atomic_file(evaluation.out / RECORD, overwrite=True) as partial:
        partial.write_text(record_json(record))
    return record


def _measured(
    evaluation: Evaluation, sample: TryOnSample, pairing: Pairing, index: int, files: FeatureFiles | None
) -> ImageRow:
    garment = garment_of(sample, pairing)
    started = time.perf_counter()
    prediction = evaluation.candidate.predict(sample, garment, pairing is Pairing.PAIRED)
    seconds = time.perf_counter() - started
    row = measure(sample, pairing, prediction, evaluation.perceptual.measure if evaluation.perceptual else None)
    if files:
        files.add_tryon(pairing, index, prediction.tryon)
    return ImageRow(sample.person_name[0], garment.name, pairing, seconds, row)


def _samples(evaluation: Evaluation, first: int) -> Iterator[TryOnSample]:
    remaining = Subset(evaluation.dataset, range(first, evaluation.images))
    # a worker is a new process: a fork would copy the runtimes' threads in whatever state they are
    context = "spawn" if evaluation.workers else None
    yield from DataLoader(
        remaining, batch_size=1, collate_fn=collate, num_workers=evaluation.workers, multiprocessing_context=context
    )


def _describe(evaluation: Evaluation) -> EvaluationRun:
    candidate, dataset = evaluation.candidate, evaluation.dataset
    digest = dataset_digest(dataset.root)
    scales = {"lpips": evaluation.perceptual, "fid": evaluation.inception}
    return EvaluationRun(
        subject=Subject(
            kind=candidate.kind, name=candidate.name, identity=candidate.identity, runtime=candidate.runtime,
            trained=candidate.trained,
        ),
        data=EvaluationData(
            name=dataset.root.name, layout=dataset.layout, phase=dataset.phase, pairs=evaluation.images,
            height=dataset.size[0], width=dataset.size[1], seed=dataset.seed, digest=digest,
            benchmark=digest == published().files and evaluation.images == len(dataset),
        ),
        pairings=evaluation.pairings,
        features={name: scale.sha256 for name, scale in scales.items() if scale},
        versions={
            DISTRIBUTION: dmvton_mobile.__version__, "python": platform.python_version(), **package_versions(_RUNTIMES),
        },
    )  # fmt: skip


def _claim(out: Path, run: EvaluationRun) -> None:
    """Writes `run.json`, or checks that the folder's is the same; raises DmvtonError otherwise."""
    path = out / RUN
    if path.exists():
        other = parse_record(path.read_bytes(), EvaluationRun, str(path), DmvtonError)
        if other != run:
            changed = [name for name in EvaluationRun.model_fields if getattr(other, name) != getattr(run, name)]
            raise DmvtonError(f"{out} holds another evaluation: {', '.join(changed)} differ. Choose another --out.")
        return
    if any(out.iterdir()):
        raise DmvtonError(f"{out} is not empty, and not the folder of an evaluation. Choose another --out.")
    with atomic_file(path) as partial:
        partial.write_text(record_json(run))


def _figures(evaluation: Evaluation, rows: Sequence[ImageRow]) -> Iterator[MetricSummary]:
    for pairing in evaluation.pairings:
        for metric in METRICS:
            known = [
                (value, item.person)
                for item in rows
                if item.pairing is pairing and (value := item.row[metric.name]) is not None
            ]
            if not known:
                continue
            values = np.array([value for value, _ in known])
            worst, image = min(known) if metric.better == "higher" else max(known)
            yield MetricSummary(
                pairing=pairing, metric=metric.name, unit=metric.unit, better=metric.better, images=len(known),
                mean=math.fsum(values) / len(values), median=float(np.median(values)),
                low=float(np.percentile(values, 10)), high=float(np.percentile(values, 90)),
                worst=worst, worst_image=image,
            )  # fmt: skip
