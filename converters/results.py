"""What came of a conversion: one result per artifact, and the table of them at its end."""

from dataclasses import dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from converters.exporters.protocol import ComponentExport, ExportedFile, ExportedJob, TargetJob
from converters.verification import Verification
from converters.weights import layers_kept_float32
from dmvton_mobile.bundles.manifest import DEVICE_ONLY, Artifact, Footprint, ParityFigure
from dmvton_mobile.contract import Component
from dmvton_mobile.targets import Target

MEGABYTE = 1e6
TABLE_WIDTH = 132  # characters of a row with the longest names


@dataclass(frozen=True)
class ArtifactResult:
    """What came of one artifact.

    Attributes:
        artifact: None where it failed.
        problem: Why it failed.
        seconds: For export and verification.
    """

    target: Target
    component: Component
    footprint: Footprint
    artifact: Artifact | None
    problem: str | None
    seconds: float

    @property
    def status(self) -> str:
        """Verified, failed, or "device only" where no host can run it."""
        if self.artifact is None:
            return "failed"
        return "verified" if self.artifact.parity else DEVICE_ONLY


def artifact_results(
    folder: Path, job: TargetJob, exported: ExportedJob, verifications: list[Verification]
) -> list[ArtifactResult]:
    """What came of the artifacts of a job.

    Args:
        folder: The bundle's.
        job: What was exported.
        exported: Its files.
        verifications: One for each file.
    """
    kept = layers_kept_float32(job.network, exported.quantization)
    return [
        ArtifactResult(
            job.target,
            component.component,
            file.footprint,
            None if verification.problem else _artifact(folder, job, component, file, verification, kept),
            verification.problem,
            file.seconds + verification.seconds,
        )
        for component, file, verification in zip(job.components, exported.files, verifications, strict=True)
    ]


def print_results(console: Console, results: list[ArtifactResult]) -> None:
    """One row per artifact, and below the table the operations that stay outside the delegates."""
    table = Table(box=None, pad_edge=False)
    for heading, justify in (
        ("target", "left"),
        ("component", "left"),
        ("file MB", "right"),
        ("weights MB", "right"),
        ("constants kB", "right"),
        ("other kB", "right"),
        ("in + out of delegate", "right"),
        ("worst dB", "right"),
        ("seconds", "right"),
        ("status", "left"),
    ):
        table.add_column(heading, justify=justify, no_wrap=True)  # type: ignore[arg-type]
    for result in results:
        footprint = result.footprint
        table.add_row(
            result.target,
            result.component,
            f"{footprint.file_bytes / MEGABYTE:.2f}",
            f"{footprint.weight_bytes / MEGABYTE:.2f}",
            _kilobytes(footprint.constant_bytes),
            _kilobytes(footprint.metadata_bytes),
            _delegated(footprint),
            worst_db(result.artifact.parity) if result.artifact else "-",
            f"{result.seconds:.0f}",
            result.status,
        )
    console.width = max(console.width, TABLE_WIDTH)  # in a log, too, where it would be 80
    console.print(table, soft_wrap=True)
    for result in results:
        if leftover := result.footprint.leftover_operations:
            listed = ", ".join(f"{count} {name}" for name, count in leftover.items())
            console.print(
                f"{result.target} {result.component}, outside the delegate: {listed}", highlight=False, soft_wrap=True
            )


def worst_db(figures: tuple[ParityFigure, ...]) -> str:
    """The lowest of the figures, "equal" where all are equal bit by bit, "-" where there is none."""
    known = [figure.psnr_db for figure in figures if figure.psnr_db is not None]
    return f"{min(known):.1f}" if known else "equal" if figures else "-"


def _artifact(
    folder: Path,
    job: TargetJob,
    component: ComponentExport,
    file: ExportedFile,
    verification: Verification,
    kept_layers: tuple[str, ...],
) -> Artifact:
    return Artifact(
        target=job.target,
        precision=job.precision,
        path=component.path.relative_to(folder).as_posix(),
        contract=component.example.contract,
        kept_float32=(*file.kept_float32, *kept_layers),
        parity=verification.figures,
        footprint=file.footprint,
        reproducible=file.reproducible,
        evaluator=verification.evaluator,
    )


def _kilobytes(count: int | None) -> str:
    return "-" if count is None else f"{count / 1e3:.1f}"


def _delegated(footprint: Footprint) -> str:
    if footprint.delegated_operations is None:
        return "-"
    return f"{footprint.delegated_operations} + {sum((footprint.leftover_operations or {}).values())}"
