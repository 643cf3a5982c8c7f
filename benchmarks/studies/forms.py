"""Forms of a network as files of a runtime: plain, as its exporter makes of the network as it is written, and ours."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import torch

from benchmarks.measure.process import Part
from converters.exporters.quiet import quiet
from converters.registry import export_component
from converters.target import Delegate, layouts, lower
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.targets import Target

MEASURED = (Target.TFLITE, Target.EXECUTORCH, Target.ONNX)


@dataclass(frozen=True)
class Candidate:
    """One form of the network as a file, with the inputs to run it on."""

    name: str
    path: Path
    example: ComponentExample

    @property
    def part(self) -> Part:
        return Part(self.path, self.example.contract, [value.numpy() for value in self.example.inputs])


def plain(target: Target, folder: Path, network: TryOnNetwork) -> Candidate:
    """What the runtime's exporter makes of the whole network as it is written."""
    [example] = component_examples(network, (Component.WHOLE,))
    path = folder / f"plain{target.suffix}"
    with quiet():
        _export_plainly(target, example, path)
    return Candidate("plain", path, example)


def lowered(
    target: Target,
    folder: Path,
    network: TryOnNetwork,
    components: Mapping[str, Component],
    size: tuple[int, int] = DEFAULT_SIZE,
) -> list[Candidate]:
    """Our form of the components, by the names that they are given. size: height, width."""
    form, held = lower(network, target, Delegate.XNNPACK), layouts(target, Delegate.XNNPACK)
    made = []
    for name, example in zip(components, component_examples(form, tuple(components.values()), held, size), strict=True):
        made.append(Candidate(name, folder / f"{name}{target.suffix}", example))
        export_component(example, made[-1].path, target)
    return made


def _export_plainly(target: Target, example: ComponentExample, path: Path) -> None:
    if target is Target.ONNX:
        program = torch.onnx.export(example.graph, example.inputs, opset_version=20, dynamo=True, verbose=False)
        assert program is not None  # it is None only when written to a file at once
        names = [*program.model.graph.inputs, *program.model.graph.outputs]
        contract = example.contract
        for value, name in zip(names, [*contract.input_names, *contract.output_names], strict=True):
            value.name = name
        program.save(path)
    elif target is Target.TFLITE:
        import litert_torch

        from converters.exporters.tflite import Named

        contract = example.contract
        named = Named(example.graph, contract.input_names, contract.output_names)
        inputs = dict(zip(contract.input_names, example.inputs, strict=True))
        litert_torch.convert(named, sample_kwargs=inputs).export(str(path))
    else:
        from executorch.backends.xnnpack.partition.xnnpack_partitioner import XnnpackPartitioner
        from executorch.exir import EdgeCompileConfig, to_edge_transform_and_lower

        edge = to_edge_transform_and_lower(
            torch.export.export(example.graph, example.inputs),
            partitioner=[XnnpackPartitioner()],
            compile_config=EdgeCompileConfig(_check_ir_validity=False),
        )
        path.write_bytes(edge.to_executorch().buffer)
