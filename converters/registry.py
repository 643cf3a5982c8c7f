"""All exporters, and which of them writes what."""

from collections.abc import Mapping
from pathlib import Path

from converters.exporters.coreml import CoreMLExporter
from converters.exporters.executorch import ExecutorchExporter
from converters.exporters.onnx import OnnxExporter
from converters.exporters.onnx_nncf import OnnxNncfExporter
from converters.exporters.protocol import ComponentExport, ComponentExporter, ExportedFile, Exporter, ExporterFacts
from converters.exporters.tflite import TFLiteExporter
from converters.lowering.variants import lower
from converters.target import Delegate, Quantizer
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Precision, Target

COMPONENT_EXPORTERS: tuple[ComponentExporter, ...] = (
    CoreMLExporter(),
    TFLiteExporter(),
    *(ExecutorchExporter(delegate) for delegate in Delegate),
    OnnxExporter(),
)
EXPORTERS: tuple[Exporter, ...] = (*COMPONENT_EXPORTERS, OnnxNncfExporter())


def find_exporter(
    target: Target,
    precision: Precision = Precision.FP32,
    *,
    delegate: Delegate = Delegate.XNNPACK,
    quantizer: Quantizer = Quantizer.PT2E,
) -> Exporter:
    """The exporter of a target in a precision.

    Args:
        target: The runtime.
        precision: Only int8 depends on the quantizer.
        delegate: Who runs the operations of a .pte file; other targets have none.
        quantizer: Who makes int8.

    Raises:
        DmvtonError: No exporter takes that precision for the target; the message says why, and which targets there are.
    """
    quantizer = quantizer if precision is Precision.INT8 else Quantizer.PT2E
    delegate = delegate if target is Target.EXECUTORCH else Delegate.XNNPACK
    for exporter in EXPORTERS:
        facts = exporter.facts
        if (facts.target, facts.delegate, facts.quantizer) == (target, delegate, quantizer):
            if precision in facts.refused:
                raise DmvtonError(f"{precision} is not for {target}: {facts.refused[precision]}.")
            return exporter
    raise DmvtonError(f"Nothing exports {target} by --quantizer {quantizer}: {_known()}.")


def check_precision(precision: Precision, targets: tuple[Target, ...], delegate: Delegate) -> None:
    """Raises DmvtonError where targets do not take a precision: which ones, why, and what to pass instead."""
    facts = {
        exporter.facts.target: exporter.facts
        for exporter in COMPONENT_EXPORTERS
        if exporter.facts.delegate is delegate or exporter.facts.target is not Target.EXECUTORCH
    }
    if refusing := [target for target in targets if precision in facts[target].refused]:
        takers = [target for target in facts if precision not in facts[target].refused]
        raise DmvtonError(
            f"{precision} is not for {', '.join(refusing)}: {facts[refusing[0]].refused[precision]}. "
            f"Pass --target {' '.join(takers)}, or some of these."
        )


def lowered_components(
    network: TryOnNetwork,
    facts: ExporterFacts,
    components: tuple[Component, ...],
    size: tuple[int, int] = DEFAULT_SIZE,
) -> list[ComponentExample]:
    """The components of a network in the variant and the layouts that an exporter takes. size: height, width."""
    return component_examples(lower(network, facts.variant), components, facts.layouts, size)


def export_component(
    example: ComponentExample,
    path: Path,
    target: Target,
    precision: Precision = Precision.FP32,
    *,
    delegate: Delegate = Delegate.XNNPACK,
    metadata: Mapping[str, str] | None = None,
) -> ExportedFile:
    """Writes a single component that is lowered already.

    Raises:
        NotInstalledError: The target's packages are missing; the message names the extra.
        DmvtonError: The target does not take the precision.
    """
    exporter = find_exporter(target, precision, delegate=delegate)
    assert isinstance(exporter, ComponentExporter)
    return exporter.export_component(ComponentExport(example, path, precision, metadata or {}))


def _known() -> str:
    return ", ".join(f"{each.facts.target} by {each.facts.quantizer}" for each in EXPORTERS)
