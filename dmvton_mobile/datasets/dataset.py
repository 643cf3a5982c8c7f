"""The base of every reader: a layout lists its pairs and names their files; here they become samples."""

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
from torch.utils.data import Dataset, Subset

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.files.decode import read_densepose, read_grey, read_ids, read_rgb
from dmvton_mobile.datasets.files.pair_list import OnFault, refuse
from dmvton_mobile.datasets.files.pixels import mask_tensor, picture_tensor
from dmvton_mobile.datasets.files.pose_files import read_openpose
from dmvton_mobile.datasets.files.truth_files import read_truth
from dmvton_mobile.datasets.sample import LABEL_IDS, DataError, Label, Truth, TryOnSample, Unpaired, collate
from dmvton_mobile.imaging.decode import Pixels
from dmvton_mobile.utils.files import sha256_file

Value = TypeVar("Value")


class Phase(StrEnum):
    """The two halves that published datasets come in."""

    TRAIN = "train"
    TEST = "test"


@dataclass(frozen=True)
class TryOnPair:
    """File names of a person and the garment they wear.

    Attributes:
        person: The person's picture.
        garment: The garment's picture.
        unpaired: The other garment's picture, where the layout chooses it.
        category: The kind of garment, where the layout keeps kinds apart; names are unique within one.
    """

    person: str
    garment: str
    unpaired: str | None = None
    category: str = ""


@dataclass(frozen=True)
class PersonFiles:
    """Where a person's files are. None: this phase of the dataset goes without."""

    picture: Path
    label: Path | None = None
    densepose: Path | None = None
    pose: Path | None = None
    truth: Path | None = None


@dataclass(frozen=True)
class GarmentFiles:
    """Where a garment's files are."""

    picture: Path
    mask: Path


@dataclass(frozen=True)
class UnpairedFiles:
    """The same person in the other garment, and how it lies on them."""

    picture: Path
    truth: Path


