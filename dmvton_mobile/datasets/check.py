"""Whether a dataset is complete and readable: every file of every pair is read once, every fault is named."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import Phase, TryOnDataset, TryOnPair
from dmvton_mobile.datasets.files.decode import read_rgb
from dmvton_mobile.datasets.layouts.registry import detect_layout
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.utils.progress import tracked

_SIZE_VOTES = 16  # pictures that decide the size of a dataset: most of them are right even where some are not

FileReader = tuple[Path, Callable[[Path], object]]


@dataclass(frozen=True)
class PhaseReport:
    """One phase of a dataset.

    Attributes:
        phase: Which.
        pairs: How many pairs its lists hold.
        garments: How many different garments are among them.
        size: (height, width) of all files; None where the layout resizes them, or the pair lists cannot be read.
    """

    phase: Phase
    pairs: int
    garments: int
    size: tuple[int, int] | None


@dataclass(frozen=True)
class CheckReport:
    """What a check found.

    Attributes:
        root: The dataset's folder.
        layout: The name of its layout.
        phases: The phases that it has.
        problems: One sentence each, naming the file.
    """

    root: Path
    layout: str
    phases: tuple[PhaseReport, ...]
    problems: tuple[str, ...]


def check(root: Path) -> CheckReport:
    """Reads every file of the dataset in root.

    Raises:
        DataError: The folder has none of the known layouts.
    """
    reader = detect_layout(root)
    problems: list[str] = []

    def note(fault: DataError) -> None:
        problems.append(str(fault))

    phases = []
    for phase in reader.phases(root):
        try:
            dataset = reader(root, phase, on_fault=note)
        except DataError as fault:
            note(fault)
            phases.append(PhaseReport(phase, 0, 0, None))
            continue
        dataset.size = DEFAULT_SIZE if reader.resizes else _usual_size(dataset)
        problems += _named_twice(dataset)
        garments: set[Path] = set()
        for pair in tracked(dataset.pairs, f"Checking {phase}"):
            for path, read in [*_person_readers(dataset, pair), *_garment_readers(dataset, pair, garments)]:
                try:
                    read(path)
                except DataError as fault:
                    note(fault)
        size = None if reader.resizes else dataset.size
        phases.append(PhaseReport(phase, len(dataset), len({(p.category, p.garment) for p in dataset.pairs}), size))
    return CheckReport(root, reader.layout, tuple(phases), tuple(problems))


def _person_readers(dataset: TryOnDataset, pair: TryOnPair) -> Iterator[FileReader]:
    def read_pose(path: Path) -> None:
        if not dataset.read_pose(path, dataset.size).any():
            raise DataError(f"{path} holds no person, so nothing says where the body is. Detect the pose again.")

    files, worn = dataset.person_files(pair), dataset.unpaired_files(pair)
    yield files.picture, dataset.read_picture
    for path, read in (
        (files.label, dataset.read_label),
        (files.densepose, dataset.read_densepose),
        (files.pose, read_pose),
        (files.truth, dataset.read_truth),
    ):
        if path is not None:
            yield path, read
    if worn is not None:
        yield worn.picture, dataset.read_picture
        yield worn.truth, dataset.read_truth


def _garment_readers(dataset: TryOnDataset, pair: TryOnPair, seen: set[Path]) -> Iterator[FileReader]:
    """Of those of the pair's garments that are not in seen, to which they are added."""
    for name in (pair.garment, pair.unpaired):
        files = None if name is None else dataset.garment_files(name, pair.category)
        if files is not None and files.picture not in seen:
            seen.add(files.picture)
            yield files.picture, dataset.read_picture
            yield files.mask, dataset.read_mask


def _named_twice(dataset: TryOnDataset) -> list[str]:
    times = Counter(dataset.person_files(pair).picture for pair in dataset.pairs)
    lists = f"the lists for {dataset.phase} name it"
    return [f"{path}: {lists} {count} times. Keep one." for path, count in times.items() if count > 1]


def _usual_size(dataset: TryOnDataset) -> tuple[int, int]:
    sizes: Counter[tuple[int, int]] = Counter()
    for pair in dataset.pairs[:_SIZE_VOTES]:
        try:
            height, width, _ = read_rgb(dataset.person_files(pair).picture).shape
        except DataError:
            continue  # reported when the pair itself is read
        sizes[height, width] += 1
    return sizes.most_common(1)[0][0] if sizes else DEFAULT_SIZE
