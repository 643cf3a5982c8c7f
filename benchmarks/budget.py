"""The footprint of artifacts: five numbers that are never added up, each with its own budget.

- parameters: parameters and buffers of the network, as the papers count their "37 MB";
- files: the artifacts; download: the same files deflated;
- arena: activations, if the runtime reports its arena;
- RSS delta: peak RSS while the artifacts are loaded and the first frame runs, minus the RSS of the bare process with
  its runtime imported.
"""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.record import ArtifactSizes, Check
from benchmarks.run_record import Run
from benchmarks.suite import Budget
from dmvton_mobile.bundles.bundle import Bundle
from dmvton_mobile.targets import Precision, Target

FOOTPRINT = ("parameters", "files", "download", "arena", "RSS delta")


@dataclass(frozen=True)
class FootprintNumber:
    """One number of a target and precision.

    Attributes:
        name: One of FOOTPRINT.
        actual_bytes: The most that was measured; None if it is not known.
        budget_bytes: The most that is allowed; None if there is no budget for it.
    """

    name: str
    actual_bytes: int | None
    budget_bytes: int | None

    @property
    def within_budget(self) -> bool | None:
        """Whether the number is within its budget; None if either is not known."""
        if self.actual_bytes is None or self.budget_bytes is None:
            return None
        return self.actual_bytes <= self.budget_bytes


def artifact_sizes(bundle: Bundle, target: Target, precision: Precision) -> ArtifactSizes:
    """Sizes of a target's artifacts, from the manifest and the files themselves."""
    items = bundle.manifest.artifacts_of(target, precision)
    return ArtifactSizes(
        target=target,
        precision=precision,
        parameters_bytes=sum(item.footprint.weight_bytes for item in items),
        file_bytes=sum(item.footprint.file_bytes for item in items),
        download_bytes=sum(download_bytes(bundle.folder / item.path) for item in items),
    )


def download_bytes(path: Path) -> int:
    """Size of an artifact in an app's archive: every file deflated."""
    files = [file for file in path.rglob("*") if file.is_file()] if path.is_dir() else [path]
    return sum(len(zlib.compress(file.read_bytes(), level=9)) for file in files)


def footprint(budget: Budget, artifacts: ArtifactSizes, runs: Sequence[Run]) -> list[FootprintNumber]:
    """Everything that is known of a target and precision, in the order of FOOTPRINT.

    Args:
        budget: The most that each number may be.
        artifacts: Sizes of the artifacts.
        runs: Of any target; of those with the artifacts' target and precision, the highest memory counts.
    """
    memory = [
        run.memory
        for run in runs
        if run.memory and (run.target, run.precision) == (artifacts.target, artifacts.precision)
    ]
    arenas = [each.arena_bytes for each in memory if each.arena_bytes is not None]
    rss_deltas = [each.rss_delta_bytes for each in memory if each.rss_delta_bytes is not None]
    numbers = (
        (artifacts.parameters_bytes, budget.parameters_bytes),
        (artifacts.file_bytes, budget.file_bytes),
        (artifacts.download_bytes, budget.download_bytes),
        (max(arenas, default=None), budget.arena_bytes),
        (max(rss_deltas, default=None), budget.rss_delta_bytes),
    )
    return [FootprintNumber(name, *number) for name, number in zip(FOOTPRINT, numbers, strict=True)]


def budget_checks(budget: Budget, artifacts: Sequence[ArtifactSizes], runs: Sequence[Run]) -> Iterator[Check]:
    """A check for each number that has a budget; none for an arena that the runtime does not report."""
    for each in artifacts:
        for number in footprint(budget, each, runs):
            actual, most = number.actual_bytes, number.budget_bytes
            if most is None or (number.name == "arena" and actual is None):
                continue
            words = "not known" if actual is None else f"{actual / 1e6:.1f} MB"
            yield Check(
                what=f"{each.target} {each.precision}: {number.name} {words}, budget {most / 1e6:.1f} MB.",
                held=number.within_budget,
            )
