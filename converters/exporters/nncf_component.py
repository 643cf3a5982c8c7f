"""One component quantized by NNCF, while it runs among the others."""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import onnx
from onnx import numpy_helper

from converters.exporters.control_samples import ControlSamples, paired_inputs
from converters.exporters.onnx_layers import additions_between, convolutions, layers_of
from converters.exporters.protocol import ComponentExport, ExportedFile
from converters.exporters.vendor import quiet
from converters.exporters.vendor_nncf import import_nncf
from converters.passes.onnx_file import strip_debug_info
from dmvton_mobile.bundles.manifest import Footprint
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.bundled import run_components
from dmvton_mobile.runtimes.session import Session
from dmvton_mobile.targets import Target

RETURNED = "returned to float32 by accuracy control"


class ComponentQuantizer:
    """Quantizes the components one after the other; each runs with the int8 files of those before it.

    Args:
        components: Their float32 files, which are there.
        layers: The network's layers to quantize.
        samples: For ranges and evaluation.
        scratch: A folder for models that are tried.

    Raises:
        DmvtonError: A layer is in none of the files.
    """

    def __init__(
        self, components: tuple[ComponentExport, ...], layers: list[str], samples: ControlSamples, scratch: Path
    ):
        self._components, self._samples, self._scratch = components, samples, scratch
        self._layers = _layers_by_convolution(components, layers)
        self._sessions = [_open(component.path, component.example) for component in components]

    def mean_psnr_db(self) -> float:
        """The mean PSNR of the try-ons, with the components that are int8 by now."""
        return self._samples.evaluate(self._sessions, self._samples.evaluation)[0]

    def quantize(self, index: int, path: Path, float_file: ExportedFile, allowed_db: float) -> ExportedFile:
        """Writes one component's int8 file and lets the next ones run with it.

        Args:
            index: Of the component.
            path: The file to write.
            float_file: Its float32 file, exported before.
            allowed_db: How much of their mean PSNR try-ons may lose by it.

        Raises:
            CheckFailed: None of its layers can be int8 for that.
        """
        example = self._components[index].example
        path.parent.mkdir(exist_ok=True)
        file = self._write(index, path, float_file, allowed_db)
        self._sessions[index] = _open(path, example)
        return file

    def _write(self, index: int, path: Path, float_file: ExportedFile, allowed_db: float) -> ExportedFile:
        baseline, layers = onnx.load(self._components[index].path), self._layers[index]
        if not layers:
            path.write_bytes(baseline.SerializeToString(deterministic=True))
            return float_file
        trial = _Trial(self._sessions, index, self._components[index].example, self._samples, self._scratch)
        with quiet():
            model = _quantize_with_accuracy_control(baseline, trial, layers, allowed_db)
        _clean(model, baseline)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        returned = _returned_layers(model, layers)
        if len(returned) == len(set(layers.values())):
            raise CheckFailed(
                f"{path.name}: try-ons lose more than {allowed_db:.2g} dB with any layer in int8. Allow more with "
                "--max-drop, or calibrate with more pictures."
            )
        kept = tuple(f"{layer}: {RETURNED}" for layer in returned)
        return replace(float_file, footprint=_footprint(path, model, float_file.footprint), kept_float32=kept)


@dataclass(frozen=True)
class _Trial:
    """What NNCF calls to feed and to evaluate a model of one component, among the others.

    scratch: where a model that is tried is written.
    """

    sessions: list[Session]
    index: int
    example: ComponentExample
    samples: ControlSamples
    scratch: Path

    def inputs(self, sample: TryOnSample) -> dict[str, np.ndarray]:
        """The inputs of the component for a sample, in the file's own layouts."""
        tensors = run_components(self.sessions[: self.index], paired_inputs(sample))
        inputs = self.sessions[self.index].to_native(tensors)
        return dict(zip(self.example.contract.input_names, inputs, strict=True))

    def evaluate(self, model: onnx.ModelProto, samples: Iterable[TryOnSample]) -> tuple[float, list[float]]:
        """The mean PSNR in decibels and each sample's, with the model in the component's place."""
        path = self.scratch / f"trial_{self.index}.onnx"
        path.write_bytes(model.SerializeToString())
        before, after = self.sessions[: self.index], self.sessions[self.index + 1 :]
        return self.samples.evaluate([*before, _open(path, self.example), *after], samples)


