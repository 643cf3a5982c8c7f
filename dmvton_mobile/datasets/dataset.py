"""What every reader shares: a layout lists its pairs and says which file holds what; here they become samples."""

import hashlib
import random
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import ClassVar, TypeVar

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import Dataset

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.files.decode import read_densepose, read_grey, read_ids, read_rgb
from dmvton_mobile.datasets.files.pair_list import OnFault, refuse
from dmvton_mobile.datasets.files.pixels import mask_tensor, picture_tensor
from dmvton_mobile.datasets.files.pose_files import read_openpose
from dmvton_mobile.datasets.files.truth_files import read_truth
from dmvton_mobile.datasets.sample import LABEL_IDS, DataError, Label, Truth, TryOnSample, Unpaired
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.utils.files import sha256_file

Value = TypeVar("Value")


class Phase(StrEnum):
    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True)
class TryOnPair:
    """File names of a person and the garment they wear. unpaired: the other garment, where the layout chooses it.
    category: where the layout keeps garments apart by kind; names are unique within one."""

    person: str
    garment: str
    unpaired: str | None = None
    category: str = ""


@dataclass(frozen=True)
class PersonFiles:
    """None: this phase of the dataset goes without."""

    picture: Path
    label: Path | None = None
    densepose: Path | None = None
    pose: Path | None = None
    truth: Path | None = None


@dataclass(frozen=True)
class GarmentFiles:
    picture: Path
    mask: Path


@dataclass(frozen=True)
class UnpairedFiles:
    """The same person in the other garment, and how it lies on them."""

    picture: Path
    truth: Path


