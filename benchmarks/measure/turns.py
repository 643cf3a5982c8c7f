"""Forms of one thing timed beside each other: each takes its turn in a process of its own, round after round.

A ratio is the median over the rounds of that round's ratio: a slow minute of the machine slows both.
"""

import statistics
from collections.abc import Callable, Mapping, Sequence

from benchmarks.measure.process import Measurement, Part, measure
from dmvton_mobile.targets import Target

Turns = list[Measurement]


def take_turns(
    target: Target,
    forms: Mapping[str, Sequence[Part]],
    *,
    threads: int,
    rounds: int,
    runs: int,
    on_step: Callable[[str], None],
) -> dict[str, Turns]:
    """A measurement a round for each form by its name. forms: the parts of each, the last of which is timed. runs: that
    count, in a turn. on_step: told what is measured."""
    turns: dict[str, Turns] = {name: [] for name in forms}
    for number in range(1, rounds + 1):
        for name, parts in forms.items():
            on_step(f"{target} {name}, turn {number} of {rounds}")
            turns[name].append(measure(target, parts, threads=threads, runs=runs))
    return turns


def median_ms(turns: Turns) -> float | None:
    """None where nothing was measured; so below."""
    return statistics.median(measured.median_ms for measured in turns) if turns else None


def median_ratio(turns: Turns, others: Turns) -> float | None:
    """Of the times, this form's to the other's."""
    ratios = [own.median_ms / other.median_ms for own, other in zip(turns, others, strict=True)]
    return statistics.median(ratios) if ratios else None


def median_growth(turns: Turns) -> int | None:
    """Bytes; None where the system does not tell."""
    known = [measured.growth_bytes for measured in turns if measured.growth_bytes is not None]
    return int(statistics.median(known)) if known else None
