"""One record of a report, with its figures."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks.budget import FootprintNumber, footprint
from benchmarks.record import ArtifactSizes, BenchmarkRecord
from benchmarks.report.figures import ArtifactFigures, artifact_figures, runs_by_key
from benchmarks.run_record import MemoryKind, Run, RunKey

MAX_DEVICE_NAME = 60  # characters in a heading

_LOAD_KINDS = {True: "cold", False: "from cache", None: "cache not known"}


@dataclass(frozen=True)
class Entry:
    """One record of a report.

    Attributes:
        order: From 0; it decides the colour.
        label: Name of the record on the page and in its charts, like `R1`; empty for a single record.
        record: The record.
        figures: Of each artifact set.
        runs: Rounds of each artifact set.
    """

    order: int
    label: str
    record: BenchmarkRecord
    figures: list[ArtifactFigures]
    runs: dict[RunKey, list[Run]]

    @property
    def device(self) -> str:
        """Short name of the device."""
        device = self.record.device
        name = device.model or device.processor or device.name
        return name if len(name) <= MAX_DEVICE_NAME else f"{name[: MAX_DEVICE_NAME - 1]}…"

    def labelled(self, title: str) -> str:
        """`R1 · title`, or the title alone for a single record."""
        return f"{self.label} · {title}" if self.label else title

    def load_kind(self, key: RunKey) -> str | None:
        """Whether the first loads were cold; None if there was none."""
        kinds = {_LOAD_KINDS[load.cold] for run in self.runs[key] for load in run.loads}
        return kinds.pop() if len(kinds) == 1 else "some cold" if kinds else None

    def memory_kind(self, key: RunKey) -> MemoryKind | None:
        """What the RSS delta counts; None if no round has one, or if the rounds differ."""
        kinds = {run.memory.kind for run in self.runs[key] if run.memory}
        return kinds.pop() if len(kinds) == 1 else None

    def footprint(self, artifacts: ArtifactSizes) -> list[FootprintNumber]:
        """Footprint of one target and precision, with its budgets."""
        return footprint(self.record.suite.budget, artifacts, self.record.runs)

    def versions(self) -> list[tuple[str, list[str]]]:
        """Packages and versions of each target, from all its runs."""
        found: dict[str, dict[str, None]] = {}
        for run in self.record.runs:
            packages = found.setdefault(run.target, {})
            packages.update(dict.fromkeys(f"{name} {version}" for name, version in sorted(run.versions.items())))
        return [(target, list(packages)) for target, packages in found.items()]


def make_entries(records: Sequence[BenchmarkRecord]) -> list[Entry]:
    """The records in their order, with labels if there are several."""
    several = len(records) > 1
    return [
        Entry(order, f"R{order + 1}" if several else "", record, artifact_figures(record), runs_by_key(record))
        for order, record in enumerate(records)
    ]
