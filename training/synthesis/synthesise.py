"""The whole way: measure the poses, draw for the gaps, make people, let the teacher judge, write those it agrees with.

What is written is an ordinary dataset in VITON's layout, with `provenance.json` beside it; all of it or nothing.
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
from training.synthesis.account import cluster_rows, made_person
from training.synthesis.clusters import fit_clusters
from training.synthesis.gaps import measure_gaps
from training.synthesis.join import Part, has_truth, join
from training.synthesis.judge import Judge, Judged
from training.synthesis.maker import Maker, Tell, silent
from training.synthesis.poses import Poses, poses_of
from training.synthesis.provenance import PROVENANCE, PoseSource, Provenance, Teacher, rendered_seeds
from training.synthesis.rendered import Renderer

_WORK = ".made"


@dataclass(frozen=True)
class Reference:
    """What poses there should be. digest: of the dataset they are of; None for the renderer's."""

    name: str
    digest: str | None
    poses: Poses


@dataclass(frozen=True)
class Synthesis:
    """data: phase train of the dataset to fill up. clusters: how many. count: people to make. out: the folder to write,
    new. threshold_db: of the teacher's agreement; None for what nine in ten of the dataset's own people reach.
    with_source: write the dataset's own people beside the made ones."""

    data: TryOnDataset
    reference: Reference
    clusters: int
    count: int
    maker: Maker
    judge: Judge
    out: Path
    threshold_db: float | None = None
    with_source: bool = False


def synthesise(plan: Synthesis, tell: Tell = silent) -> Provenance:
    """Writes plan.out and returns its provenance. Raises DmvtonError, naming what to change, leaving nothing."""
    source, seeds = _source(plan), _seeds(plan)
    plan.data.read_picture(plan.data.person_files(plan.data.pairs[0]).picture)  # of another size, it says so now
    with atomic_folder(plan.out) as folder:
        data = poses_of(plan.data)
        clusters = fit_clusters(plan.reference.poses, plan.clusters)
        gaps = measure_gaps(clusters, plan.reference.poses, data)
        wanted = gaps.fill(plan.count)
        threshold = plan.judge.usual_bound(plan.data, tell) if plan.threshold_db is None else plan.threshold_db
        made = plan.maker.make(wanted, clusters, folder / _WORK, tell)
        dataset = Viton(folder / _WORK, Phase.TRAIN, plan.data.size)
        judged = plan.judge.judge(made, dataset, threshold, tell)
        places = [item.place for item in judged if item.place is not None and item.reason is None]
        if not places:
            raise DmvtonError(_nobody(judged, threshold))
        parts = [*source, Part(dataset, places, prefix := f"made{plan.maker.seed}_")]
        join(parts, folder)
        provenance = Provenance(
            dmvton_mobile_version=dmvton_mobile.__version__,
            maker=plan.maker.name,
            commands=plan.maker.commands(),
            seed=plan.maker.seed,
            height=plan.data.size[0],
            width=plan.data.size[1],
            data=_described(plan.data.root.resolve().name, dataset_digest(plan.data.root), data),
            reference=_described(plan.reference.name, plan.reference.digest, plan.reference.poses),
            teacher=_teacher(plan.judge),
            threshold_db=threshold,
            threshold_origin="usual" if plan.threshold_db is None else "given",
            with_source=plan.with_source,
            truth=all(map(has_truth, parts)),
            rendered_seeds=tuple(sorted(seeds)),
            clusters=cluster_rows(clusters, gaps, wanted, judged),
            people=tuple(made_person(item, dataset, prefix) for item in judged),
        )
        (folder / PROVENANCE).write_text(record_json(provenance), encoding="utf-8")
        shutil.rmtree(folder / _WORK)
    return provenance


def _source(plan: Synthesis) -> list[Part]:
    if not plan.with_source:
        return []
    if not isinstance(plan.data, Viton):
        raise DmvtonError(
            f"{plan.data.root} has the layout {plan.data.layout}; --with-source links files of the layout viton only. "
            "Leave it out."
        )
    return [Part(plan.data, range(len(plan.data)))]


def _seeds(plan: Synthesis) -> set[int]:
    """Those of the rendered people that are written. Raises DmvtonError where made people could be the dataset's."""
    used = rendered_seeds(plan.data.root)
    own = {plan.maker.seed} if isinstance(plan.maker, Renderer) else set()
    if own & used:
        raise DmvtonError(
            f"{plan.data.root} was rendered with seed {plan.maker.seed}, so people of its own could be made again. "
            "Choose another --seed."
        )
    return own | (used if plan.with_source else set())


def _nobody(judged: Sequence[Judged], threshold: float) -> str:
    known = [item.agreement_db for item in judged if item.agreement_db is not None]
    best = f"the best reached {max(known):.2f} dB" if known else "none of them shows a garment"
    return (
        f"The teacher agrees with nobody of {len(judged)} made people: {best}, the threshold is {threshold:.2f} dB. "
        "Look at the teacher's own figures (dmvton evaluate), or pass a lower --threshold."
    )


def _teacher(judge: Judge) -> Teacher:
    teacher = judge.teacher
    return Teacher(name=teacher.name, weights_sha256=teacher.identity, trained=teacher.trained)


def _described(name: str, digest: str | None, poses: Poses) -> PoseSource:
    return PoseSource(name=name, digest=digest, people=len(poses), torsoless=len(poses.torsoless))
