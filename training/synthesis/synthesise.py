"""The synthesis: measure the gaps, generate people for them, keep those that the teacher confirms, write a dataset.

The result is an ordinary dataset in VITON's layout, with `provenance.json` beside it; a failure leaves nothing.
"""

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import dmvton_mobile
from dmvton_mobile.datasets.dataset import Phase, TryOnDataset, dataset_digest
from dmvton_mobile.datasets.layouts.viton import Viton
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.records.base import record_json
from dmvton_mobile.utils.files import atomic_folder
from training.synthesis.clusters import fit_clusters, measure_gaps
from training.synthesis.join import DatasetPart, has_truth, join
from training.synthesis.people import PersonGenerator, ProgressCallback, no_progress
from training.synthesis.poses import Poses, dataset_poses
from training.synthesis.provenance import (
    PROVENANCE,
    PoseSource,
    Provenance,
    TeacherIdentity,
    cluster_rows,
    person_row,
    rendered_seeds,
)
from training.synthesis.quality_filter import FilteredPerson, QualityFilter

_GENERATED = ".made"  # the folder of everybody who is generated, until those who are kept are linked


@dataclass(frozen=True)
class PoseReference:
    """The poses that a dataset should have.

    Attributes:
        name: What they are called in the provenance.
        digest: The digest of the dataset that they come from; None for the renderer's.
        poses: The poses.
    """

    name: str
    digest: str | None
    poses: Poses


@dataclass(frozen=True)
class SynthesisPlan:
    """What to synthesise.

    Attributes:
        data: The dataset whose gaps are filled, phase train.
        reference: The poses that it should have.
        clusters: The number of clusters.
        count: The number of people to generate.
        generator: What generates them.
        quality_filter: What verifies them.
        out: The folder to write; new.
        threshold_db: The least agreement of the teacher; None for what nine in ten of the dataset's own people reach.
        with_source: Whether the dataset's own people are written as well.
    """

    data: TryOnDataset
    reference: PoseReference
    clusters: int
    count: int
    generator: PersonGenerator
    quality_filter: QualityFilter
    out: Path
    threshold_db: float | None = None
    with_source: bool = False


def synthesise(plan: SynthesisPlan, on_progress: ProgressCallback = no_progress) -> Provenance:
    """Writes the dataset of a plan.

    Args:
        plan: What to synthesise.
        on_progress: Called after every person of every step.

    Returns:
        The provenance, which is also written.

    Raises:
        DmvtonError: The plan cannot be carried out; nothing is left behind.
    """
    source_parts, seeds = _source_parts(plan), _seeds_of_rendered_people(plan)
    plan.data.read_picture(plan.data.person_files(plan.data.pairs[0]).picture)  # an error if it has another size
    with atomic_folder(plan.out) as folder:
        poses = dataset_poses(plan.data)
        clusters = fit_clusters(plan.reference.poses, plan.clusters)
        gaps = measure_gaps(clusters, plan.reference.poses, poses)
        wanted = gaps.allocate(plan.count)
        threshold_db = plan.threshold_db
        if threshold_db is None:
            threshold_db = plan.quality_filter.default_threshold_db(plan.data, on_progress)

        generated = plan.generator.generate(wanted, clusters, folder / _GENERATED, on_progress)
        dataset = Viton(folder / _GENERATED, Phase.TRAIN, plan.data.size)
        people = plan.quality_filter.apply(generated, dataset, threshold_db, on_progress)
        kept = [person.index for person in people if person.index is not None and person.kept]
        if not kept:
            raise DmvtonError(_nobody_kept(people, threshold_db))
        prefix = f"made{plan.generator.seed}_"
        parts = [*source_parts, DatasetPart(dataset, kept, prefix)]
        join(parts, folder)

        provenance = Provenance(
            dmvton_mobile_version=dmvton_mobile.__version__,
            maker=plan.generator.name,
            commands=plan.generator.commands(),
            seed=plan.generator.seed,
            height=plan.data.size[0],
            width=plan.data.size[1],
            data=_pose_source(plan.data.root.resolve().name, dataset_digest(plan.data.root), poses),
            reference=_pose_source(plan.reference.name, plan.reference.digest, plan.reference.poses),
            teacher=_teacher_identity(plan.quality_filter),
            threshold_db=threshold_db,
            threshold_origin="usual" if plan.threshold_db is None else "given",
            with_source=plan.with_source,
            truth=all(map(has_truth, parts)),
            rendered_seeds=tuple(sorted(seeds)),
            clusters=cluster_rows(clusters, gaps, wanted, people),
            people=tuple(person_row(person, dataset, prefix) for person in people),
        )
        (folder / PROVENANCE).write_text(record_json(provenance), encoding="utf-8")
        shutil.rmtree(folder / _GENERATED)
    return provenance


def _source_parts(plan: SynthesisPlan) -> list[DatasetPart]:
    if not plan.with_source:
        return []
    if not isinstance(plan.data, Viton):
        raise DmvtonError(
            f"{plan.data.root} has the layout {plan.data.layout}; --with-source links files of the layout viton only. "
            "Leave it out."
        )
    return [DatasetPart(plan.data, range(len(plan.data)))]


def _seeds_of_rendered_people(plan: SynthesisPlan) -> set[int]:
    """The seeds of the rendered people that are written; refuses to render the dataset's own people again."""
    used, new = rendered_seeds(plan.data.root), plan.generator.rendered_seeds()
    if new & used:
        raise DmvtonError(
            f"{plan.data.root} was rendered with seed {plan.generator.seed}, so people of its own could be made again. "
            "Choose another --seed."
        )
    return new | (used if plan.with_source else set())


def _nobody_kept(people: Sequence[FilteredPerson], threshold_db: float) -> str:
    known = [person.agreement_db for person in people if person.agreement_db is not None]
    best = f"the best reached {max(known):.2f} dB" if known else "none of them shows a garment"
    return (
        f"The teacher agrees with nobody of {len(people)} made people: {best}, the threshold is {threshold_db:.2f} dB. "
        "Look at the teacher's own figures (dmvton evaluate), or pass a lower --threshold."
    )


def _teacher_identity(quality_filter: QualityFilter) -> TeacherIdentity:
    teacher = quality_filter.teacher
    return TeacherIdentity(name=teacher.name, weights_sha256=teacher.identity, trained=teacher.trained)


def _pose_source(name: str, digest: str | None, poses: Poses) -> PoseSource:
    return PoseSource(name=name, digest=digest, people=len(poses), torsoless=len(poses.torsoless))