class TryOnDataset(Dataset[TryOnSample], ABC):
    """The pairs of one phase.

    The unpaired garment is the layout's own choice. Where it makes none, every epoch samples another one, evenly from
    the other garments of the pair lists; the choice depends on seed, epoch and index alone, not on workers or order.

    Args:
        root: The dataset's folder.
        phase: Which half of it.
        size: (height, width) of the samples.
        seed: Of the unpaired garments that are sampled.
        on_fault: Called about a pair that is listed wrongly; by default it raises the fault.

    Attributes:
        layout: The layout's name.
        marks: What a folder of this layout holds, for errors.
        resizes: Whether files may have another size than the samples.
        labels: The sample's label id by the id in the file.
        pairs: The pairs of this phase, in order.

    Raises:
        DataError: No pair is listed.
    """

    layout: ClassVar[str]
    marks: ClassVar[str]
    resizes: ClassVar[bool] = False
    labels: ClassVar[tuple[int, ...]] = tuple(
        Label.UPPER_CLOTHES if stored == Label.NOISE else stored for stored in range(LABEL_IDS)
    )

    def __init__(
        self,
        root: Path,
        phase: Phase,
        size: tuple[int, int] = DEFAULT_SIZE,
        seed: int = 0,
        on_fault: OnFault = refuse,
    ) -> None:
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
        """The phases that root has in this layout; an empty list where it has another layout."""

    @abstractmethod
    def _list_pairs(self, on_fault: OnFault) -> list[TryOnPair]:
        """The pairs of this phase; calls on_fault for what is listed wrongly, raises DataError where nothing is."""

    @abstractmethod
    def person_files(self, pair: TryOnPair) -> PersonFiles:
        """Where the pair's person is; the files need not be there."""

    @abstractmethod
    def garment_files(self, name: str, category: str) -> GarmentFiles:
        """Where a garment is, by the name and category of its pair; the files need not be there."""

    def unpaired_files(self, pair: TryOnPair) -> UnpairedFiles | None:
        """Where the person in `pair.unpaired` is; None where nobody rendered that."""
        return None

    def set_epoch(self, epoch: int) -> None:
        """Samples the unpaired garments of this epoch from now on; workers of a running DataLoader follow."""
        self._epoch.fill_(epoch)

    def __len__(self) -> int:
        return len(self.pairs)

    def __getitem__(self, index: int) -> TryOnSample:
        """Reads one sample. Raises DataError where a file of it is missing or not what it must be."""
        index = range(len(self.pairs))[index]
        pair = self.pairs[index]
        person, garment = self.person_files(pair), self.garment_files(pair.garment, pair.category)
        pixels = read_rgb(person.picture)
        return TryOnSample(
            person_name=pair.person,
            garment_name=pair.garment,
            person=picture_tensor(self._resized(pixels, person.picture, Image.Resampling.BILINEAR)),
            garment=self.read_picture(garment.picture),
            garment_mask=self.read_mask(garment.mask),
            label=_optional(self.read_label, person.label),
            densepose=_optional(self.read_densepose, person.densepose),
            pose=None if person.pose is None else self.read_pose(person.pose, (pixels.shape[0], pixels.shape[1])),
            truth=_optional(self.read_truth, person.truth),
            unpaired=self._read_unpaired(pair, index),
        )

    def read_picture(self, path: Path) -> Tensor:
        """A person's or garment's picture: float32 [3, H, W] in [-1, 1]. Raises DataError, as all below."""
        return picture_tensor(self._resized(read_rgb(path), path, Image.Resampling.BILINEAR))

    def read_mask(self, path: Path) -> Tensor:
        """A garment's mask: float32 [1, H, W] in [0, 1]."""
        return mask_tensor(self._resized(read_grey(path), path, Image.Resampling.BILINEAR))

    def read_label(self, path: Path) -> Tensor:
        """A label map: uint8 [H, W], the layout's ids turned into those of `Label`."""
        ids = self._resized(read_ids(path, len(self.labels)), path, Image.Resampling.NEAREST)
        return torch.from_numpy(np.array(self.labels, np.uint8)[ids])

    def read_densepose(self, path: Path) -> Tensor:
        """A DensePose map: uint8 [H, W], 0 to 24."""
        return torch.from_numpy(self._resized(read_densepose(path), path, Image.Resampling.NEAREST))

    def read_pose(self, path: Path, canvas: tuple[int, int]) -> Tensor:
        """A pose: float32 [18, 3], x and y in pixels of the sample, and confidence.

        Args:
            path: The pose file.
            canvas: (height, width) of the person's picture as stored, in whose pixels the file counts.
        """
        return self._scaled(read_openpose(path), canvas)

    def read_truth(self, path: Path) -> Truth:
        """The ground truth of a garment on a person."""
        return read_truth(path, self.size)

    def _scaled(self, pose: Tensor, canvas: tuple[int, int]) -> Tensor:
        (height, width), (canvas_height, canvas_width) = self.size, canvas
        return pose * torch.tensor([width / canvas_width, height / canvas_height, 1.0])

    def _resized(self, pixels: Pixels, path: Path, resampling: Image.Resampling) -> Pixels:
        height, width = self.size
        if pixels.shape[:2] == self.size:
            return pixels
        if not self.resizes:
            raise DataError(
                f"{path} is {pixels.shape[1]}x{pixels.shape[0]}, not {width}x{height} (width x height), and files of "
                f"{self.layout} are never resized. Resize the dataset, or open it at its own size."
            )
        return np.array(Image.fromarray(pixels).resize((width, height), resampling))

    def _read_unpaired(self, pair: TryOnPair, index: int) -> Unpaired | None:
        name = pair.unpaired or self._sample_unpaired(pair, index)
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

    def _sample_unpaired(self, pair: TryOnPair, index: int) -> str | None:
        garments = self._garments[pair.category]
        if len(garments) < 2:
            return None
        draw = random.Random(f"{self.seed} {int(self._epoch)} {index}").randrange(len(garments) - 1)
        return garments[draw + (garments[draw] >= pair.garment)]  # sorted, so the pair's own is stepped over

    def _expected(self, folder: Path) -> bool:
        """Whether each person has a file in folder: in training always, else where there is such a folder."""
        return self.phase is Phase.TRAIN or folder.is_dir()


def _optional(read: Callable[[Path], Value], path: Path | None) -> Value | None:
    return None if path is None else read(path)


def first_existing(folder: Path, stem: str, *suffixes: str) -> Path:
    """The first of the files folder/stem + suffix that exists; the last one where none does."""
    paths = [folder / f"{stem}{suffix}" for suffix in suffixes]
    return next((path for path in paths if path.exists()), paths[-1])


def dataset_digest(folder: Path) -> str:
    """SHA-256 over the name and the SHA-256 of every file in the folder, in the order of the names."""
    digest = hashlib.sha256()
    for path in sorted(path for path in folder.rglob("*") if path.is_file()):
        digest.update(f"{path.relative_to(folder).as_posix()} {sha256_file(path)}\n".encode())
    return digest.hexdigest()


def evenly_spaced_samples(dataset: TryOnDataset | Subset[TryOnSample], count: int) -> list[TryOnSample]:
    """Up to `count` samples at equal distances over the dataset, each a batch of one."""
    chosen = range(0, len(dataset), max(1, len(dataset) // count))
    return [collate([dataset[index]]) for index in chosen][:count]
