"""int8 for ONNX by NNCF, which puts layers back to float32 until the try-ons are as good as was asked for.

The components go one after the other. The frame gets its ranges, and is judged, with what the garment encoder gives it
in int8, for that is what it will be fed.
"""

import logging
import math
import sys
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import onnx
from onnx import numpy_helper

from converters.exporters.accuracy import Pictures, garment_psnr, paired_inputs
from converters.exporters.exported import Exported
from converters.exporters.onnx import export_onnx, strip
from converters.exporters.onnx_layers import additions_between, convolutions, layers_of
from converters.exporters.quiet import quiet
from dmvton_mobile.bundles.manifest import Footprint
from dmvton_mobile.components import ComponentExample
from dmvton_mobile.datasets.dataset import TryOnDataset
from dmvton_mobile.datasets.sample import TryOnSample
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import AccuracyControl, Calibration, Quantization
from dmvton_mobile.quantization import checked_digest, float_layers, quantizable_layers
from dmvton_mobile.runtimes import open_session
from dmvton_mobile.runtimes.session import Session
from dmvton_mobile.targets import Precision, Target
from dmvton_mobile.tryon import run_components

GIVEN_BACK = "given back by accuracy control"


class NncfQuantizer:
    """Makes a network's int8 .onnx files. record: what is to be said of them, complete once all are made.

    max_drop_db: how much of their mean PSNR in the garment's region try-ons may lose, all components together.
    Raises DmvtonError for a network, patterns or pictures that are of no use.
    """

    def __init__(
        self, network: TryOnNetwork, dataset: TryOnDataset, *, max_drop_db: float, keep_float: tuple[str, ...] = ()
    ):
        self._nncf = _import_nncf()
        kept = {kept.layer for kept in float_layers(network, keep_float)}
        self._layers = [layer for layer in quantizable_layers(network) if layer not in kept]
        if not self._layers:
            raise DmvtonError("Nothing would be quantized: every layer is kept float32.")
        self._pictures = Pictures.of(dataset)
        self._max_drop_db = max_drop_db
        digest = checked_digest(self._pictures.calibration)
        calibration = Calibration(images=len(self._pictures.calibration), digest=digest)
        self.record = Quantization(size=dataset.size, keep_float=keep_float, calibration=calibration)

    def export(self, examples: list[ComponentExample], paths: list[Path]) -> Iterator[Exported]:
        """Writes the components in their order, each when it is asked for.

        Raises CheckFailed where accuracy control leaves none of a component's layers in int8, or where, after the last,
        try-ons lost more than they may.
        """
        with TemporaryDirectory() as scratch:
            plain = [Path(scratch, path.name) for path in paths]
            with quiet():
                exported = [export_onnx(*each, Precision.FP32) for each in zip(examples, plain, strict=True)]
            chosen = self._chosen([onnx.load(path) for path in plain], examples)
            sessions = [_open(*each) for each in zip(plain, examples, strict=True)]
            float_db = int8_db = self._mean_db(sessions)
            for index, (example, path) in enumerate(zip(examples, paths, strict=True)):
                left_db = self._max_drop_db - (float_db - int8_db)
                place = _Place(sessions, index, example, self._pictures, Path(scratch, f"tried_{path.name}"))
                yield self._quantize(place, path, exported[index], chosen[index], left_db / (len(examples) - index))
                sessions[index] = _open(path, example)
                int8_db = self._mean_db(sessions)
        if float_db - int8_db > self._max_drop_db:
            raise CheckFailed(
                f"In int8, try-ons have {int8_db:.2f} dB of {float_db:.2f}, and may lose {self._max_drop_db:g}: allow "
                "more with --max-drop, or keep layers with --keep-float."
            )
        control = AccuracyControl(
            max_drop_db=self._max_drop_db,
            images=len(self._pictures.judged),
            pairing=self._pictures.pairing.value,
            float_db=float_db,
            int8_db=int8_db,
        )
        self.record = self.record.model_copy(update={"accuracy_control": control})

    def _chosen(self, models: list[onnx.ModelProto], examples: list[ComponentExample]) -> list[dict[str, str]]:
        """Each component's convolutions to quantize: the layer by the node's name."""
        found = [layers_of(model, example.graph.network) for model, example in zip(models, examples, strict=True)]
        there = {layer for layers in found for layer in layers.values()}
        if missing := [layer for layer in self._layers if layer not in there]:
            raise DmvtonError(
                f"{', '.join(missing)} cannot be found in the .onnx files, so they would stay float32 unnoticed: "
                "name them with --keep-float, or use --quantizer pt2e."
            )
        return [{node: layer for node, layer in layers.items() if layer in self._layers} for layers in found]

    def _mean_db(self, sessions: list[Session]) -> float:
        figures = [garment_psnr(sessions, sample, self._pictures.pairing) for sample in self._pictures.judged]
        return math.fsum(figures) / len(figures)

    def _quantize(
        self, place: "_Place", path: Path, exported: Exported, chosen: dict[str, str], allowed_db: float
    ) -> Exported:
        """One component, from its float32 file to the int8 one at path."""
        plain = onnx.load(place.sessions[place.index].path)
        if not chosen:
            path.write_bytes(plain.SerializeToString(deterministic=True))
            return exported
        with quiet():
            model = self._controlled(plain, place, chosen, allowed_db)
        _clean(model, plain)
        onnx.checker.check_model(model, full_check=True)
        path.write_bytes(model.SerializeToString(deterministic=True))
        given_back = _given_back(model, chosen)
        if len(given_back) == len(set(chosen.values())):
            raise CheckFailed(
                f"{path.name}: try-ons lose more than {allowed_db:.2g} dB with any layer in int8. Allow more with "
                "--max-drop, or calibrate with more pictures."
            )
        kept = tuple(f"{layer}: {GIVEN_BACK}" for layer in given_back)
        return replace(exported, footprint=_footprint(path, model, exported.footprint), kept_float32=kept)

    def _controlled(
        self, plain: onnx.ModelProto, place: "_Place", chosen: Collection[str], allowed_db: float
    ) -> onnx.ModelProto:
        """NNCF's answer. Activations are int8 per tensor: ONNX Runtime has no convolution for others."""
        from nncf.quantization.advanced_parameters import AdvancedAccuracyRestorerParameters, QuantizationParameters

        nncf = self._nncf
        quantized = {*chosen, *additions_between(plain, chosen)}
        return nncf.quantize_with_accuracy_control(
            plain,
            calibration_dataset=nncf.Dataset(self._pictures.calibration, place.inputs),
            validation_dataset=nncf.Dataset(self._pictures.judged),
            validation_fn=place.judge,
            max_drop=allowed_db,
            drop_type=nncf.DropType.ABSOLUTE,
            preset=nncf.QuantizationPreset.MIXED,
            subset_size=len(self._pictures.calibration),
            ignored_scope=nncf.IgnoredScope(
                names=[node.name for node in plain.graph.node if node.name not in quantized]
            ),
            advanced_quantization_parameters=nncf.AdvancedQuantizationParameters(
                activations_quantization_params=QuantizationParameters(per_channel=False)
            ),
            # one, since how many it would take by itself depends on the machine's load
            advanced_accuracy_restorer_parameters=AdvancedAccuracyRestorerParameters(num_ranking_workers=1),
        )


