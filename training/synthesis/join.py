"""Parts of datasets as one dataset in VITON's layout, by hard links: no picture is copied or written again."""

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from dmvton_mobile.datasets.dataset import TryOnPair
from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.errors import DmvtonError


@dataclass(frozen=True)
class Part:
    """Pairs of a dataset. places: of `dataset.pairs`. prefix: before the names of its files in the whole."""

    dataset: Viton
    places: Sequence[int]
    prefix: str = ""

    def pairs(self) -> Iterator[TryOnPair]:
        return (self.dataset.pairs[place] for place in self.places)


def has_truth(part: Part) -> bool:
    """Whether each of its people is known in two garments, with the truth of both."""
    dataset = part.dataset
    return all(dataset.person_files(pair).truth and dataset.unpaired_files(pair) for pair in part.pairs())


def join(parts: Sequence[Part], folder: Path) -> None:
    """Links the parts' files into the folder, part after part, with their pair lists; all are of one phase.

    Where one part has no truth, that of the others is left out: a dataset has it for everybody or for nobody. Copies
    where the disk takes no links. Raises DmvtonError for two files of one name, DataError for a missing one.
    """
    phase = parts[0].dataset.phase
    truth = all(map(has_truth, parts))
    pairs: list[str] = []
    others: list[str] = []
    for part in parts:
        garments: set[str] = set()
        for pair in part.pairs():
            person, garment = part.prefix + pair.person, part.prefix + pair.garment
            pairs.append(f"{person} {garment}\n")
            _link_person(part, pair, folder, truth)
            garments.add(pair.garment)
            if truth and pair.unpaired is not None:
                others.append(f"{person} {part.prefix}{pair.unpaired}\n")
                garments.add(pair.unpaired)
        for name in sorted(garments):
            files = part.dataset.garment_files(name, "")
            _link(files.picture, folder, part)
            _link(files.mask, folder, part)
    (folder / f"{phase}_pairs.txt").write_text("".join(pairs), encoding="utf-8")
    if truth:
        (folder / "truth" / f"{phase}_unpaired_pairs.txt").write_text("".join(others), encoding="utf-8")


def _link_person(part: Part, pair: TryOnPair, folder: Path, truth: bool) -> None:
    files, worn = part.dataset.person_files(pair), part.dataset.unpaired_files(pair)
    paths = [files.picture, files.label, files.densepose, files.pose]
    if truth and worn is not None:
        paths += [files.truth, worn.picture, worn.truth]
    for path in paths:
        if path is not None:
            _link(path, folder, part)


def _link(path: Path, folder: Path, part: Part) -> None:
    """To the same place in the folder, under the name with the part's prefix."""
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
