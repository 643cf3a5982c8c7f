"""What every exporter is: declared facts, a check before any work, and one `export` of a target job's components."""

import time
from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

from converters.exporters.vendor import quiet
from converters.lowering.variants import LoweringVariant
from converters.target import Delegate, Quantizer
from dmvton_mobile.bundles.manifest import Footprint
from dmvton_mobile.components import ComponentExample, Layouts
from dmvton_mobile.contract import Component
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.utils.optional_imports import optional_import
from dmvton_mobile.utils.progress import StepCallback

PALETTE6_REASON = "it is for Core ML packages only, which look weights up in tables"  # why the others refuse it


@dataclass(frozen=True, kw_only=True)
class ExporterFacts:
    """What an exporter takes and needs.

    Attributes:
        target: The runtime that its files are for.
        packages: The optional packages that it imports.
        extra: The extra that installs them, or several, like "onnx,nncf".
        variant: The variant of a network that it exports.
        layouts: How its files hold pictures and features: as the runtime's kernels do, so that no frame pays for a
            transpose.
        delegate: Who runs the operations of a .pte file.
        quantizer: Who makes int8. PT2E: the network comes quantized. NNCF: the exporter quantizes the float network.
        refused: The precisions that it does not take -> the reason.
        runs_on_host: Whether a host can run its files, and so verify them.
    """

    target: Target
    packages: tuple[str, ...]
    extra: str
    variant: LoweringVariant
    layouts: Layouts
    delegate: Delegate = Delegate.XNNPACK
    quantizer: Quantizer = Quantizer.PT2E
    refused: Mapping[Precision, str] = field(default_factory=dict)
    runs_on_host: bool = True

    @property
    def quantizes(self) -> bool:
        """Whether the exporter itself makes int8, of the float network."""
        return self.quantizer is not Quantizer.PT2E


@dataclass(frozen=True, kw_only=True)
class QuantizationOptions:
    """How an exporter that quantizes by itself does it.

    Attributes:
        size: Height and width of the network's pictures.
        max_drop_db: How much of their PSNR in decibels try-ons may lose.
        calibration: A dataset, for the ranges of activations and for accuracy control.
        keep_float: Patterns of layers that stay float32.
    """

    size: tuple[int, int]
    max_drop_db: float
    calibration: Path | None = None
    keep_float: tuple[str, ...] = ()


@dataclass(frozen=True)
class ComponentExport:
    """One component to write.

    Attributes:
        example: Its graph, lowered, with example inputs and its contract.
        path: The file, or the folder of a Core ML package.
        metadata: What a Core ML package says of itself: author, license, version, short_description and our own keys.
    """

    example: ComponentExample
    path: Path
    precision: Precision
    metadata: Mapping[str, str] = field(default_factory=dict)

    @property
    def component(self) -> Component:
        """Which component of the network it is."""
        return self.example.contract.component


@dataclass(frozen=True)
class TargetJob:
    """The components of one target in one precision, lowered, in the order in which an app runs them.

    Attributes:
        network: What they were lowered from.
        options: For exporters that quantize by themselves.
    """

    network: TryOnNetwork
    target: Target
    precision: Precision
    components: tuple[ComponentExport, ...]
    options: QuantizationOptions

    def step(self, component: Component) -> str:
        """The name of a step of work, like "onnx fp32 tryon"."""
        return f"{self.target} {self.precision} {component}"


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written.

    Attributes:
        footprint: Its bytes, by what they are.
        kept_float32: What stayed float32 in a smaller precision, and why.
        reproducible: Whether a second export gives the same bytes.
        seconds: How long it took.
    """

    footprint: Footprint
    kept_float32: tuple[str, ...] = ()
    reproducible: bool = True
    seconds: float = 0.0


@dataclass(frozen=True)
class ExportedJob:
    """The files of a job, one per component.

    Attributes:
        quantization: How they were quantized; None where they were not.
    """

    files: tuple[ExportedFile, ...]
    quantization: Quantization | None


class Exporter(Protocol):
    """Writes the components of a job for one target."""

    @property
    def facts(self) -> ExporterFacts:
        """What it takes and needs."""

    def check(self, network: TryOnNetwork, options: QuantizationOptions) -> None:
        """Checks what can be known before anything is lowered or written.

        Raises:
            NotInstalledError: A package is missing; the message names the extra.
            DmvtonError: The network, the options or the pictures will not do.
        """

    def export(self, job: TargetJob, on_step: StepCallback) -> ExportedJob:
        """Writes every component's file.

        Raises:
            NotInstalledError: A package is missing; the message names the extra.
            CheckFailed: The files do not reach the quality that the options ask for.
        """


class ComponentExporter(ABC):
    """An `Exporter` that writes each component without regard to the others."""

    facts: ExporterFacts

    def check(self, network: TryOnNetwork, options: QuantizationOptions) -> None:
        """Checks that the packages are installed."""
        with self._imports():
            for package in self.facts.packages:
                if find_spec(package) is None:
                    raise ModuleNotFoundError(name=package)

    def export(self, job: TargetJob, on_step: StepCallback) -> ExportedJob:
        """Writes every component's file, one after the other."""
        files = []
        for component in job.components:
            on_step(job.step(component.component))
            files.append(self.export_component(component))
        return ExportedJob(tuple(files), job.network.config.quantization)

    def export_component(self, component: ComponentExport) -> ExportedFile:
        """Writes one component's file; what the libraries print is shown only if they fail.

        Raises:
            NotInstalledError: A package is missing; the message names the extra.
        """
        started = time.perf_counter()
        component.path.parent.mkdir(exist_ok=True)
        with self._imports(), quiet():
            exported = self._write(component)
        return replace(exported, seconds=time.perf_counter() - started)

    def _imports(self) -> AbstractContextManager[None]:
        return optional_import(f"Converting to {self.facts.target} needs", extra=self.facts.extra)

    @abstractmethod
    def _write(self, component: ComponentExport) -> ExportedFile:
        """Writes the file."""
