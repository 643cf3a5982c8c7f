"""Parts of datasets joined to one dataset in VITON's layout, by hard links: no picture is copied or written again."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile.datasets.dataset import TryOnPair
from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.errors import DmvtonError


@dataclass(frozen=True)
class DatasetPart:
    """Some pairs of a dataset.

    Attributes:
        dataset: The dataset.
        indices: The pairs, as indices of `dataset.pairs`.
        prefix: What comes before the names of their files in the joined dataset.
    """

    dataset: Viton
    indices: Sequence[int]
    prefix: str = ""

    def pairs(self) -> Iterator[TryOnPair]:
        """The pairs, in the order of the indices."""
        return (self.dataset.pairs[index] for index in self.indices)


def has_truth(part: DatasetPart) -> bool:
    """Whether each of its people is known in two garments, with the truth of both."""
    dataset = part.dataset
    return all(dataset.person_files(pair).truth and dataset.unpaired_files(pair) for pair in part.pairs())


def join(parts: Sequence[DatasetPart], folder: Path) -> None:
    """Links the files of all parts into a folder, with their pair lists.

    Where one part has no truth, that of the others is left out: a dataset has it for everybody or for nobody. Files are
    copied where the disk takes no links.

    Args:
        parts: Parts of one phase.
        folder: The folder to write into.

    Raises:
        DmvtonError: Two files have one name.
        DataError: A file is missing.
    """
    phase = parts[0].dataset.phase
    truth = all(map(has_truth, parts))
    pair_lines: list[str] = []
    unpaired_lines: list[str] = []
    for part in parts:
        garments: set[str] = set()
        for pair in part.pairs():
            person, garment = part.prefix + pair.person, part.prefix + pair.garment
            pair_lines.append(f"{person} {garment}\n")
            _link_person(part, pair, folder, truth)
            garments.add(pair.garment)
            if truth and pair.unpaired is not None:
                unpaired_lines.append(f"{person} {part.prefix}{pair.unpaired}\n")
                garments.add(pair.unpaired)
        for name in sorted(garments):
            files = part.dataset.garment_files(name, "")
            _link(files.picture, folder, part)
            _link(files.mask, folder, part)
    (folder / f"{phase}_pairs.txt").write_text("".join(pair_lines), encoding="utf-8")
    if truth:
        (folder / "truth" / f"{phase}_unpaired_pairs.txt").write_text("".join(unpaired_lines), encoding="utf-8")


def _link_person(part: DatasetPart, pair: TryOnPair, folder: Path, truth: bool) -> None:
    files, unpaired = part.dataset.person_files(pair), part.dataset.unpaired_files(pair)
    paths = [files.picture, files.label, files.densepose, files.pose]
    if truth and unpaired is not None:
        paths += [files.truth, unpaired.picture, unpaired.truth]
    for path in paths:
        if path is not None:
            _link(path, folder, part)


def _link(path: Path, folder: Path, part: DatasetPart) -> None:
    """Links a file to the same place in the folder, under its name with the prefix of the part."""
    place = path.relative_to(part.dataset.root)
    target = folder / place.with_name(part.prefix + place.name)
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(path.resolve())
    except FileExistsError as error:
        raise DmvtonError(
            f"{target.name} would be in {target.parent.name} twice: {part.dataset.root} lists a person twice (`dmvton "
            "data check` says which), or holds people of an earlier synthesis with this --seed."
        ) from error
    except FileNotFoundError as error:
        raise DataError(f"There is no file {path}. Add it, or take its person out of the pair list.") from error
    except OSError:  # another disk, or one without links
        shutil.copyfile(path, target)
