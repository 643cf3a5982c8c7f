"""Two rendered datasets for a study of lacking poses: `python -m training.synthesis.rare_poses --out DIR`.

The renderer's poses are sorted into clusters. The rarest clusters that together have about `--share` of the people are
called rare. The study writes

    DIR/common      phase train, split train, seed 0: nobody is in a rare pose
    DIR/rare        phase test, split test, seed 0: everybody is in a rare pose
    DIR/poses.json  the clusters, and which are rare

A network can then be trained without rare poses, and again with those that `dmvton data synthesise` makes, and both be
evaluated on people in rare poses whom neither has seen: no person of split train is in split test.
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
from training.synthesis.clusters import DEFAULT_CLUSTERS, PoseClusters, fit_clusters
from training.synthesis.poses import FloatArray
from training.synthesis.renderer import render_chosen_people, renderer_poses, sampled_clusters

SEED = 0


class RenderedCluster(Strict):
    """One cluster of poses.

    Attributes:
        cluster: Its number.
        hands: Where the hands are, in words.
        share: Its share of the renderer's people.
        rare: Whether its people are in DIR/rare.
        people: The number of people rendered in these poses.
    """

    cluster: int
    hands: str
    share: float
    rare: bool
    people: int


class PosesRecord(Record):
    """`poses.json`.

    Attributes:
        renderer_version: The version of the renderer.
        seed: The seed of both datasets.
        height: The height of the pictures.
        width: Their width.
        clusters: All clusters.
    """

    schema_version: Literal[1] = 1
    renderer_version: int = VERSION
    seed: int
    height: int
    width: int
    clusters: tuple[RenderedCluster, ...]


def main(arguments: Sequence[str] | None = None) -> None:
    """Renders both datasets; see the top of the module."""
    options = _parser().parse_args(arguments)
    with progress_bar("Sampling poses") as bar:
        poses = renderer_poses(on_progress=lambda step, done, total: bar.show(done, total=total, what=step))
    clusters = fit_clusters(poses, options.clusters)
    shares = clusters.count(poses.joints) / len(poses)
    rare = rarest_clusters(shares, options.share)
    common = frozenset(range(len(clusters))) - rare
    with atomic_folder(options.out) as folder:
        common_people = _render(
            clusters, common, Split.TRAIN, options.people, options.size, folder / "common", options.workers
        )
        rare_people = _render(clusters, rare, Split.TEST, options.test, options.size, folder / "rare", options.workers)
        clusters_of_people = [*common_people.values(), *rare_people.values()]
        height, width = options.size
        rows = tuple(
            RenderedCluster(
                cluster=cluster,
                hands=clusters.describe_hands(cluster),
                share=float(shares[cluster]),
                rare=cluster in rare,
                people=clusters_of_people.count(cluster),
            )
            for cluster in range(len(clusters))
        )
        record = PosesRecord(seed=SEED, height=height, width=width, clusters=rows)
        (folder / "poses.json").write_text(record_json(record), encoding="utf-8")
    Console().print(_table(record))
    rare_share = sum(row.share for row in record.clusters if row.rare)
    print(
        f"Wrote {options.out}: common, {len(common_people)} people; rare, {len(rare_people)} people in "
        f"{rare_share:.1%} of the poses."
    )


def rarest_clusters(shares: FloatArray, share: float) -> frozenset[int]:
    """The rarest clusters, as many as come nearest to this share of the people together; never all of them."""
    order = np.argsort(shares, kind="stable")
    summed = np.cumsum(shares[order])[:-1]
    return frozenset(order[: int(np.abs(summed - share).argmin()) + 1].tolist())


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, required=True, help="output folder; must not exist")
    parser.add_argument("--people", type=int, default=2000, help="people in common (default: 2000)")
    parser.add_argument("--test", type=int, default=256, help="people in rare (default: 256)")
    parser.add_argument("--share", type=float, default=0.15, help="share of rare poses (default: 0.15)")
    parser.add_argument(
        "--clusters", type=int, default=DEFAULT_CLUSTERS, help=f"clusters of poses (default: {DEFAULT_CLUSTERS})"
    )
    parser.add_argument(
        "--size", type=parse_size, default=DEFAULT_SIZE, help=f"HEIGHTxWIDTH (default: {size_text(DEFAULT_SIZE)})"
    )
    parser.add_argument(
        "--workers", type=int, default=1, help="processes; the output does not depend on them (default: 1)"
    )
    return parser


def _render(
    clusters: PoseClusters,
    wanted: frozenset[int],
    split: Split,
    people: int,
    size: tuple[int, int],
    out: Path,
    workers: int,
) -> dict[int, int]:
    """Renders the first people of the split whose poses are in the wanted clusters: number of the person -> cluster."""
    sampled = sampled_clusters(clusters, split, SEED, size)
    with progress_bar(f"Choosing {out.name}", people) as bar:
        chosen: dict[int, int] = {}
        for index, cluster in islice(((index, found) for index, found in sampled if found in wanted), people):
            assert cluster is not None  # it is wanted
            chosen[index] = cluster
            bar.show(len(chosen))
    with progress_bar(f"Rendering {out.name}", people) as bar:
        render_chosen_people(list(chosen), split, SEED, size, out, workers, on_rendered=bar.show)
    return chosen


def _table(record: PosesRecord) -> Table:
    table = Table("cluster", "hands", "share", "rendered in", "people")
    for row in record.clusters:
        where = "rare" if row.rare else "common"
        table.add_row(str(row.cluster), row.hands, f"{row.share:.1%}", where, str(row.people))
    return table


if __name__ == "__main__":
    main()
