"""Two rendered sets to try a lack of poses on: `python -m training.synthesis.rare_poses --out DIR`.

The renderer's poses are put into clusters; the rarest clusters that together hold about `--share` of the people are
rare. Written are

    DIR/common      phase train, split train, seed 0: nobody in a rare pose
    DIR/rare        phase test, split test, seed 0: everybody in a rare pose
    DIR/poses.json  the clusters, and which are rare

so that a network can be trained without rare poses, and again with those that `dmvton data synthesise` makes, and both
be evaluated on people in rare poses whom neither has seen. Splits are told apart inside the renderer's seeds.
"""

import argparse
from collections.abc import Sequence
from itertools import islice
from pathlib import Path
from typing import Literal

import numpy as np
from rich.console import Console
from rich.table import Table

from dmvton_mobile.contract import DEFAULT_SIZE, parse_size, size_text
from dmvton_mobile.datasets.procedural.people import VERSION, Split
from dmvton_mobile.records.base import Record, Strict, record_json
from dmvton_mobile.utils.files import atomic_folder
from dmvton_mobile.utils.progress import progress_bar
from training.synthesis.clusters import USUAL_COUNT, PoseClusters, fit_clusters
from training.synthesis.poses import Joints
from training.synthesis.rendered import drawn_clusters, render_chosen_people, renderer_poses

SEED = 0


class Cluster(Strict):
    """hands: in words. share: of the renderer's people. people: that were rendered in these poses."""

    cluster: int
    hands: str
    share: float
    rare: bool
    people: int


class PosesRecord(Record):
    """`poses.json`. seed: of both sets."""

    schema_version: Literal[1] = 1
    renderer_version: int = VERSION
    seed: int
    height: int
    width: int
    clusters: tuple[Cluster, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="the folder to write; must be new")
    parser.add_argument("--people", type=int, default=2000, help="in common")
    parser.add_argument("--test", type=int, default=256, help="in rare")
    parser.add_argument("--share", type=float, default=0.15, help="of all people who are in rare poses")
    parser.add_argument("--clusters", type=int, default=USUAL_COUNT)
    parser.add_argument("--size", type=parse_size, default=DEFAULT_SIZE, help=f"default {size_text(DEFAULT_SIZE)}")
    parser.add_argument("--workers", type=int, default=1, help="processes; the bytes do not depend on them")
    chosen = parser.parse_args(arguments)
    with progress_bar("Drawing poses") as bar:
        poses = renderer_poses(tell=lambda what, done, total: bar.show(done, total=total, what=what))
    clusters = fit_clusters(poses, chosen.clusters)
    shares = clusters.count(poses.joints) / len(poses)
    rare = rarest(shares, chosen.share)
    everyday = frozenset(range(len(clusters))) - rare
    with atomic_folder(chosen.out) as folder:
        common = _write(clusters, everyday, Split.TRAIN, chosen.people, chosen.size, folder / "common", chosen.workers)
        held_out = _write(clusters, rare, Split.TEST, chosen.test, chosen.size, folder / "rare", chosen.workers)
        rows = []
        for cluster in range(len(clusters)):
            rows.append(
                Cluster(
                    cluster=cluster, hands=clusters.hands(cluster), share=float(shares[cluster]),
                    rare=cluster in rare, people=[*common.values(), *held_out.values()].count(cluster),
                )
            )  # fmt: skip
        height, width = chosen.size
        record = PosesRecord(seed=SEED, height=height, width=width, clusters=tuple(rows))
        (folder / "poses.json").write_text(record_json(record), encoding="utf-8")
    Console().print(_table(record))
    held = sum(row.share for row in record.clusters if row.rare)
    print(f"Wrote {chosen.out}: common, {len(common)} people; rare, {len(held_out)} people in {held:.1%} of the poses.")


def rarest(shares: Joints, share: float) -> frozenset[int]:
    """The rarest clusters, as many as come nearest to holding this share of the people together; never all of them."""
    order = np.argsort(shares, kind="stable")
    held = np.cumsum(shares[order])[:-1]
    return frozenset(order[: int(np.abs(held - share).argmin()) + 1].tolist())


def _write(
    clusters: PoseClusters,
    wanted: frozenset[int],
    split: Split,
    people: int,
    size: tuple[int, int],
    out: Path,
    workers: int,
) -> dict[int, int]:
    """Renders the first people of the split whose poses are in the wanted clusters: index -> cluster."""
    drawn = drawn_clusters(clusters, split, SEED, size)
    with progress_bar(f"Choosing {out.name}", people) as bar:
        picked: dict[int, int] = {}
        for index, cluster in islice(((index, found) for index, found in drawn if found in wanted), people):
            assert cluster is not None  # it is wanted
            picked[index] = cluster
            bar.show(len(picked))
    with progress_bar(f"Rendering {out.name}", people) as bar:
        render_chosen_people(list(picked), split, SEED, size, out, workers, on_rendered=bar.show)
    return picked


def _table(record: PosesRecord) -> Table:
    table = Table("cluster", "hands", "share", "rendered in", "people")
    for row in record.clusters:
        where = "rare" if row.rare else "common"
        table.add_row(str(row.cluster), row.hands, f"{row.share:.1%}", where, str(row.people))
    return table


if __name__ == "__main__":
    main()
