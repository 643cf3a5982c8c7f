"""`provenance.json` beside a synthesised dataset: where its people come from, and a summary of clusters and people."""

from collections.abc import Sequence
from pathlib import Path
from typing import Literal

import numpy as np

from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.datasets.procedural.people import VERSION, Split
from dmvton_mobile.datasets.procedural.writer import RECORD, RenderRecord
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import Record, Sha256, Strict, parse_record
from training.synthesis.clusters import PoseClusters, PoseGaps
from training.synthesis.poses import IntArray
from training.synthesis.quality_filter import FilteredPerson

PROVENANCE = "provenance.json"


class PoseSource(Strict):
    """A dataset, or the renderer, whose poses were measured.

    Attributes:
        name: The name of the dataset's folder, or what the renderer's poses are called.
        digest: The SHA-256 of all files of the dataset; None for the renderer's own poses.
        people: The number of people in a cluster.
        torsoless: The number of people in no cluster, because their neck or hips are not found.
    """

    name: str
    digest: Sha256 | None
    people: int
    torsoless: int


class TeacherIdentity(Strict):
    """The network that verified the people.

    Attributes:
        name: The name of its checkpoint.
        weights_sha256: The digest of its weights.
        trained: Whether it is trained.
    """

    name: str
    weights_sha256: Sha256
    trained: bool


class ClusterRow(Strict):
    """One cluster of poses.

    Attributes:
        cluster: Its number.
        hands: Where the hands are, in words.
        reference_share: Its share of the reference.
        people: The number of people of the dataset before.
        share: Their share of the dataset before.
        wanted: The number of people to make.
        made: The number of people made.
        kept: The number of these that were kept.
        share_after: The share with those that were kept.
    """

    cluster: int
    hands: str
    reference_share: float
    people: int
    share: float
    wanted: int
    made: int
    kept: int
    share_after: float


class PersonRow(Strict):
    """One generated person.

    Attributes:
        name: The file of the person in this dataset; None for one not kept.
        garment: The file of the garment; None for a person not kept.
        source: What the person was made of, in words.
        cluster: The cluster of the pose.
        pose: The 18 keypoints, "x,y" in whole pixels, "-" for one not in the picture; None where making failed.
        agreement_db: The agreement of the teacher's try-on with the person, where the garment is.
        kept: Whether the person is in this dataset.
        reason: Why not, in words.
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

    Attributes:
        dmvton_mobile_version: The version of this package.
        renderer_version: The version of the renderer.
        maker: What made the people: "renderer" or "external generator".
        commands: The external programs, by option.
        seed: The random seed.
        height: The height of the pictures.
        width: Their width.
        data: The dataset whose gaps were filled.
        reference: The poses that it was compared with.
        teacher: The network that verified the people.
        threshold_db: The least agreement at which a person was kept.
        threshold_origin: "given", or "usual" for what nine in ten of the dataset's own people reach.
        with_source: Whether the dataset's own people are in here as well.
        truth: Whether the try-on of everybody is known.
        rendered_seeds: The seeds of split train of all rendered people in here; another synthesis needs another seed.
        clusters: All clusters.
        people: All people that were generated.
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
    teacher: TeacherIdentity
    threshold_db: float
    threshold_origin: Literal["given", "usual"]
    with_source: bool
    truth: bool
    rendered_seeds: tuple[int, ...]
    clusters: tuple[ClusterRow, ...]
    people: tuple[PersonRow, ...]


def cluster_rows(
    clusters: PoseClusters, gaps: PoseGaps, wanted: IntArray, people: Sequence[FilteredPerson]
) -> tuple[ClusterRow, ...]:
    """Summarises every cluster, in their order.

    Args:
        clusters: The K clusters.
        gaps: The gaps before.
        wanted: The number of people to make in each cluster, [K].
        people: Everybody who was generated.
    """
    made = np.bincount([each.person.cluster for each in people if each.index is not None], minlength=len(clusters))
    kept = np.bincount([each.person.cluster for each in people if each.kept], minlength=len(clusters))
    shares_after = (gaps.people + kept) / (gaps.people + kept).sum()
    return tuple(
        ClusterRow(
            cluster=cluster,
            hands=clusters.describe_hands(cluster),
            reference_share=float(gaps.reference_shares[cluster]),
            people=int(gaps.people[cluster]),
            share=float(gaps.shares[cluster]),
            wanted=int(wanted[cluster]),
            made=int(made[cluster]),
            kept=int(kept[cluster]),
            share_after=float(shares_after[cluster]),
        )
        for cluster in range(len(clusters))
    )


def person_row(filtered: FilteredPerson, dataset: Viton, prefix: str) -> PersonRow:
    """Summarises one generated person.

    Args:
        filtered: The person.
        dataset: The dataset of everybody who was generated.
        prefix: What comes before the file names of those who are kept.
    """
    name = garment = pose = None
    if filtered.index is not None:
        pair = dataset.pairs[filtered.index]
        path = dataset.person_files(pair).pose
        assert path is not None  # phase train has one for everybody
        keypoints = dataset.read_pose(path, dataset.size).tolist()
        pose = " ".join(f"{x:.0f},{y:.0f}" if confidence > 0 else "-" for x, y, confidence in keypoints)
        if filtered.kept:
            name, garment = prefix + pair.person, prefix + pair.garment
    return PersonRow(
        name=name,
        garment=garment,
        source=filtered.person.source,
        cluster=filtered.person.cluster,
        pose=pose,
        agreement_db=filtered.agreement_db,
        kept=filtered.kept,
        reason=filtered.reason,
    )


def rendered_seeds(root: Path) -> set[int]:
    """The seeds of split train of a dataset's rendered people, as far as its records name them."""
    seeds: set[int] = set()
    if (root / RECORD).exists():
        rendered = parse_record((root / RECORD).read_bytes(), RenderRecord, str(root / RECORD), DmvtonError)
        if rendered.split is Split.TRAIN:
            seeds.add(rendered.seed)
    if (root / PROVENANCE).exists():
        synthesised = parse_record((root / PROVENANCE).read_bytes(), Provenance, str(root / PROVENANCE), DmvtonError)
        seeds.update(synthesised.rendered_seeds)
    return seeds
