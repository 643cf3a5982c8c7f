"""What a conversion is asked for, and what cannot be asked for together."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from converters.exporters.protocol import Exporter, QuantizationOptions
from converters.registry import check_precision, find_exporter
from converters.target import Delegate, Quantizer
from converters.weights import Weights
from dmvton_mobile.bundles.bundle import BUNDLE_SUFFIX
from dmvton_mobile.contract import DEFAULT_SIZE, Components
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target

DEFAULT_MAX_DROP_DB = 0.3


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to convert, into what.

    Attributes:
        weights: Where the network and its weights come from.
        targets: The runtimes.
        precisions: Of every target.
        components: How the network is cut.
        delegate: Who runs the operations of .pte files.
        out: The bundle to write.
        size: Height and width of the network's pictures.
        quantizer: Who makes int8.
        max_drop_db: For NNCF: how much of their PSNR try-ons may lose by it; None for DEFAULT_MAX_DROP_DB.

    Raises:
        DmvtonError: Two of these exclude each other, or the bundle exists.
    """

    weights: Weights
    targets: tuple[Target, ...]
    precisions: tuple[Precision, ...]
    components: Components
    delegate: Delegate
    out: Path
    size: tuple[int, int] = DEFAULT_SIZE
    quantizer: Quantizer = Quantizer.PT2E
    max_drop_db: float | None = None

    def __post_init__(self) -> None:
        if self.delegate is not Delegate.XNNPACK and Target.EXECUTORCH not in self.targets:
            raise DmvtonError(
                f"--delegate {self.delegate} is for .pte files only: add --target executorch, or drop it."
            )
        for precision in self.precisions:
            check_precision(precision, self.targets, self.delegate)
        self._check_quantizer()
        if self.out.suffix != BUNDLE_SUFFIX:
            raise DmvtonError(f"A bundle's name ends in {BUNDLE_SUFFIX}; this is {self.out.name}.")
        if self.out.exists():
            raise DmvtonError(f"{self.out} exists already. Remove it, or choose another --out.")

    def exporter(self, target: Target, precision: Precision) -> Exporter:
        """The exporter of one of the targets in one of the precisions."""
        return find_exporter(target, precision, delegate=self.delegate, quantizer=self.quantizer)

    def exporters(self, precision: Precision) -> Iterator[Exporter]:
        """The exporters of a precision, one for each target."""
        return (self.exporter(target, precision) for target in self.targets)

    @property
    def quantization_options(self) -> QuantizationOptions:
        """For exporters that quantize by themselves."""
        return QuantizationOptions(
            size=self.size,
            max_drop_db=self.max_drop_db or DEFAULT_MAX_DROP_DB,
            calibration=self.weights.calibration,
            keep_float=self.weights.keep_float,
        )

    def _check_quantizer(self) -> None:
        if self.quantizer is not Quantizer.NNCF:
            if self.max_drop_db is not None:
                raise DmvtonError("--max-drop is for accuracy control: add --quantizer nncf, or drop it.")
            return
        if self.targets != (Target.ONNX,):
            raise DmvtonError("--quantizer nncf is for .onnx files only: pass --target onnx, or --quantizer pt2e.")
        if Precision.INT8 not in self.precisions:
            raise DmvtonError("--quantizer nncf makes int8 files: add --precision int8, or drop it.")
        if self.weights.quantized is not None:
            raise DmvtonError("--quantizer nncf starts from float weights: drop --quantized, or --quantizer.")
        if self.weights.calibration is None:
            raise DmvtonError("--quantizer nncf needs pictures for ranges and for evaluation: pass --calibration DIR.")
        if self.max_drop_db is not None and not self.max_drop_db > 0:
            raise DmvtonError(f"--max-drop is in decibels and above 0, like 0.3; this is {self.max_drop_db:g}.")