class TryOnDataset(Dataset[TryOnSample], ABC):
    """The pairs of one phase. Reading one raises DataError where a file of it is missing or not what it must be.

    The unpaired garment is the layout's own, or else drawn anew for every epoch, evenly from the other garments of the
    pair lists; the draw depends on seed, epoch and index alone, so on no worker or order.
    """

    layout: ClassVar[str]
    marks: ClassVar[str]  # what a folder of this layout holds, for errors
    resizes: ClassVar[bool] = False  # whether files may have another size than the samples
    labels: ClassVar[tuple[int, ...]] = tuple(
        Label.UPPER_CLOTHES if stored == Label.NOISE else stored for stored in range(LABEL_IDS)
    )  # by the id in the file

    def __init__(
        self,
        root: Path,
        phase: Phase,
        size: tuple[int, int] = DEFAULT_SIZE,
        seed: int = 0,
        on_fault: OnFault = refuse,
    ) -> None:
        """size: (height, width) of the samples. on_fault: what to do about a pair that is listed wrongly."""
        self.root = root
        self.phase = phase
        self.size = size
        self.seed = seed
        self._epoch = torch.zeros((), dtype=torch.int64).share_memory_()  # workers that live on see it change
        self.pairs = self._list_pairs(on_fault)
        if not self.pairs:
            raise DataError(f"{root} lists no pair for {phase}. Check that the dataset is complete.")
        garments: dict[str, set[str]] = {}
        for pair in self.pairs:
            garments.setdefault(pair.category, set()).add(pair.garment)
        self._garments = {category: sorted(names) for category, names in garments.items()}

    @classmethod
    @abstractmethod
    def phases(cls, root: Path) -> list[Phase]:
        """The phases that root holds in this layout; none where it has another."""

    @abstractmethod
    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        """The pairs of this phase; calls on_fault for what is listed wrongly, raises DataError where nothing is."""

    @abstractmethod
    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """Where the pair's person is; the files need not be there."""

    @abstractmethod
    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """Where a garment is; the files need not be there."""

    def unpaired_files(self, pair: TryOnPair) -> UnpairedFiles | None:
        """The person in `pair.unpaired`, where somebody rendered that."""
        return None

    def set_epoch(self, epoch: int) -> None:
        """Other unpaired garments than in other epochs; reaches the workers of a running DataLoader, too."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> TryOnSample:
        index = range(len(self.pairs))[index]
        pair = self.pairs[index]
        person, garment = self.person_files(pair), self.garment_files(pair.garment, pair.category)
        pixels = read_rgb(person.picture)
        return TryOnSample(
            person_name=pair.person,
            garment_name=pair.garment,
            person=picture_tensor(self._sized(pixels, person.picture, Image.Resampling.BILINEAR)),
            garment=self.read_picture(garment.picture),
            garment_mask=self.read_mask(garment.mask),
            label=_optional(self.read_label, person.label),
            densepose=_optional(self.read_densepose, person.densepose),
            pose=None if person.pose is None else self.read_pose(person.pose, (pixels.shape[0], pixels.shape[1])),
            truth=_optional(self.read_truth, person.truth),
            unpaired=self._unpaired(pair, index),
        )

    def read_picture(self, path: Path) -> Tensor:
        return picture_tensor(self._sized(read_rgb(path), path, Image.Resampling.BILINEAR))

    def read_mask(self, path: Path) -> Tensor:
        return mask_tensor(self._sized(read_grey(path), path, Image.Resampling.BILINEAR))

    def read_label(self, path: Path) -> Tensor:
        ids = self._sized(read_ids(path, len(self.labels)), path, Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(self.labels, np.uint8)[ids])

    def read_densepose(self, path: Path) -> Tensor:
        return torch.from_numpy(self._sized(read_densepose(path), path, Image.Resampling.NEAREST))

    def read_pose(self, path: Path, canvas: tuple[int, int]) -> Tensor:
        """canvas: (height, width) of the person's picture as stored, whose pixels the file counts in."""
        return self._scaled(read_openpose(path), canvas)

    def read_truth(self, path: Path) -> Truth:
        return read_truth(path, self.size)

    def _scaled(self, pose: Tensor, canvas: tuple[int, int]) -> Tensor:
        (height, width), (canvas_height, canvas_width) = self.size, canvas
        return pose * torch.tensor([width / canvas_width, height / canvas_height, 1.0])

    def _sized(self, pixels: Pixels, path: Path, resampling: Image.Resampling) -> Pixels:
        height, width = self.size
        if pixels.shape[:2] == self.size:
            return pixels
        if not self.resizes:
            raise DataError(
                f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, not {width}x{height} (width x height), and files of "
                f"{self.layout} are never resized. Resize the dataset, or open it at its own size."
            )
        return np.array(Image.fromarray(pixels).resize((width, height), resampling))

    def _unpaired(self, pair: TryOnPair, index: int) -> Unpaired | None:
        name = pair.unpaired or self._drawn(pair, index)
        if name is None:
            return None
        garment, worn = self.garment_files(name, pair.category), self.unpaired_files(pair)
        return Unpaired(
            garment_name=name,
            garment=self.read_picture(garment.picture),
            garment_mask=self.read_mask(garment.mask),
            person=None if worn is None else self.read_picture(worn.picture),
            truth=None if worn is None else self.read_truth(worn.truth),
        )

    def _drawn(self, pair: TryOnPair, index: int) -> str | None:
        others = self._garments[pair.category]
        if len(others) < 2:
            return None
        draw = random.Random(f"{self.seed} {int(self._epoch)} {index}").randrange(len(others) - 1)
        return others[draw + (others[draw] >= pair.garment)]  # sorted, so the pair's own is stepped over

    def _expected(self, folder: Path) -> bool:
        """Whether each person has a file in folder: in training always, else where there is such a folder."""
        return self.phase is Phase.TRAIN or folder.is_dir()


def _optional(read: Callable[[Path], Value], path: Path | None) -> Value | None:
    return None if path is None else read(path)


def first_existing(folder: Path, stem: str, *suffixes: str) -> Path:
    """The first of these files that is there; the last where none is."""
    paths = [folder / f"{stem}{suffix}" for suffix in suffixes]
    return next((path for path in paths if path.exists()), paths[-1])


def dataset_digest(folder: Path) -> str:
    """SHA-256 over the names and the SHA-256 of all files in the folder, in the order of their names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()
