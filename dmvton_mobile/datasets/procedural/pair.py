"""One rendered pair: a person in a garment, the garment's picture, and the same person in another garment."""

from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from dmvton_mobile.datasets.procedural.body.posed_body import Figure, pose_figure
from dmvton_mobile.datasets.procedural.garment.flat import FlatGarment, lay_flat
from dmvton_mobile.datasets.procedural.render import Rendering, render
from dmvton_mobile.datasets.procedural.scene.backdrop import paint_backdrop
from dmvton_mobile.datasets.procedural.scene.sampling import draw_garment, draw_person
from dmvton_mobile.datasets.procedural.seeds import Split, generator
from dmvton_mobile.errors import DmvtonError


@dataclass(frozen=True)
class People:
    """A set of rendered people: all that a pair's pixels depend on, but for its index.

    photos: backgrounds to draw from, beside the renderer's own. chosen: the people's indices, ascending; None for all
    from 0 on. Raises DmvtonError for a set of fewer than two.
    """

    split: Split
    seed: int
    count: int
    size: tuple[int, int]
    photos: tuple[Path, ...] = ()
    chosen: tuple[int, ...] | None = None

    def __post_init__(self) -> None:
        if self.count < 2:
            raise DmvtonError("Render two people or more: each is also shown in another one's garment.")
        assert self.chosen is None or len(self.chosen) == len(set(self.chosen)) == self.count
        assert self.chosen is None or list(self.chosen) == sorted(self.chosen)

    @property
    def indices(self) -> Sequence[int]:
        return range(self.count) if self.chosen is None else self.chosen

    def other(self, index: int) -> int:
        """Whose garment person `index` is shown in besides their own: the next one's."""
        return self.indices[(bisect_left(self.indices, index) + 1) % self.count]


@dataclass(frozen=True)
class Pair:
    """paired: in the garment they came in; unpaired: in the other one."""

    index: int
    figure: Figure
    garment: FlatGarment
    paired: Rendering
    unpaired: Rendering


def render_pairs(people: People, indices: Sequence[int]) -> Iterator[Pair]:
    """The pairs of the indices; neighbours share the garment that both of them are shown in."""
    laid: dict[int, FlatGarment] = {}
    for index in indices:
        wanted = (index, people.other(index))
        laid = {number: laid.get(number) or _garment(people, number) for number in wanted}
        person = draw_person(generator(people.split, people.seed, index, "person"), bool(people.photos))
        figure = pose_figure(person, people.size)
        backdrop = paint_backdrop(person.room, people.size, people.photos)
        own, other = (render(figure, laid[number], backdrop) for number in wanted)
        yield Pair(index, figure, laid[index], own, other)


def _garment(people: People, index: int) -> FlatGarment:
    return lay_flat(draw_garment(generator(people.split, people.seed, index, "garment")), people.size)


def pose_keypoints(pair: Pair) -> NDArray[np.float32]:
    """float32 [18, 3]: x, y in pixels and confidence; zeros for a keypoint outside the picture."""
    return figure_keypoints(pair.figure)


def figure_keypoints(figure: Figure) -> NDArray[np.float32]:
    """The same of a figure that is not rendered."""
    height, width = figure.size
    points = figure.keypoints
    inside = (points >= 0).all(1) & (points[:, 0] <= width - 1) & (points[:, 1] <= height - 1)
    return (np.concatenate([points, np.full((18, 1), 0.9)], 1) * inside[:, None]).astype(np.float32)
