"""int8 for ONNX by NNCF, which returns layers to float32 until the try-ons are as good as was asked for.

The components go one after the other. The frame gets its ranges, and is evaluated, with what the int8 garment encoder
computes, because that is its input in an app.
"""

import time
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory

from converters.exporters.control_samples import ControlSamples
from converters.exporters.onnx import OnnxExporter
from converters.exporters.protocol import ComponentExport, ExportedJob, ExporterFacts, QuantizationOptions, TargetJob
from converters.target import Quantizer
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import AccuracyControl, Calibration, Quantization
from dmvton_mobile.quantization import checked_digest, float_layers, quantizable_layers
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.optional_imports import optional_import
from dmvton_mobile.utils.progress import StepCallback


class OnnxNncfExporter:
    """Writes int8 .onnx files of a float network.

    `QuantizationOptions.max_drop_db` is how much of their mean PSNR in the garment's region try-ons may lose, all
    components together.
    """

    facts = ExporterFacts(
        target=OnnxExporter.facts.target,
        packages=(*OnnxExporter.facts.packages, "nncf"),
        extra="onnx,nncf",
        variant=OnnxExporter.facts.variant,
        layouts=OnnxExporter.facts.layouts,
        quantizer=Quantizer.NNCF,
        refused={precision: "NNCF makes int8 files" for precision in Precision if precision is not Precision.INT8},
    )

    def check(self, network: TryOnNetwork, options: QuantizationOptions) -> None:
        """Checks that NNCF is installed, and that layers and pictures are there.

        Raises:
            NotInstalledError: NNCF or ONNX is missing.
            DmvtonError: The network, the patterns or the pictures are of no use.
        """
        with self._imports():
            from converters.exporters.vendor_nncf import import_nncf

            import_nncf()
        _Preparation.of(network, options)

    def export(self, job: TargetJob, on_step: StepCallback) -> ExportedJob:
        """Writes every component's file.

        Raises:
            CheckFailed: Accuracy control leaves none of a component's layers in int8, or, after the last component,
                try-ons lost more than they may.
        """
        with self._imports():
            from converters.exporters.nncf_component import ComponentQuantizer
        prepared, max_drop_db = _Preparation.of(job.network, job.options), job.options.max_drop_db
        with TemporaryDirectory() as scratch:
            float_job = _in_float32(job, Path(scratch))
            float_files = OnnxExporter().export(float_job, on_step).files
            quantizer = ComponentQuantizer(float_job.components, prepared.layers, prepared.samples, Path(scratch))
            float_db = int8_db = quantizer.mean_psnr_db()
            files = []
            for index, (component, float_file) in enumerate(zip(job.components, float_files, strict=True)):
                on_step(job.step(component.component))
                started = time.perf_counter()
                left_db = max_drop_db - (float_db - int8_db)
                file = quantizer.quantize(index, component.path, float_file, left_db / (len(float_files) - index))
                int8_db = quantizer.mean_psnr_db()
                files.append(replace(file, seconds=float_file.seconds + time.perf_counter() - started))
        if float_db - int8_db > max_drop_db:
            raise CheckFailed(
                f"In int8, try-ons have {int8_db:.2f} dB of {float_db:.2f}, and may lose {max_drop_db:g}: allow more "
                "with --max-drop, or keep layers with --keep-float."
            )
        return ExportedJob(tuple(files), prepared.quantization(job.options, float_db, int8_db))

    def _imports(self) -> AbstractContextManager[None]:
        return optional_import("Quantizing with NNCF needs", extra=self.facts.extra)


@dataclass(frozen=True)
class _Preparation:
    """The layers to quantize, and the pictures to do it with."""

    layers: list[str]
    samples: ControlSamples
    calibration: Calibration

    @classmethod
    def of(cls, network: TryOnNetwork, options: QuantizationOptions) -> "_Preparation":
        assert options.calibration is not None
        kept = {kept.layer for kept in float_layers(network, options.keep_float)}
        layers = [layer for layer in quantizable_layers(network) if layer not in kept]
        if not layers:
            raise DmvtonError("Nothing would be quantized: every layer is kept float32.")
        samples = ControlSamples.of(open_dataset(options.calibration, Phase.TRAIN, options.size, seed=0))
        digest = checked_digest(samples.calibration)
        return cls(layers, samples, Calibration(images=len(samples.calibration), digest=digest))

    def quantization(self, options: QuantizationOptions, float_db: float, int8_db: float) -> Quantization:
        """The manifest's record of it."""
        control = AccuracyControl(
            max_drop_db=options.max_drop_db,
            images=len(self.samples.evaluation),
            pairing=self.samples.pairing.value,
            float_db=float_db,
            int8_db=int8_db,
        )
        return Quantization(
            size=options.size,
            keep_float=options.keep_float,
            calibration=self.calibration,
            accuracy_control=control,
        )


def _in_float32(job: TargetJob, folder: Path) -> TargetJob:
    """The same components as float32 files in another folder."""
    components = tuple(
        ComponentExport(component.example, folder / component.path.name, Precision.FP32) for component in job.components
    )
    return replace(job, precision=Precision.FP32, components=components)
