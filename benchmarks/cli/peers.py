"""`dmvton bench peers`: the papers' networks and ours beside each other, as a table in Markdown."""

from typing import Annotated

import typer
from rich import box
from rich.table import Table

from benchmarks.cli.tables import print_table
from benchmarks.report.tables import megabytes, number
from benchmarks.studies.peers import Peer, PeerVariant, describe_peers, measure_peers, peer_names
from benchmarks.studies.variants import MEASURED_TARGETS
from dmvton_mobile.cli.options import Rounds, Runs, Threads
from dmvton_mobile.errors import CheckFailed, UnknownName
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.build import machine_description
from dmvton_mobile.utils.progress import progress_bar


class NotMeasured(CheckFailed):
    """Variants that could not be exported or measured."""


def peers_command(
    network: Annotated[
        list[str] | None, typer.Option(help="Network. Repeatable. Default: all parser-free ones.")
    ] = None,
    target: Annotated[
        list[Target] | None, typer.Option(help="Target: tflite, executorch or onnx. Repeatable. Default: all three.")
    ] = None,
    threads: Threads = 2,
    rounds: Rounds = 3,
    runs: Runs = 10,
) -> None:
    """Measure the papers' networks and dmvton-lite: MACs, weights, latency and memory.

    Each network is measured twice: as a baseline conversion and as our conversion. Prints tables in Markdown.

    Example: dmvton bench peers --network dmvton-student --target onnx
    """
    known = peer_names()
    for name in network or ():
        if name not in known:
            raise UnknownName("network without a parser", name, known)
    names, targets = network or known, target or list(MEASURED_TARGETS)
    for each in targets:
        if each not in MEASURED_TARGETS:
            raise UnknownName("runtime for peers", str(each), [str(every) for every in MEASURED_TARGETS])
    peers = {peer.network: peer for peer in describe_peers(names)}
    variants: list[PeerVariant] = []
    with progress_bar("Measuring") as bar:
        for each in targets:
            variants += measure_peers(each, names, threads=threads, rounds=rounds, runs=runs, on_step=bar.describe)
    typer.echo(
        f"{machine_description()}; {threads} threads, {rounds} rounds of {runs} runs, 256x192, batch 1, float32."
    )
    print_table(_weights_table(list(peers.values())))
    print_table(_table(variants))
    if failed := [each for each in variants if each.failure]:
        lines = [f"{each.target} {each.network} {each.name}: {each.failure}" for each in failed]
        raise NotMeasured("\n".join(["Not measured:", *lines]))


def _weights_table(peers: list[Peer]) -> Table:
    table = Table("network", "weights MB", "GMAC, a new garment", "GMAC, a frame", box=box.MARKDOWN)
    for peer in peers:
        macs = (number(count / 1e9, 2) for count in (peer.whole_macs, peer.frame_macs))
        table.add_row(peer.network, megabytes(peer.weight_bytes), *macs)
    return table


def _table(variants: list[PeerVariant]) -> Table:
    table = Table(
        "runtime", "network", "variant", "file MB", "ms", "RSS delta MB", "latency", "memory", box=box.MARKDOWN
    )
    for each in variants:
        ratios = (f"{value:.1f}x" if value else "-" for value in (each.latency, each.memory))
        cells = (megabytes(each.file_bytes), number(each.median_ms), megabytes(each.rss_delta_bytes, 0), *ratios)
        table.add_row(each.target, each.network, each.name, *cells)
    return table
