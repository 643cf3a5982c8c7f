"""What `dmvton-lite` costs per frame, beside a plain conversion of the paper's student in the same run.

    python -m benchmarks.studies.lite [--runtime onnx ...] [--threads 2] [--rounds 3] [--runs 50] [--size 512x384 ...]

A frame's time is the try-on's with the garment's features cached. Memory is that of a process which has loaded the
garment encoder, prepared the garment, closed it (or, "both open", kept it), and loaded and run the frame, less that of
the bare process: weights, activations and the runtime's own tables together. Every measurement is a process of its
own; the forms take turns.
"""

import statistics
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure.process import Measurement, Part, measure, megabytes
from benchmarks.studies.forms import MEASURED, lowered, plain
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.contract import DEFAULT_SIZE, Component, parse_size, size_text
from dmvton_mobile.networks import seeded_network
from dmvton_mobile.targets import Target

BOUNDS = "wanted: 40 times faster, 25 ms in every runtime and 12 ms in one, 37 MB in every runtime, at 256x192"
PAIR = {"garment": Component.GARMENT_ENCODER, "frame": Component.TRYON}


@dataclass(frozen=True)
class Form:
    """Artifacts that one process loads, one after the other or, kept open, beside each other; the last is timed."""

    name: str
    parts: tuple[Part, ...]
    kept_open: bool = False

    @property
    def file_bytes(self) -> int:
        return sum(part.path.stat().st_size for part in self.parts)


def forms(target: Target, folder: Path, sizes: list[tuple[int, int]]) -> list[Form]:
    """The student as its exporter makes it, then lite at every size, its garment and frame in one process; the first
    size with both open, too."""
    lite, _ = default_network("dmvton-lite")
    made = [Form("student, plain", (plain(target, folder, seeded_network("dmvton-student")).part,))]
    for size in sizes:
        place = folder / size_text(size)
        place.mkdir()
        parts = tuple(candidate.part for candidate in lowered(target, place, lite, PAIR, size))
        made.append(Form(f"lite {size_text(size)}", parts))
    made.insert(2, Form(f"{made[1].name}, both open", made[1].parts, kept_open=True))
    return made


def main(
    runtime: Annotated[list[Target] | None, typer.Option(help="Which runtimes; all three without.")] = None,
    threads: Annotated[int, typer.Option(min=1)] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often the forms take turns.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs of lite per turn; the student has a tenth.")] = 50,
    size: Annotated[list[str] | None, typer.Option(help="HEIGHTxWIDTH, besides 256x192.")] = None,
) -> None:
    """Measure dmvton-lite."""
    console = Console()
    table = Table("runtime", "form", "MB", "frame ms", "fastest", "faster", "growth MB", "peak", box=None)
    sizes = list(dict.fromkeys([DEFAULT_SIZE, *(parse_size(text) for text in size or [])]))
    for target in runtime or MEASURED:
        with tempfile.TemporaryDirectory() as folder:
            console.print(f"Converting for {target} ...", highlight=False)
            student, *lites = forms(target, Path(folder), sizes)
            turns: dict[str, list[Measurement]] = {form.name: [] for form in (student, *lites)}
            for _ in range(rounds):
                for form in (student, *lites):
                    counted = max(1, runs // 10) if form is student else runs
                    turns[form.name].append(
                        measure(target, form.parts, threads=threads, runs=counted, kept_open=form.kept_open)
                    )
            for form in (student, *lites):
                table.add_row(*_row(target, form, turns[form.name], turns[student.name]))
    console.print(f"{threads} threads, {rounds} rounds of {runs} runs; {BOUNDS}", highlight=False)
    console.print(table)


def _row(target: Target, form: Form, own: list[Measurement], student: list[Measurement]) -> list[str]:
    ratios = [theirs.median_ms / ours.median_ms for theirs, ours in zip(student, own, strict=True)]
    return [
        target,
        form.name,
        f"{form.file_bytes / 1e6:.2f}",
        f"{statistics.median(measured.median_ms for measured in own):.1f}",
        f"{min(min(measured.latency_ms) for measured in own):.1f}",
        f"{statistics.median(ratios):.1f}x",
        megabytes([measured.growth_bytes for measured in own]),
        megabytes([measured.peak_growth_bytes for measured in own]),
    ]


if __name__ == "__main__":
    typer.run(main)
