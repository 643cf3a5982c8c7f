"""People in wanted poses out of the renderer: many are drawn by lot, which costs milliseconds, and only those rendered
whose pose falls into a cluster that still wants people.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count as endless
from pathlib import Path
from typing import ClassVar

from dmvton_mobile.datasets.procedural.people import People, Split
from dmvton_mobile.datasets.procedural.writer import write_people
from dmvton_mobile.errors import DmvtonError
from training.synthesis.clusters import Numbers, PoseClusters
from training.synthesis.maker import Made, Maker, Tell, silent
from training.synthesis.poses import Joints, Poses, drawn_pose, gathered, upper_body

REFERENCE_PEOPLE = 2048
_REFERENCE_SIZE = (64, 48)  # poses do not depend on it, but for rounding; a small one is quick
_FRUITLESS_DRAWS = 5000  # in a row, after which a cluster counts as one that the renderer does not draw


def renderer_poses(people: int | None = None, tell: Tell = silent) -> Poses:
    """The poses that the renderer draws: of its first people of split train, seed 0. people: None for 2048."""
    count = people or REFERENCE_PEOPLE

    def drawn() -> Iterator[tuple[str, Joints]]:
        for index in range(count):
            yield f"{index:06d}_0.jpg", drawn_pose(Split.TRAIN, 0, index, _REFERENCE_SIZE)
            tell("Drawing poses", index + 1, count)

    return gathered(drawn())


def drawn_clusters(
    clusters: PoseClusters, split: Split, seed: int, size: tuple[int, int]
) -> Iterator[tuple[int, int | None]]:
    """(index, cluster) of person after person, without end; None for one without a torso. size: (height, width)."""
    for index in endless():
        joints = upper_body(drawn_pose(split, seed, index, size))
        yield index, None if joints is None else int(clusters.assign(joints[None])[0])


def pick_people(
    clusters: PoseClusters, wanted: Numbers, split: Split, seed: int, size: tuple[int, int], tell: Tell = silent
) -> dict[int, int]:
    """The first people in wanted[k] poses of each cluster k: index -> cluster, ascending.

    Raises DmvtonError, naming the cluster, after 5000 people in a row none of whom was in one that still wants people.
    """
    left, total = wanted.copy(), int(wanted.sum())
    picked: dict[int, int] = {}
    last = -1
    for index, cluster in drawn_clusters(clusters, split, seed, size):
        if len(picked) == total:
            break
        if cluster is not None and left[cluster]:
            left[cluster] -= 1
            picked[index] = cluster
            last = index
            tell("Choosing poses", len(picked), total)
        elif index - last >= _FRUITLESS_DRAWS:
            raise DmvtonError(_unfilled(clusters, wanted, left))
    return picked


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
        size: (height, width) of the pictures.
        out: The folder; it must not exist.
        workers: Processes; the bytes do not depend on their number.
        on_rendered: Called with the number of people done.

    Raises:
        DmvtonError: There are fewer than two people, or the folder exists.
    """
    chosen = tuple(sorted(indices))
    write_people(People(split, seed, len(chosen), size, chosen=chosen), out, workers, on_rendered)


@dataclass(frozen=True)
class Renderer(Maker):
    """Rendered people of split train. size: (height, width). workers: processes; the bytes do not depend on them."""

    name: ClassVar[str] = "renderer"
    size: tuple[int, int]
    workers: int = 1

    def make(self, wanted: Numbers, clusters: PoseClusters, folder: Path, tell: Tell) -> tuple[Made, ...]:
        picked = pick_people(clusters, wanted, Split.TRAIN, self.seed, self.size, tell)
        render_chosen_people(
            list(picked),
            Split.TRAIN,
            self.seed,
            self.size,
            folder,
            self.workers,
            on_rendered=lambda done: tell("Rendering", done, len(picked)),
        )
        return tuple(
            Made(f"{index:06d}_0.jpg", cluster, f"person {index} of split train, seed {self.seed}")
            for index, cluster in picked.items()
        )


def _unfilled(clusters: PoseClusters, wanted: Numbers, left: Numbers) -> str:
    cluster = int(left.argmax())
    return (
        f"Cluster {cluster} (hands: {clusters.hands(cluster)}) cannot be filled: it wants {wanted[cluster]} people, "
        f"{wanted[cluster] - left[cluster]} were found, and then nobody among {_FRUITLESS_DRAWS} more. The renderer "
        "hardly draws this pose: take fewer --clusters, a smaller --count, or another --reference."
    )
