"""The papers' networks and ours against each other: same weights, three variants each, all in one run.

`baseline`: the whole network, as its exporter converts it as it is written. `whole`: the same, lowered by us. `frame`:
one frame of a live view, lowered by us, with the garment's features prepared before. Every variant is measured in a
process of its own; the variants of a runtime are measured in interleaved rounds. Weights are seeded: neither latency
nor memory depends on them. `dmvton bench peers` prints the tables.
"""

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch.utils.flop_counter import FlopCounterMode

from benchmarks.measure.interleaved import (
    Measurement,
    measure_components,
    median_ms,
    median_ratio,
    median_rss_delta,
)
from benchmarks.studies.variants import Variant, export_baseline, export_lowered
from dmvton_mobile.checkpoints.checkpoint import weight_bytes
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.errors import DmvtonError, printable
from dmvton_mobile.networks import TryOnNetwork, default_config, network_names, seeded_network
from dmvton_mobile.targets import Target
from dmvton_mobile.utils.progress import StepCallback

BASELINE = "baseline"
LOWERED = {"whole": Component.WHOLE, "frame": Component.TRYON}
VARIANTS = (BASELINE, *LOWERED)
Key = tuple[str, str]  # network, variant


@dataclass(frozen=True)
class Peer:
    """What a network weighs and computes.

    Attributes:
        network: Its name.
        weight_bytes: Of parameters and buffers.
        whole_macs: See `whole_macs`, at 256x192.
        frame_macs: See `frame_macs`, at 256x192.
    """

    network: str
    weight_bytes: int
    whole_macs: int
    frame_macs: int


@dataclass(frozen=True)
class PeerVariant:
    """Figures of one variant of a network; None for what was not measured.

    Attributes:
        network: Its name.
        target: The runtime.
        name: Of the variant: `baseline`, `whole` or `frame`.
        file_bytes: Of the artifact.
        median_ms: Latency, the median over the rounds.
        rss_delta_bytes: See `Measurement`; the median over the rounds.
        latency: How many times faster than the network's baseline.
        memory: How many times smaller the RSS delta is than the baseline's.
        failure: Why it was not measured.
    """

    network: str
    target: Target
    name: str
    file_bytes: int | None = None
    median_ms: float | None = None
    rss_delta_bytes: int | None = None
    latency: float | None = None
    memory: float | None = None
    failure: str | None = None


def peer_names() -> list[str]:
    """The networks that need no human parser, so that they can run on a phone."""
    return [name for name in network_names() if default_config(name).parser_free]


def describe_peers(names: Sequence[str]) -> list[Peer]:
    """Weights and MACs of the networks."""
    networks = [seeded_network(name) for name in names]
    return [
        Peer(name, weight_bytes(network), whole_macs(network, DEFAULT_SIZE), frame_macs(network, DEFAULT_SIZE))
        for name, network in zip(names, networks, strict=True)
    ]


def frame_macs(network: TryOnNetwork, size: tuple[int, int]) -> int:
    """Multiply-accumulates of a live view's frame, the garment's features prepared before.

    Args:
        network: What is counted: its convolutions and products of matrices, as papers do.
        size: Height and width of the pictures.
    """
    picture = torch.zeros(1, 3, *size)
    with torch.no_grad():
        features = network.encode_garment(picture, picture[:, :1])
    return _count_macs(lambda: network(picture, garment_features=features))


def whole_macs(network: TryOnNetwork, size: tuple[int, int]) -> int:
    """Multiply-accumulates of a try-on with a new garment; arguments as of `frame_macs`."""
    picture = torch.zeros(1, 3, *size)
    return _count_macs(lambda: network(picture, garment_features=network.encode_garment(picture, picture[:, :1])))


def _count_macs(run: Callable[[], object]) -> int:
    with torch.no_grad(), FlopCounterMode(display=False) as counter:
        run()
    return int(counter.get_total_flops()) // 2


def measure_peers(
    target: Target, names: Sequence[str], *, threads: int, rounds: int, runs: int, on_step: StepCallback
) -> list[PeerVariant]:
    """Exports and measures every variant of the networks in the target's runtime.

    A variant that its exporter cannot make, or that fails to run, has a failure; the others go on.

    Args:
        target: The runtime.
        names: Of the networks.
        threads: CPU threads of the runtime.
        rounds: How often each variant is measured.
        runs: Runs that count, in one measurement.
        on_step: Called before each export and measurement.

    Returns:
        The variants of each network, in the order of VARIANTS.
    """
    with tempfile.TemporaryDirectory() as folder:
        exported: dict[Key, Variant] = {}
        failures: dict[Key, str] = {}
        for name in names:
            on_step(f"Converting {name} for {target}")
            _export_variants(target, name, Path(folder, name), exported, failures)
        measured: dict[Key, list[Measurement]] = {key: [] for key in exported}
        for number in range(1, rounds + 1):
            for key in [key for key in exported if key not in failures]:
                on_step(f"Measuring {' '.join(key)} for {target}, round {number} of {rounds}")
                try:
                    component = exported[key].component
                    measured[key].append(measure_components(target, [component], threads=threads, runs=runs))
                except DmvtonError as error:
                    failures[key] = str(error)
        return [
            _figures(target, name, variant, exported.get((name, variant)), measured, failures.get((name, variant)))
            for name in names
            for variant in VARIANTS
        ]


def _export_variants(
    target: Target, name: str, folder: Path, exported: dict[Key, Variant], failures: dict[Key, str]
) -> None:
    folder.mkdir()
    network = seeded_network(name)
    for variant in VARIANTS:
        try:
            if variant == BASELINE:
                exported[name, variant] = export_baseline(target, folder, network)
            else:
                [exported[name, variant]] = export_lowered(target, folder, network, {variant: LOWERED[variant]})
        except Exception as error:  # other people's exporters raise what they like
            failures[name, variant] = printable(f"{type(error).__name__}: {error}")


def _figures(
    target: Target,
    network: str,
    name: str,
    variant: Variant | None,
    measured: dict[Key, list[Measurement]],
    failure: str | None,
) -> PeerVariant:
    file_bytes = None if variant is None else variant.path.stat().st_size
    own, baseline = measured.get((network, name), []), measured.get((network, BASELINE), [])
    if failure or not own:
        return PeerVariant(network, target, name, file_bytes, failure=failure or "not measured")
    rss_delta, baseline_rss_delta = median_rss_delta(own), median_rss_delta(baseline)
    return PeerVariant(
        network,
        target,
        name,
        file_bytes,
        median_ms(own),
        rss_delta,
        latency=median_ratio(baseline, own) if len(baseline) == len(own) else None,
        memory=baseline_rss_delta / rss_delta if baseline_rss_delta and rss_delta else None,
    )