@dataclass(frozen=True)
class _Place:
    """A component among the others, which run with it. scratch: where a model of it goes that is tried."""

    sessions: list[Session]
    index: int
    example: ComponentExample
    pictures: Pictures
    scratch: Path

    def inputs(self, sample: TryOnSample) -> dict[str, np.ndarray]:
        """What it is fed, as the file holds it."""
        tensors = run_components(self.sessions[: self.index], paired_inputs(sample))
        held = self.sessions[self.index].held(tensors)
        return dict(zip(self.example.contract.input_names, held, strict=True))

    def judge(self, model: onnx.ModelProto, samples: Iterable[TryOnSample]) -> tuple[float, list[float]]:
        """The mean in decibels and each sample's, with the model in its place."""
        self.scratch.write_bytes(model.SerializeToString())
        before, after = self.sessions[: self.index], self.sessions[self.index + 1 :]
        tried = [*before, _open(self.scratch, self.example), *after]
        figures = [garment_psnr(tried, sample, self.pictures.pairing) for sample in samples]
        return math.fsum(figures) / len(figures), figures


def _import_nncf() -> Any:
    # It reports every use to its makers, and NNCF_CI, its switch, is read only after an identifier was written to the
    # home folder. Without this package, which serves nothing else, it does neither.
    sys.modules.setdefault("openvino_telemetry", None)  # type: ignore[arg-type]
    import nncf

    nncf.set_log_level(logging.ERROR)
    return nncf


def _open(path: Path, example: ComponentExample) -> Session:
    return open_session(Target.ONNX, path, example.contract)


def _clean(model: onnx.ModelProto, plain: onnx.ModelProto) -> None:
    """Leaves what a runtime reads, constants in the order of their first reader; and the descriptions of the tensors,
    as the float32 file has them."""
    strip(model)
    model.metadata_props.extend(plain.metadata_props)
    constants = {constant.name: constant for constant in model.graph.initializer}
    read = dict.fromkeys(name for node in model.graph.node for name in node.input if name in constants)
    ordered = [constants[name] for name in read]
    del model.graph.initializer[:]
    model.graph.initializer.extend(ordered)


def _given_back(model: onnx.ModelProto, chosen: dict[str, str]) -> list[str]:
    """The layers whose weights are not integers, in the graph's order."""
    integers = {output for node in _of_weights(model) for output in node.output}
    floats = [node.name for node in convolutions(model) if node.input[1] not in integers]
    return list(dict.fromkeys(chosen[name] for name in floats if name in chosen))


def _of_weights(model: onnx.ModelProto) -> list[onnx.NodeProto]:
    constants = {constant.name for constant in model.graph.initializer}
    return [node for node in model.graph.node if node.op_type == "DequantizeLinear" and node.input[0] in constants]


def _footprint(path: Path, model: onnx.ModelProto, plain: Footprint) -> Footprint:
    """Of the int8 file: the float32 one's weights with a byte where four were, its tables, and the scales."""
    sizes = {constant.name: numpy_helper.to_array(constant).nbytes for constant in model.graph.initializer}
    integers = sum(sizes[name] for name in {node.input[0] for node in _of_weights(model)})
    rounding = [node for node in model.graph.node if node.op_type in ("QuantizeLinear", "DequantizeLinear")]
    scales = sum(sizes[name] for name in {name for node in rounding for name in node.input[1:]})
    file_bytes = path.stat().st_size
    weight_bytes = plain.weight_bytes - 3 * integers
    constant_bytes = (plain.constant_bytes or 0) + scales
    return Footprint(
        file_bytes=file_bytes,
        weight_bytes=weight_bytes,
        constant_bytes=constant_bytes,
        metadata_bytes=file_bytes - weight_bytes - constant_bytes,
    )
