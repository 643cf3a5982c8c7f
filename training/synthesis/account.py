"""A synthesis accounted for: what became of every cluster and every made person, as rows of the provenance."""

from collections.abc import Sequence

import numpy as np

from dmvton_mobile.datasets.layouts.viton import Viton
from training.synthesis.clusters import Numbers, PoseClusters
from training.synthesis.gaps import Gaps
from training.synthesis.judge import Judged
from training.synthesis.provenance import ClusterRow, MadePerson


def cluster_rows(
    clusters: PoseClusters, gaps: Gaps, wanted: Numbers, judged: Sequence[Judged]
) -> tuple[ClusterRow, ...]:
    """A row per cluster, in their order."""
    made = np.bincount([item.made.cluster for item in judged if item.place is not None], minlength=len(clusters))
    kept = np.bincount([item.made.cluster for item in judged if item.reason is None], minlength=len(clusters))
    after = (gaps.people + kept) / (gaps.people + kept).sum()
    rows = []
    for cluster in range(len(clusters)):
        rows.append(
            ClusterRow(
                cluster=cluster, hands=clusters.hands(cluster),
                reference_share=float(gaps.reference[cluster]),
                people=int(gaps.people[cluster]), share=float(gaps.shares[cluster]),
                wanted=int(wanted[cluster]), made=int(made[cluster]), kept=int(kept[cluster]),
                share_after=float(after[cluster]),
            )
        )  # fmt: skip
    return tuple(rows)


def made_person(item: Judged, dataset: Viton, prefix: str) -> MadePerson:
    """What became of one made person. dataset: of all of them; prefix: before the names of the kept ones' files."""
    kept = item.reason is None
    name = garment = pose = None
    if item.place is not None:
        pair = dataset.pairs[item.place]
        path = dataset.person_files(pair).pose
        assert path is not None  # phase train has one for everybody
        rows = dataset.read_pose(path, dataset.size).tolist()
        pose = " ".join(f"{x:.0f},{y:.0f}" if confidence > 0 else "-" for x, y, confidence in rows)
        if kept:
            name, garment = prefix + pair.person, prefix + pair.garment
    return MadePerson(
        name=name, garment=garment, source=item.made.source, cluster=item.made.cluster, pose=pose,
        agreement_db=item.agreement_db, kept=kept, reason=item.reason,
    )  # fmt: skip
