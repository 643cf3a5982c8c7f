"""One component to one file: the exporter of its target."""

from pathlib import Path

from converters.exporters.exported import Exported
from converters.exporters.quiet import quiet
from converters.target import Delegate
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target


def export_component(
    example: ComponentExample,
    path: Path,
    target: Target,
    precision: Precision = Precision.FP32,
    delegate: Delegate = Delegate.XNNPACK,
    metadata: dict[str, str] | None = None,
) -> Exported:
    """Writes the component for the target; metadata is what a Core ML package says of itself.

    Raises DmvtonError where the target's packages are not installed, naming the extra.
    """
    # Each exporter pulls in its package, so only the wanted one is imported.
    try:
        with quiet():
            if target is Target.COREML:
                from converters.exporters.coreml import export_coreml

                return export_coreml(example, path, precision, metadata or {})
            if target is Target.TFLITE:
                from converters.exporters.tflite import export_tflite

                return export_tflite(example, path, precision)
            if target is Target.EXECUTORCH:
                from converters.exporters.executorch import export_executorch

                return export_executorch(example, path, precision, delegate)
            from converters.exporters.onnx import export_onnx

            return export_onnx(example, path, precision)
    except ModuleNotFoundError as error:
        raise DmvtonError(
            f'Converting to {target} needs {error.name}, which is not installed: pip install "dmvton-mobile[{target}]".'
        ) from error
