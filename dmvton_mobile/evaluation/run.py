"""Goes through a dataset with a candidate, a row per image and pairing; what is done is kept and never done again.

A run folder:

    run.json         what the figures depend on; a folder of another run is refused
    images.csv       a row per image and pairing, written as it is measured
    features_*.npy   what FID and KID compare, with --inception
    record.json      the figures, when the last image is measured
    sheet_*.png      the best, median and worst images; index.html: all of it on one page
"""

import csv
import math
import platform
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Subset

import dmvton_mobile
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.digest import dataset_digest
from dmvton_mobile.datasets.procedural.benchmark import published
from dmvton_mobile.datasets.sample import TryOnSample, collate
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.evaluation.candidates import Candidate
from dmvton_mobile.evaluation.measure import METRICS, Perceptual, Row, garment_of, measure
from dmvton_mobile.evaluation.record import Data, Distance, EvaluationRecord, Figure, Pairing, Run, Subject
from dmvton_mobile.files import atomic_file, parse_record, record_json
from dmvton_mobile.metrics.distribution import fid, kid
from dmvton_mobile.metrics.inputs import MetricError

RUN, ROWS, RECORD = "run.json", "images.csv", "record.json"
COLUMNS = ("person", "garment", "pairing", "seconds", *(metric.name for metric in METRICS))
FEATURES = 2048


@dataclass(frozen=True)
class Scale:
    """A metric that needs weights from outside. sha256: of the file they came from."""

    apply: Callable[[Tensor], Tensor] | Perceptual
    sha256: str


@dataclass(frozen=True)
class Evaluation:
    """What to evaluate on what. perceptual: LPIPS; inception: the features of FID and KID; None to leave them out.

    limit: of the images, from the first on. workers: processes that read ahead; the figures do not depend on them.
    """

    candidate: Candidate
    dataset: TryOnDataset
    pairings: tuple[Pairing, ...]
    out: Path
    limit: int | None = None
    workers: int = 0
    perceptual: Scale | None = None
    inception: Scale | None = None

    @property
    def images(self) -> int:
        return min(len(self.dataset), self.limit or len(self.dataset))


@dataclass(frozen=True)
class Measured:
    """A row of `images.csv`."""

    person: str
    garment: str
    pairing: Pairing
    seconds: float
    row: Row


def evaluate(evaluation: Evaluation, on_image: Callable[[int], None] = lambda done: None) -> EvaluationRecord:
    """Measures what is not measured yet, and writes the record. Raises DmvtonError for the folder of another run.

    on_image: told how many images are done, those of an earlier, interrupted run too.
    """
    run = _describe(evaluation)
    evaluation.out.mkdir(parents=True, exist_ok=True)
    _claim(evaluation.out, run)
    rows = _kept_rows(evaluation.out / ROWS)
    done = len(rows) // len(evaluation.pairings)
    rows = rows[: done * len(evaluation.pairings)]
    _rewrite(evaluation.out / ROWS, rows)
    features = _Features(evaluation)
    on_image(done)
    with (evaluation.out / ROWS).open("a", newline="") as file:
        writer = csv.writer(file)
        for index, sample in enumerate(_samples(evaluation, done), done):
            fresh = [_measured(evaluation, sample, pairing, index, features) for pairing in evaluation.pairings]
            writer.writerows(_cells(item) for item in fresh)
            file.flush()
            rows += fresh
            on_image(index + 1)
    record = EvaluationRecord(
        run=run,
        figures=tuple(_figures(evaluation, rows)),
        distances=tuple(features.distances()),
        seconds_per_image=float(np.median([item.seconds for item in rows])),
        threads=torch.get_num_threads(),
    )
    with atomic_file(evaluation.out / RECORD, overwrite=True) as partial:
        partial.write_text(record_json(record))
    return record


def read_rows(out: Path) -> list[Measured]:
    """The rows of a run folder."""
    return _kept_rows(out / ROWS)


def _measured(
    evaluation: Evaluation, sample: TryOnSample, pairing: Pairing, index: int, features: "_Features"
) -> Measured:
    garment = garment_of(sample, pairing)
    started = time.perf_counter()
    prediction = evaluation.candidate.predict(sample, garment, pairing is Pairing.PAIRED)
    seconds = time.perf_counter() - started
    perceptual = evaluation.perceptual.apply if evaluation.perceptual else None
    row = measure(sample, pairing, prediction, perceptual)  # type: ignore[arg-type]
    features.add(pairing, index, sample, prediction.tryon)
    worn = sample.garment_name if pairing is Pairing.PAIRED else sample.unpaired.garment_name  # type: ignore[union-attr]
    return Measured(sample.person_name[0], worn[0], pairing, seconds, row)


def _samples(evaluation: Evaluation, first: int) -> Iterator[TryOnSample]:
    remaining = Subset(evaluation.dataset, range(first, evaluation.images))
    # a worker is a new process: a fork would copy the runtimes' threads in whatever state they are
    context = "spawn" if evaluation.workers else None
    yield from DataLoader(
        remaining, batch_size=1, collate_fn=collate, num_workers=evaluation.workers, multiprocessing_context=context
    )


