"""The layouts that can be read, and which of them a folder has."""

from pathlib import Path

from dmvton_mobile.contract import DEFAULT_SIZE
from dmvton_mobile.datasets.dataset import Phase, TryOnDataset
from dmvton_mobile.datasets.layouts.dresscode import DressCode
from dmvton_mobile.datasets.layouts.pfafn import PfAfn
from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.datasets.layouts.viton_hd import VitonHd
from dmvton_mobile.datasets.sample import DataError
from dmvton_mobile.errors import UnknownName

LAYOUTS: tuple[type[TryOnDataset], ...] = (Viton, VitonHd, DressCode, PfAfn)


def detect_layout(root: Path) -> type[TryOnDataset]:
    """The reader of the dataset in root.

    Raises:
        DataError: There is no such folder, or it has none of the known layouts, which are named.
    """
    if not root.is_dir():
        raise DataError(f"There is no folder {root}. Name the folder of a dataset.")
    for reader in LAYOUTS:
        if reader.phases(root):
            return reader
    known = "; ".join(f"{reader.layout} has {reader.marks}" for reader in LAYOUTS)
    raise DataError(f"{root} is no dataset of a known layout. Known: {known}.")


def open_dataset(root: Path, phase: str, size: tuple[int, int] = DEFAULT_SIZE, seed: int = 0) -> TryOnDataset:
    """Opens the dataset in root, whatever its layout.

    Args:
        root: The dataset's folder.
        phase: "train" or "test".
        size: (height, width) of the samples; where the layout does not resize, it must be that of the files.
        seed: Of the unpaired garments that are sampled.

    Raises:
        UnknownName: The phase is neither.
        DataError: The folder has no known layout, or not this phase.
    """
    if phase not in list(Phase):
        raise UnknownName("phase", phase, list(Phase))
    reader = detect_layout(root)
    phases = reader.phases(root)
    if phase not in phases:
        raise DataError(f"{root} ({reader.layout}) has no phase {phase}. It has: {', '.join(phases)}.")
    return reader(root, Phase(phase), size, seed)
