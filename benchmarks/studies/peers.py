"""The papers' networks and ours beside each other: converted plainly and by us, same weights, all in one run.

Every form is a file that runs in a process of its own; the forms of a runtime take turns, round after round. plain: the
whole network as its exporter makes it of the network as it is written; whole: the same, lowered; frame: one frame of a
live view, the garment's features prepared before. Weights are seeded: neither time nor memory depends on them.
"""

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure.macs import frame_macs, whole_macs
from benchmarks.measure.process import measure
from benchmarks.measure.turns import Turns, median_growth, median_ms, median_ratio
from benchmarks.studies.forms import Candidate, lowered, plain
from dmvton_mobile.checkpoints.checkpoint import weight_bytes
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.errors import plain as plain_words
from dmvton_mobile.networks import TryOnNetwork, default_config, network_names, seeded_network
from dmvton_mobile.targets import Target

OURS = {"whole": Component.WHOLE, "frame": Component.TRYON}
FORMS = ("plain", *OURS)
Key = tuple[str, str]  # a network and a form
OnStep = Callable[[str], None]


@dataclass(frozen=True)
class Peer:
    """weight_bytes: of parameters and buffers. whole_macs, frame_macs: see `benchmarks.measure.macs`, at 256x192."""

    network: str
    weight_bytes: int
    whole_macs: int
    frame_macs: int


@dataclass(frozen=True)
class Form:
    """Medians over the rounds. latency, memory: how many times less than the same network's plain form; None where
    either was not measured, for which failure has the reason."""

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
    """The networks that need no parser, and so can run on a phone."""
    return [name for name in network_names() if default_config(name).parser_free]


def weigh_peers(names: Sequence[str]) -> list[Peer]:
    networks = [seeded_network(name) for name in names]
    return [
        Peer(name, weight_bytes(network), whole_macs(network, DEFAULT_SIZE), frame_macs(network, DEFAULT_SIZE))
        for name, network in zip(names, networks, strict=True)
    ]


def race_peers(
    target: Target, names: Sequence[str], *, threads: int, rounds: int, runs: int, on_step: OnStep
) -> list[Form]:
    """Every form of the networks in the target's runtime, in order. One that its exporter does not make, or that its
    process does not survive, has a failure, and the others go on."""
    with tempfile.TemporaryDirectory() as folder:
        made: dict[Key, Candidate] = {}
        failures: dict[Key, str] = {}
        for name in names:
            on_step(f"Converting {name} for {target}")
            place = Path(folder, name)
            place.mkdir()
            for form, candidate in _converted(target, place, seeded_network(name)):
                if isinstance(candidate, Candidate):
                    made[name, form] = candidate
                else:
                    failures[name, form] = candidate
        turns: dict[Key, Turns] = {key: [] for key in made}
        for number in range(1, rounds + 1):
            for key in [key for key in made if key not in failures]:
                on_step(f"Measuring {' '.join(key)} for {target}, turn {number} of {rounds}")
                try:
                    turns[key].append(measure(target, [made[key].part], threads=threads, runs=runs))
                except DmvtonError as error:
                    failures[key] = str(error)
        return [
            _form(target, name, form, made.get((name, form)), turns, failures.get((name, form)))
            for name in names
            for form in FORMS
        ]


def _converted(target: Target, folder: Path, network: TryOnNetwork) -> Iterator[tuple[str, Candidate | str]]:
    """Each form by its name, or why there is none."""
    for form in FORMS:
        made: Candidate | str
        try:
            made = plain(target, folder, network) if form == "plain" else _lowered(target, folder, network, form)
        except Exception as error:  # other people's exporters raise what they like
            made = plain_words(f"{type(error).__name__}: {error}")
        yield form, made


def _lowered(target: Target, folder: Path, network: TryOnNetwork, form: str) -> Candidate:
    [made] = lowered(target, folder, network, {form: OURS[form]})
    return made


def _form(
    target: Target,
    network: str,
    name: str,
    made: Candidate | None,
    turns: dict[Key, Turns],
    failure: str | None,
) -> Form:
    file_bytes = None if made is None else made.path.stat().st_size
    own, plainly = turns.get((network, name), []), turns.get((network, "plain"), [])
    if failure or not own:
        return Form(network, target, name, file_bytes, failure=failure or "not measured")
    growth, plain_growth = median_growth(own), median_growth(plainly)
    return Form(
        network,
        target,
        name,
        file_bytes,
        median_ms(own),
        growth,
        median_ratio(plainly, own) if len(plainly) == len(own) else None,
        plain_growth / growth if plain_growth and growth else None,
    )
