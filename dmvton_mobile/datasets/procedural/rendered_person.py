"""One rendered person in two garments: their own, and the next person's."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from dmvton_mobile.datasets.procedural.body.posed_body import PosedBody, pose_body
from dmvton_mobile.datasets.procedural.garment.flat import FlatGarment, lay_flat
from dmvton_mobile.datasets.procedural.people import People, scene_rng
from dmvton_mobile.datasets.procedural.render import Rendering, render
from dmvton_mobile.datasets.procedural.scene.backdrop import paint_backdrop
from dmvton_mobile.datasets.procedural.scene.sampling import sample_garment, sample_person


@dataclass(frozen=True)
class RenderedPerson:
    """A person in their own garment and in another one.

    Attributes:
        index: The person's number within their split.
        posed_body: Their skeleton and body, the same in both pictures.
        garment: Their own garment, laid flat.
        paired: The person in their own garment.
        unpaired: The person in the next person's garment.
    """

    index: int
    posed_body: PosedBody
    garment: FlatGarment
    paired: Rendering
    unpaired: Rendering


def render_people(people: People, indices: Sequence[int]) -> Iterator[RenderedPerson]:
    """Renders the people of the indices, one by one; neighbours share the garment that both of them wear."""
    flat: dict[int, FlatGarment] = {}
    for index in indices:
        worn = (index, people.garment_donor(index))
        flat = {owner: flat.get(owner) or _flat_garment(people, owner) for owner in worn}
        person = sample_person(scene_rng(people.split, people.seed, index, "person"), bool(people.photos))
        posed = pose_body(person, people.size)
        backdrop = paint_backdrop(person.room, people.size, people.photos)
        paired, unpaired = (render(posed, flat[owner], backdrop) for owner in worn)
        yield RenderedPerson(index, posed, flat[index], paired, unpaired)


def _flat_garment(people: People, owner: int) -> FlatGarment:
    return lay_flat(sample_garment(scene_rng(people.split, people.seed, owner, "garment")), people.size)
