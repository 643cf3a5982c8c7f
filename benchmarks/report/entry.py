"""One record of a report, with what is computed from it."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.budget import FootprintNumber, footprint
from benchmarks.record import ArtifactSizes, BenchmarkRecord
from benchmarks.report.figures import Figures, figures, grouped
from benchmarks.run_record import Load, MemoryKind, Run, RunKey

LONGEST = 60  # characters of a device's name in a heading


@dataclass(frozen=True)
class Entry:
    """label: what the page and its charts call the record, `R1`; empty where it is the only one. order: from 0."""

    order: int
    label: str
    record: BenchmarkRecord
    figures: list[Figures]
    runs: dict[RunKey, list[Run]]

    @property
    def device(self) -> str:
        """What people call it, in short."""
        device = self.record.device
        name = device.model or device.processor or device.name
        return name if len(name) <= LONGEST else f"{name[: LONGEST - 1]}…"

    def titled(self, title: str) -> str:
        return f"{self.label} · {title}" if self.label else title

    def cold(self, key: RunKey) -> str | None:
        """Of the first loads; None where there was none."""
        said = {_COLD[load.cold] for load in self._loads(key)}
        return said.pop() if len(said) == 1 else "some cold" if said else None

    def memory_kind(self, key: RunKey) -> MemoryKind | None:
        """What the RSS delta counts; None where no round has one, or where rounds differ."""
        kinds = {run.memory.kind for run in self.runs[key] if run.memory}
        return kinds.pop() if len(kinds) == 1 else None

    def weights(self, artifacts: ArtifactSizes) -> list[FootprintNumber]:
        return footprint(self.record.suite.budget, artifacts, self.record.runs)

    def versions(self) -> list[tuple[str, list[str]]]:
        """(what ran, the packages and their versions) for each target, all that its runs name."""
        found: dict[str, dict[str, None]] = {}
        for run in self.record.runs:
            packages = found.setdefault(run.target, {})
            packages.update(dict.fromkeys(f"{name} {version}" for name, version in sorted(run.versions.items())))
        return [(target, list(packages)) for target, packages in found.items()]

    def _loads(self, key: RunKey) -> list[Load]:
        return [load for run in self.runs[key] for load in run.loads]


_COLD = {True: "cold", False: "from cache", None: "cache not known"}


def entries(records: Sequence[BenchmarkRecord]) -> list[Entry]:
    """In the order they are given."""
    several = len(records) > 1
    return [
        Entry(order, f"R{order + 1}" if several else "", record, figures(record), grouped(record))
        for order, record in enumerate(records)
    ]
