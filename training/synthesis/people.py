"""People that synthesis generates, and the interface of what generates them: the renderer, or an external program."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

from training.synthesis.clusters import PoseClusters
from training.synthesis.poses import IntArray

ProgressCallback = Callable[[str, int, int], None]  # the step in words, how many items are done, of how many


def no_progress(step: str, done: int, total: int) -> None:
    """A `ProgressCallback` that does nothing."""


@dataclass(frozen=True)
class GeneratedPerson:
    """One person, or the failure to generate one.

    Attributes:
        name: The file name of the picture; None after a failure.
        cluster: The cluster of poses that they were generated for.
        source: What they were generated from, in words.
        failure: Why there is no picture, in words; None where there is one.
    """

    name: str | None
    cluster: int
    source: str
    failure: str | None = None


@dataclass(frozen=True)
class PersonGenerator(ABC):
    """Generates people in wanted poses.

    Attributes:
        name: The name in the provenance.
        seed: The random seed; another seed gives other people.
    """

    name: ClassVar[str]
    seed: int

    def commands(self) -> dict[str, str]:
        """The command lines of the external programs that it calls, by option, for the provenance."""
        return {}

    def rendered_seeds(self) -> set[int]:
        """The seeds of the renderer's split train that its people have."""
        return set()

    @abstractmethod
    def generate(
        self, wanted: IntArray, clusters: PoseClusters, folder: Path, on_progress: ProgressCallback
    ) -> tuple[GeneratedPerson, ...]:
        """Writes people as the train phase of a dataset in VITON's layout.

        Args:
            wanted: The number of people for each cluster, [K].
            clusters: The clusters of poses.
            folder: The folder to write; new.
            on_progress: Called after every person.

        Raises:
            DmvtonError: A cluster cannot be filled.
        """