def _layers_by_convolution(components: tuple[ComponentExport, ...], layers: list[str]) -> list[dict[str, str]]:
    """For each component: the convolutions to quantize, node name -> layer."""
    found = [layers_of(onnx.load(component.path), component.example.graph.network) for component in components]
    present = {layer for by_node in found for layer in by_node.values()}
    if missing := [layer for layer in layers if layer not in present]:
        raise DmvtonError(
            f"{', '.join(missing)} cannot be found in the .onnx files, so they would stay float32 unnoticed: "
            "name them with --keep-float, or use --quantizer pt2e."
        )
    return [{node: layer for node, layer in by_node.items() if layer in layers} for by_node in found]


def _quantize_with_accuracy_control(
    baseline: onnx.ModelProto, trial: _Trial, convolution_names: Collection[str], allowed_db: float
) -> onnx.ModelProto:
    """NNCF's answer. Activations are int8 per tensor: ONNX Runtime has no convolution for others."""
    nncf = import_nncf()
    from nncf.quantization.advanced_parameters import AdvancedAccuracyRestorerParameters, QuantizationParameters

    quantized = {*convolution_names, *additions_between(baseline, convolution_names)}
    samples = trial.samples
    return nncf.quantize_with_accuracy_control(
        baseline,
        calibration_dataset=nncf.Dataset(samples.calibration, trial.inputs),
        validation_dataset=nncf.Dataset(samples.evaluation),
        validation_fn=trial.evaluate,
        max_drop=allowed_db,
        drop_type=nncf.DropType.ABSOLUTE,
        preset=nncf.QuantizationPreset.MIXED,
        subset_size=len(samples.calibration),
        ignored_scope=nncf.IgnoredScope(
            names=[node.name for node in baseline.graph.node if node.name not in quantized]
        ),
        advanced_quantization_parameters=nncf.AdvancedQuantizationParameters(
            activations_quantization_params=QuantizationParameters(per_channel=False)
        ),
        # one, since how many it would take by itself depends on the machine's load
        advanced_accuracy_restorer_parameters=AdvancedAccuracyRestorerParameters(num_ranking_workers=1),
    )


def _open(path: Path, example: ComponentExample) -> Session:
    return open_session(Target.ONNX, path, example.contract)


def _clean(model: onnx.ModelProto, baseline: onnx.ModelProto) -> None:
    """Leaves what a runtime reads, constants in the order of their first reader, and the baseline's descriptions."""
    strip_debug_info(model)
    model.metadata_props.extend(baseline.metadata_props)
    constants = {constant.name: constant for constant in model.graph.initializer}
    read = dict.fromkeys(name for node in model.graph.node for name in node.input if name in constants)
    ordered = [constants[name] for name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(ordered)


def _returned_layers(model: onnx.ModelProto, layers: dict[str, str]) -> list[str]:
    """The layers whose weights are not int8, in the graph's order. layers: node name -> layer."""
    integers = {output for node in _weight_dequantizers(model) for output in node.output}
    floats = [node.name for node in convolutions(model) if node.input[1] not in integers]
    return list(dict.fromkeys(layers[name] for name in floats if name in layers))


def _weight_dequantizers(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    constants = {constant.name for constant in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants]


def _footprint(path: Path, model: onnx.ModelProto, baseline: Footprint) -> Footprint:
    """Of the int8 file: the float32 one's weights with a byte where four were, its tables, and the scales."""
    sizes = {constant.name: numpy_helper.to_array(constant).nbytes for constant in model.graph.initializer}
    integers = sum(sizes[name] for name in {node.input[0] for node in _weight_dequantizers(model)})
    rounding = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = sum(sizes[name] for name in {name for node in rounding for name in node.input[1:]})
    file_bytes = path.stat().st_size
    weight_bytes = baseline.weight_bytes - 3 * integers
    constant_bytes = (baseline.constant_bytes or 0) + scales
    return Footprint(
        file_bytes=file_bytes,
        weight_bytes=weight_bytes,
        constant_bytes=constant_bytes,
        metadata_bytes=file_bytes - weight_bytes - constant_bytes,
    )