def _describe(evaluation: Evaluation) -> Run:
    candidate, dataset = evaluation.candidate, evaluation.dataset
    digest = dataset_digest(dataset.root)
    scales = {"lpips": evaluation.perceptual, "fid": evaluation.inception}
    packages = (
        "torch",
        "numpy",
        "onnxruntime",
        "ai-edge-litert",
        "executorch",
        "coremltools",
        "opencv-python-headless",
    )
    versions = {name: found for name in packages if (found := _installed(name))}
    return Run(
        subject=Subject(
            kind=candidate.kind, name=candidate.name, identity=candidate.identity, runtime=candidate.runtime,
            trained=candidate.trained,
        ),
        data=Data(
            name=dataset.root.name, layout=dataset.layout, phase=dataset.phase, pairs=evaluation.images,
            height=dataset.size[0], width=dataset.size[1], seed=dataset.seed, digest=digest,
            benchmark=digest == published().files and evaluation.images == len(dataset),
        ),
        pairings=evaluation.pairings,
        features={name: scale.sha256 for name, scale in scales.items() if scale},
        versions={"dmvton-mobile": dmvton_mobile.__version__, "python": platform.python_version(), **versions},
    )  # fmt: skip


def _installed(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None


def _claim(out: Path, run: Run) -> None:
    """Makes the folder this run's, or finds that it is. Raises DmvtonError where it is another's."""
    path = out / RUN
    if path.exists():
        other = parse_record(path.read_bytes(), Run, str(path), DmvtonError)
        if other != run:
            changed = [name for name in Run.model_fields if getattr(other, name) != getattr(run, name)]
            raise DmvtonError(f"{out} holds another evaluation: {', '.join(changed)} differ. Choose another --out.")
        return
    if any(out.iterdir()):
        raise DmvtonError(f"{out} is not empty, and no evaluation's folder. Choose another --out.")
    with atomic_file(path) as partial:
        partial.write_text(record_json(run))


def _kept_rows(path: Path) -> list[Measured]:
    """The rows that were written whole; an interrupt may have cut the last one short."""
    if not path.exists():
        return []
    text = path.read_text()
    whole = text[: text.rfind("\n") + 1]
    return [_parsed(cells) for cells in csv.DictReader(whole.splitlines())]


def _parsed(cells: dict[str, str]) -> Measured:
    row: Row = {metric.name: float(cells[metric.name]) if cells[metric.name] else None for metric in METRICS}
    return Measured(cells["person"], cells["garment"], Pairing(cells["pairing"]), float(cells["seconds"]), row)


def _cells(item: Measured) -> list[object]:
    figures = ["" if item.row[metric.name] is None else repr(item.row[metric.name]) for metric in METRICS]
    return [item.person, item.garment, item.pairing.value, repr(item.seconds), *figures]


def _rewrite(path: Path, rows: Sequence[Measured]) -> None:
    with atomic_file(path, overwrite=True) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(COLUMNS)
        writer.writerows(_cells(item) for item in rows)


def _figures(evaluation: Evaluation, rows: Sequence[Measured]) -> Iterator[Figure]:
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
            yield Figure(
                pairing=pairing, metric=metric.name, unit=metric.unit, better=metric.better, images=len(known),
                mean=math.fsum(values) / len(values), median=float(np.median(values)),
                low=float(np.percentile(values, 10)), high=float(np.percentile(values, 90)),
                worst=worst, worst_image=image,
            )  # fmt: skip


class _Features:
    """The features of people and try-ons, kept in files so that an interrupted run has them."""

    def __init__(self, evaluation: Evaluation):
        self._scale = evaluation.inception
        self._pairings = evaluation.pairings
        self._files: dict[str, NDArray[np.float32]] = {}
        if self._scale is None:
            return
        for name in ("people", *(pairing.value for pairing in evaluation.pairings)):
            path = evaluation.out / f"features_{name}.npy"
            shape = (evaluation.images, FEATURES)
            self._files[name] = (
                np.lib.format.open_memmap(path, "r+")
                if path.exists()
                else np.lib.format.open_memmap(path, "w+", np.float32, shape)
            )

    def add(self, pairing: Pairing, index: int, sample: TryOnSample, tryon: Tensor) -> None:
        if self._scale is None:
            return
        # published figures are those of files, with 8 bits
        seen = (tryon * 255).round() / 255
        self._files[pairing][index] = self._scale.apply(seen)[0].numpy()  # type: ignore[call-arg]
        self._files["people"][index] = self._scale.apply(sample.person * 0.5 + 0.5)[0].numpy()  # type: ignore[call-arg]

    def distances(self) -> Iterator[Distance]:
        if self._scale is None:
            return
        people = torch.from_numpy(np.array(self._files["people"]))
        for pairing in self._pairings:
            tryons = torch.from_numpy(np.array(self._files[pairing]))
            for metric, function in (("fid", fid), ("kid", kid)):
                try:
                    value, reason = function(tryons, people), None
                except MetricError as error:
                    value, reason = None, str(error)
                yield Distance(pairing=pairing, metric=metric, images=len(tryons), value=value, reason=reason)  # type: ignore[arg-type]
