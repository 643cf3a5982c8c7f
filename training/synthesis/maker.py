"""What makes people in wanted poses: the renderer, or somebody's generator."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from training.synthesis.clusters import Numbers, PoseClusters

Tell = Callable[[str, int, int], None]  # what is being done, how much of it, of how much


def silent(what: str, done: int, total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Made:
    """One person. name: of their picture; None where making them failed. source: what they were made of, for people.

    problem: why there is none.
    """

    name: str | None
    cluster: int
    source: str
    problem: str | None = None


@dataclass(frozen=True)
class Maker(ABC):
    """name: for the provenance. seed: another number is other people."""

    name: ClassVar[str]
    seed: int

    def commands(self) -> dict[str, str]:
        """The programs of the user's that it calls, by option, for the provenance."""
        return {}

    @abstractmethod
    def make(self, wanted: Numbers, clusters: PoseClusters, folder: Path, tell: Tell) -> tuple[Made, ...]:
        """Makes wanted[k] people for each cluster k, as the train phase of a dataset in VITON's layout.

        folder: to write, new. Raises DmvtonError where a cluster cannot be filled.
        """
