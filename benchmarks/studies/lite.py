"""What a frame of `dmvton-lite` costs, against the baseline conversion of the paper's student in the same run.

    python -m benchmarks.studies.lite [--runtime onnx ...] [--threads 2] [--rounds 3] [--runs 50] [--size 512x384 ...]

A frame's time is the try-on's with the garment's features cached. The measured process loads the garment encoder,
prepares the garment, closes the encoder (or keeps it open: "both open"), then loads and runs the frame. Every
measurement is a process of its own; the variants are measured in interleaved rounds.
"""

import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.table import Table

from benchmarks.measure.components import MeasuredComponent
from benchmarks.measure.interleaved import (
    Measurement,
    measure_components,
    median_ms,
    median_ratio,
    median_rss_delta,
)
from benchmarks.report.tables import megabytes, number
from benchmarks.studies.variants import MEASURED_TARGETS, export_baseline, export_lowered
from dmvton_mobile.checkpoints.weights import default_network
from dmvton_mobile.contract import DEFAULT_SIZE, Component, parse_size, size_text
from dmvton_mobile.networks import seeded_network
from dmvton_mobile.targets import Target

GOALS = "goals: 40 times faster, 25 ms in every runtime and 12 ms in one, 37 MB in every runtime, at 256x192"
COMPONENTS = {"garment": Component.GARMENT_ENCODER, "frame": Component.TRYON}


@dataclass(frozen=True)
class LiteVariant:
    """A row of the table.

    Attributes:
        name: Of the variant, in the table.
        components: In the order that they run; the last one is timed.
        keep_open: Whether all stay loaded, or each is closed before the next one is loaded.
    """

    name: str
    components: tuple[MeasuredComponent, ...]
    keep_open: bool = False

    @property
    def file_bytes(self) -> int:
        """Size of all its artifacts."""
        return sum(component.path.stat().st_size for component in self.components)


def export_variants(target: Target, folder: Path, sizes: list[tuple[int, int]]) -> list[LiteVariant]:
    """The student's baseline, then lite at every size, and lite at the first size with both components open."""
    lite, _ = default_network("dmvton-lite")
    student = export_baseline(target, folder, seeded_network("dmvton-student"))
    variants = [LiteVariant("student, baseline", (student.component,))]
    for size in sizes:
        subfolder = folder / size_text(size)
        subfolder.mkdir()
        exported = export_lowered(target, subfolder, lite, COMPONENTS, size)
        variants.append(LiteVariant(f"lite {size_text(size)}", tuple(each.component for each in exported)))
    first = variants[1]
    variants.insert(2, LiteVariant(f"{first.name}, both open", first.components, keep_open=True))
    return variants


def main(
    runtime: Annotated[list[Target] | None, typer.Option(help="Runtime. Repeatable. Default: all three.")] = None,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of the runtime.")] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="Measurements of each variant.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Timed frames in a measurement; the student has a tenth.")] = 50,
    size: Annotated[list[str] | None, typer.Option(help="HEIGHTxWIDTH, besides 256x192. Repeatable.")] = None,
) -> None:
    """Measure dmvton-lite against the student's baseline."""
    console = Console()
    table = Table("runtime", "variant", "MB", "frame ms", "fastest", "faster", "RSS delta MB", box=None)
    sizes = list(dict.fromkeys([DEFAULT_SIZE, *(parse_size(text) for text in size or [])]))
    for target in runtime or MEASURED_TARGETS:
        with tempfile.TemporaryDirectory() as folder:
            console.print(f"Converting for {target} ...", highlight=False)
            student, *_ = variants = export_variants(target, Path(folder), sizes)
            measured: dict[str, list[Measurement]] = {variant.name: [] for variant in variants}
            for _ in range(rounds):
                for variant in variants:
                    counted = max(1, runs // 10) if variant is student else runs
                    measured[variant.name].append(
                        measure_components(
                            target, variant.components, threads=threads, runs=counted, keep_open=variant.keep_open
                        )
                    )
            for variant in variants:
                table.add_row(target, *_row(variant, measured[variant.name], measured[student.name]))
    console.print(f"{threads} threads, {rounds} rounds of {runs} runs; {GOALS}", highlight=False)
    console.print(table)


def _row(variant: LiteVariant, rounds: list[Measurement], student: list[Measurement]) -> list[str]:
    return [
        variant.name,
        megabytes(variant.file_bytes, 2),
        number(median_ms(rounds), 1),
        number(min(min(measured.latency_ms) for measured in rounds), 1),
        f"{number(median_ratio(student, rounds), 1)}x",
        megabytes(median_rss_delta(rounds), 0),
    ]


if __name__ == "__main__":
    typer.run(main)
