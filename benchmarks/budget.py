"""Four numbers called footprint, never mixed, each against its budget.

parameters: parameters and buffers of the network, as the papers count their "37 MB". files, download: the artifacts,
and the same deflated. arena: activations, where a runtime tells. RSS delta: peak memory of a
process while it loads them and runs the first frame, minus that of the bare process.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from benchmarks.measure.parts import download_bytes
from benchmarks.record import Artifacts, Check, Run
from benchmarks.suite import Budget
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.targets import Precision, Target

NUMBERS = ("parameters", "files", "download", "arena", "RSS delta")


@dataclass(frozen=True)
class Held:
    """One number of a target and precision. spent: bytes, None where nobody tells; budget: None where none is set."""

    name: str
    spent: int | None
    budget: int | None

    @property
    def held(self) -> bool | None:
        return None if self.spent is None or self.budget is None else self.spent <= self.budget


def weigh(bundle: Bundle, target: Target, precision: Precision) -> Artifacts:
    """What lies in the files, from the manifest and the files themselves."""
    items = bundle.manifest.artifacts_of(target, precision)
    return Artifacts(
        target=target,
        precision=precision,
        parameters_bytes=sum(item.footprint.weight_bytes for item in items),
        file_bytes=sum(item.footprint.file_bytes for item in items),
        download_bytes=sum(download_bytes(bundle.folder / item.path) for item in items),
    )


def numbers(budget: Budget, artifacts: Artifacts, runs: Sequence[Run]) -> list[Held]:
    """All that is known of a target and precision. runs: any; the most of those that are of it counts."""
    memory = [
        run.memory
        for run in runs
        if run.memory and (run.target, run.precision) == (artifacts.target, artifacts.precision)
    ]
    arenas = [each.arena_bytes for each in memory if each.arena_bytes is not None]
    deltas = [each.rss_delta_bytes for each in memory if each.rss_delta_bytes is not None]
    spent = (
        (artifacts.parameters_bytes, budget.parameters_bytes),
        (artifacts.file_bytes, budget.file_bytes),
        (artifacts.download_bytes, budget.download_bytes),
        (max(arenas, default=None), budget.arena_bytes),
        (max(deltas, default=None), budget.rss_delta_bytes),
    )
    return [Held(name, *each) for name, each in zip(NUMBERS, spent, strict=True)]


def budget_checks(budget: Budget, artifacts: Sequence[Artifacts], runs: Sequence[Run]) -> Iterator[Check]:
    """One for each number that has a budget; an arena that no runtime tells is none."""
    for each in artifacts:
        for number in numbers(budget, each, runs):
            if number.budget is None or (number.name == "arena" and number.spent is None):
                continue
            spent = "not known" if number.spent is None else f"{number.spent / 1e6:.1f} MB"
            yield Check(
                what=f"{each.target} {each.precision}: {number.name} {spent}, budget {number.budget / 1e6:.1f} MB.",
                held=number.held,
            )
