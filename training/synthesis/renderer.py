"""People in wanted poses out of the renderer.

Many people are sampled, which takes milliseconds, and only those are rendered whose pose falls into a cluster that
still wants people.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as endless
from pathlib import Path
from typing import ClassVar

import numpy as np

from dmvton_mobile.datasets.procedural.body.posed_body import pose_body
from dmvton_mobile.datasets.procedural.people import People, Split, scene_rng
from dmvton_mobile.datasets.procedural.scene.sampling import sample_person
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.errors import DmvtonError
from training.synthesis.clusters import PoseClusters
from training.synthesis.people import GeneratedPerson, PersonGenerator, ProgressCallback, no_progress
from training.synthesis.poses import FloatArray, IntArray, Poses, collect_poses, upper_body_joints

REFERENCE_PEOPLE = 2048
_REFERENCE_SIZE = (64, 48)  # poses depend on the size only by rounding; a small one is quick
_FRUITLESS_SAMPLES = 5000  # in a row, after which a cluster counts as one that the renderer does not sample


@dataclass(frozen=True)
class Renderer(PersonGenerator):
    """Renders people of split train.

    Attributes:
        size: Height and width of the pictures.
        workers: The number of processes; the bytes do not depend on it.
    """

    name: ClassVar[str] = "renderer"
    size: tuple[int, int]
    workers: int = 1

    def rendered_seeds(self) -> set[int]:
        """See `PersonGenerator.rendered_seeds`."""
        return {self.seed}

    def generate(
        self, wanted: IntArray, clusters: PoseClusters, folder: Path, on_progress: ProgressCallback
    ) -> tuple[GeneratedPerson, ...]:
        """See `PersonGenerator.generate`."""
        chosen = choose_people(clusters, wanted, Split.TRAIN, self.seed, self.size, on_progress)
        render_chosen_people(
            list(chosen),
            Split.TRAIN,
            self.seed,
            self.size,
            folder,
            self.workers,
            on_rendered=lambda done: on_progress("Rendering", done, len(chosen)),
        )
        return tuple(
            GeneratedPerson(f"{index:06d}_0.jpg", cluster, f"person {index} of split train, seed {self.seed}")
            for index, cluster in chosen.items()
        )


def renderer_poses(people: int | None = None, on_progress: ProgressCallback = no_progress) -> Poses:
    """The poses that the renderer samples: those of its first people of split train, seed 0.

    Args:
        people: The number of people; None for 2048.
        on_progress: Called after every person.
    """
    count = people or REFERENCE_PEOPLE

    def sampled() -> Iterator[tuple[str, FloatArray]]:
        for index in range(count):
            yield f"{index:06d}_0.jpg", sampled_keypoints(Split.TRAIN, 0, index, _REFERENCE_SIZE)
            on_progress("Sampling poses", index + 1, count)

    return collect_poses(sampled())


def sampled_keypoints(split: Split, seed: int, index: int, size: tuple[int, int]) -> FloatArray:
    """The keypoints [18, 3] that the renderer would write for a person, who is not rendered."""
    posed_body = pose_body(sample_person(scene_rng(split, seed, index, "person")), size)
    return posed_body.visible_keypoints().astype(np.float64).round(2)  # as many digits as the file has


def sampled_clusters(
    clusters: PoseClusters, split: Split, seed: int, size: tuple[int, int]
) -> Iterator[tuple[int, int | None]]:
    """Samples person after person, without end.

    Args:
        clusters: The clusters of poses.
        split: The people's split.
        seed: Their seed.
        size: Height and width of the pictures.

    Yields:
        The number of the person and the cluster of the pose, None for a person without a torso.
    """
    for index in endless():
        joints = upper_body_joints(sampled_keypoints(split, seed, index, size))
        yield index, None if joints is None else int(clusters.assign(joints[None])[0])


def choose_people(
    clusters: PoseClusters,
    wanted: IntArray,
    split: Split,
    seed: int,
    size: tuple[int, int],
    on_progress: ProgressCallback = no_progress,
) -> dict[int, int]:
    """Chooses the first people whose poses are wanted.

    Args:
        clusters: The clusters of poses.
        wanted: The number of people for each cluster, [K].
        split: The people's split.
        seed: Their seed.
        size: Height and width of the pictures.
        on_progress: Called after every choice.

    Returns:
        The number of each person -> the cluster, ascending.

    Raises:
        DmvtonError: None of 5000 people in a row was in a cluster that still wants people; the message names it.
    """
    left, total = wanted.copy(), int(wanted.sum())
    chosen: dict[int, int] = {}
    last = -1
    for index, cluster in sampled_clusters(clusters, split, seed, size):
        if len(chosen) == total:
            break
        if cluster is not None and left[cluster]:
            left[cluster] -= 1
            chosen[index] = cluster
            last = index
            on_progress("Choosing poses", len(chosen), total)
        elif index - last >= _FRUITLESS_SAMPLES:
            raise DmvtonError(_cannot_fill(clusters, wanted, left))
    return chosen


def render_chosen_people(
    indices: Sequence[int],
    split: Split,
    seed: int,
    size: tuple[int, int],
    out: Path,
    workers: int = 1,
    on_rendered: Callable[[int], None] = lambda done: None,
) -> None:
    """Renders these people of a split and seed into a new folder, with the ground truth.

    Each is also shown in the garment of the next one of them.

    Args:
        indices: The people's numbers within the split.
        split: Their split.
        seed: Their seed.
        size: Height and width of the pictures.
        out: The folder; it must not exist.
        workers: Processes; the bytes do not depend on their number.
        on_rendered: Called with the number of people done.

    Raises:
        DmvtonError: There are fewer than two people, or the folder exists.
    """
    chosen = tuple(sorted(indices))
    write_people(People(split, seed, len(chosen), size, chosen=chosen), out, workers, on_rendered)


def _cannot_fill(clusters: PoseClusters, wanted: IntArray, left: IntArray) -> str:
    cluster = int(left.argmax())
    return (
        f"Cluster {cluster} (hands: {clusters.describe_hands(cluster)}) cannot be filled: it wants {wanted[cluster]} "
        f"people, {wanted[cluster] - left[cluster]} were found, and then nobody among {_FRUITLESS_SAMPLES} more. The "
        "renderer hardly draws this pose: take fewer --clusters, a smaller --count, or another --reference."
    )
