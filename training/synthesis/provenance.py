"""Where made people come from: `provenance.json` beside their dataset."""

from pathlib import Path
from typing import Literal

from dmvton_mobile.datasets.procedural.people import VERSION, Split
from dmvton_mobile.datasets.procedural.writer import RECORD, RenderRecord
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, Sha256, Strict, parse_record

PROVENANCE = "provenance.json"


class PoseSource(Strict):
    """Whose poses were measured. digest: of all files of the dataset, None for the renderer's own poses. people: those
    in a cluster; torsoless: those in none, whose neck or hips are not found.
    """

    name: str
    digest: Sha256 | None
    people: int
    torsoless: int


class Teacher(Strict):
    name: str
    weights_sha256: Sha256
    trained: bool


class ClusterRow(Strict):
    """One cluster of poses. hands: in words. people, share: of the dataset before; share_after: with the kept ones."""

    cluster: int
    hands: str
    reference_share: float
    people: int
    share: float
    wanted: int
    made: int
    kept: int
    share_after: float


class MadePerson(Strict):
    """name, garment: their files in this dataset, None for one not kept. source: what they were made of. pose: the 18
    keypoints they were made in, "x,y" in whole pixels, "-" for one not in the picture; None where making them failed.
    agreement_db: of the teacher's try-on with them, where the garment is. reason: why they were not kept.
    """

    name: str | None
    garment: str | None
    source: str
    cluster: int
    pose: str | None
    agreement_db: float | None
    kept: bool
    reason: str | None


class Provenance(Record):
    """`provenance.json`.

    commands: the user's programs that made the people, by option. threshold_origin: "given", or "usual": what nine in
    ten of the dataset's own people reach. with_source: whether these are in here, too. truth: whether the try-on of
    everybody is known. rendered_seeds: of split train, of all rendered people in here: another synthesis takes another.
    """

    schema_version: Literal[1] = 1
    dmvton_mobile_version: str
    renderer_version: int = VERSION
    maker: str
    commands: dict[str, str]
    seed: int
    height: int
    width: int
    data: PoseSource
    reference: PoseSource
    teacher: Teacher
    threshold_db: float
    threshold_origin: Literal["given", "usual"]
    with_source: bool
    truth: bool
    rendered_seeds: tuple[int, ...]
    clusters: tuple[ClusterRow, ...]
    people: tuple[MadePerson, ...]


def rendered_seeds(root: Path) -> set[int]:
    """The seeds of split train that a dataset's rendered people were drawn from, as far as its records say."""
    seeds: set[int] = set()
    if (root / RECORD).exists():
        rendered = parse_record((root / RECORD).read_bytes(), RenderRecord, str(root / RECORD), DmvtonError)
        if rendered.split is Split.TRAIN:
            seeds.add(rendered.seed)
    if (root / PROVENANCE).exists():
        made = parse_record((root / PROVENANCE).read_bytes(), Provenance, str(root / PROVENANCE), DmvtonError)
        seeds.update(made.rendered_seeds)
    return seeds
