"""Variants of a network as artifacts of a runtime.

The baseline is what the runtime's exporter makes of the network as it is written; the others are lowered by us first.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import assert_never

import torch

from benchmarks.measure.components import MeasuredComponent
from converters.exporters.vendor import quiet
from converters.registry import export_component, find_exporter, lowered_components
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Target

MEASURED_TARGETS = (Target.TFLITE, Target.EXECUTORCH, Target.ONNX)


@dataclass(frozen=True)
class Variant:
    """One variant of a network, exported.

    Attributes:
        name: Of the variant, in tables.
        path: The artifact.
        example: The exported graph, its contract and inputs to run it on.
    """

    name: str
    path: Path
    example: ComponentExample

    @property
    def component(self) -> MeasuredComponent:
        """The artifact with its inputs, for measuring."""
        contract = self.example.contract
        inputs = zip(contract.input_names, (value.numpy() for value in self.example.inputs), strict=True)
        return MeasuredComponent(self.path, contract, dict(inputs))


def export_baseline(target: Target, folder: Path, network: TryOnNetwork) -> Variant:
    """Exports the whole network as it is written."""
    [example] = component_examples(network, (Component.WHOLE,))
    path = folder / f"baseline{target.suffix}"
    with quiet():
        _export_as_written(target, example, path)
    return Variant("baseline", path, example)


def export_lowered(
    target: Target,
    folder: Path,
    network: TryOnNetwork,
    components: Mapping[str, Component],
    size: tuple[int, int] = DEFAULT_SIZE,
) -> list[Variant]:
    """Exports components of the network, lowered by us for the target.

    Args:
        target: Whose exporter.
        folder: Takes the artifacts.
        network: What is exported.
        components: A component for each variant's name.
        size: Height and width of the pictures.
    """
    examples = lowered_components(network, find_exporter(target).facts, tuple(components.values()), size)
    variants = []
    for name, example in zip(components, examples, strict=True):
        variants.append(Variant(name, folder / f"{name}{target.suffix}", example))
        export_component(example, variants[-1].path, target)
    return variants


def _export_as_written(target: Target, example: ComponentExample, path: Path) -> None:
    match target:
        case Target.ONNX:
            _export_onnx(example, path)
        case Target.TFLITE:
            _export_tflite(example, path)
        case Target.EXECUTORCH:
            _export_executorch(example, path)
        case Target.COREML:
            raise DmvtonError("Core ML has no baseline: its artifacts are not timed on this machine.")
        case _:
            assert_never(target)


def _export_onnx(example: ComponentExample, path: Path) -> None:
    program = torch.onnx.export(example.graph, example.inputs, opset_version=20, dynamo=True, verbose=False)
    assert program is not None  # it is None only when written to a file at once
    values = [*program.model.graph.inputs, *program.model.graph.outputs]
    for value, name in zip(values, [*example.contract.input_names, *example.contract.output_names], strict=True):
        value.name = name
    program.save(path)


def _export_tflite(example: ComponentExample, path: Path) -> None:
    import litert_torch

    from converters.exporters.tflite import NamedTensors

    contract = example.contract
    named = NamedTensors(example.graph, contract.input_names, contract.output_names)
    inputs = dict(zip(contract.input_names, example.inputs, strict=True))
    litert_torch.convert(named, sample_kwargs=inputs).export(str(path))


def _export_executorch(example: ComponentExample, path: Path) -> None:
    from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
    from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

    edge = to_edge_transform_and_lower(
        torch.export.export(example.graph, example.inputs),
        partitioner=[XnnpackPartitioner()],
        compile_config=EdgeCompileConfig(_check_ir_validity=False),
    )
    path.write_bytes(edge.to_executorch().buffer)
