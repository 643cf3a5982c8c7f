"""Features of all people and all try-ons for FID and KID, kept in files so that a run can be resumed."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from dmvton_mobile.evaluation.record import Pairing, SetDistance
from dmvton_mobile.metrics.distribution import fid, kid
from dmvton_mobile.metrics.inputs import MetricError

WIDTH = 2048
_PEOPLE = "people"
_DISTANCES: tuple[tuple[Literal["fid", "kid"], Callable[[Tensor, Tensor], float]], ...] = (("fid", fid), ("kid", kid))


@dataclass(frozen=True)
class Extractor:
    """The feature network.

    Attributes:
        features: RGB [1, 3, H, W] in [0, 1] -> [1, WIDTH].
        sha256: Of its weight file.
    """

    features: Callable[[Tensor], Tensor]
    sha256: str


class FeatureFiles:
    """`features_NAME.npy` of a run folder: float32 [images, WIDTH], for the people and for each pairing.

    Args:
        out: The run folder.
        extractor: The feature network.
        pairings: Of the evaluation.
        images: Number of images.
    """

    def __init__(self, out: Path, extractor: Extractor, pairings: tuple[Pairing, ...], images: int):
        self._extractor = extractor
        self._pairings = pairings
        self._files: dict[str, NDArray[np.float32]] = {}
        for name in (_PEOPLE, *pairings):
            path = out / f"features_{name}.npy"
            shape = None if path.exists() else (images, WIDTH)
            mode = "r+" if shape is None else "w+"
            self._files[name] = np.lib.format.open_memmap(path, mode, np.float32, shape)

    def add_person(self, index: int, person: Tensor) -> None:
        """Stores the features of a person's image, RGB [1, 3, H, W] in [0, 1]."""
        self._add(_PEOPLE, index, person)

    def add_tryon(self, pairing: Pairing, index: int, tryon: Tensor) -> None:
        """Stores the features of a try-on, RGB [1, 3, H, W] in [0, 1]."""
        self._add(pairing, index, tryon)

    def distances(self) -> Iterator[SetDistance]:
        """FID and KID between the try-ons of each pairing and the people."""
        people = torch.from_numpy(np.array(self._files[_PEOPLE]))
        for pairing in self._pairings:
            tryons = torch.from_numpy(np.array(self._files[pairing]))
            for metric, function in _DISTANCES:
                value, reason = None, None
                try:
                    value = function(tryons, people)
                except MetricError as error:
                    reason = str(error)
                yield SetDistance(pairing=pairing, metric=metric, images=len(tryons), value=value, reason=reason)

    def _add(self, name: str, index: int, picture: Tensor) -> None:
        seen = (picture * 255).round() / 255  # published figures are those of image files with 8 bits
        self._files[name][index] = self._extractor.features(seen)[0].numpy()
