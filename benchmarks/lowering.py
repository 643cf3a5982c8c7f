"""What the lowering buys: the network converted plainly and by us, same weights, same run, printed as ratios.

    python -m benchmarks.lowering [--runtime onnx ...] [--threads 2] [--rounds 3] [--runs 10]

Plain is what an exporter makes of the network as it is written; both run in the same session of the same runtime, each
in a process of its own, in turn. A ratio is the median over the rounds of that round's ratio. The garment's share is
left out of "frame": a live view prepares a garment once.
"""

import statistics
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import torch
import typer
from rich.console import Console
from rich.table import Table

from benchmarks.process import Measurement, Part, measure, megabytes
from converters.export import export_component
from converters.quiet import quiet
from converters.target import Delegate, layouts, lower
from dmvton_mobile.checkpoint import weight_bytes
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component
from dmvton_mobile.networks import TryOnNetwork, seeded_network
from dmvton_mobile.targets import Target

MEASURED = (Target.TFLITE, Target.EXECUTORCH, Target.ONNX)


@dataclass(frozen=True)
class Candidate:
    """One form of the network as a file, with the inputs to run it on."""

    name: str
    path: Path
    example: ComponentExample

    def run(self, target: Target, threads: int, runs: int) -> Measurement:
        return measure(target, [self.part], threads=threads, runs=runs)

    @property
    def part(self) -> Part:
        return Part(self.path, self.example.contract, [value.numpy() for value in self.example.inputs])


def candidates(target: Target, folder: Path, network_name: str) -> list[Candidate]:
    """plain, whole and frame of one runtime, converted into folder."""
    network = seeded_network(network_name)
    whole, frame = lowered(target, folder, network, {"whole": Component.WHOLE, "frame": Component.TRYON})
    return [plain(target, folder, network), whole, frame]


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

        from converters.tflite import Named

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


def main(
    runtime: Annotated[list[Target] | None, typer.Option(help="Which runtimes; all three without.")] = None,
    network: Annotated[str, typer.Option()] = "dmvton-student",
    threads: Annotated[int, typer.Option(min=1)] = 2,
    rounds: Annotated[int, typer.Option(min=1, help="How often plain, whole and frame take turns.")] = 3,
    runs: Annotated[int, typer.Option(min=1, help="Counted runs per turn.")] = 10,
) -> None:
    """Compare the plain conversion with ours."""
    console = Console()
    table = Table(
        "runtime", "form", "file MB", "median ms", "growth MB", "latency", "memory", "file / weights", box=None
    )
    weights = weight_bytes(seeded_network(network))
    for target in runtime or MEASURED:
        with tempfile.TemporaryDirectory() as folder:
            console.print(f"Converting for {target} ...", highlight=False)
            forms = candidates(target, Path(folder), network)
            turns = [{form.name: form.run(target, threads, runs) for form in forms} for _ in range(rounds)]
            for form in forms:
                table.add_row(*_row(target, form, turns, weights))
    console.print(
        f"{network}, {threads} threads, {rounds} rounds of {runs} runs; ratios are plain / ours", highlight=False
    )
    console.print(table)


def _row(target: Target, form: Candidate, turns: list[dict[str, Measurement]], weights: int) -> list[str]:
    own = [turn[form.name] for turn in turns]
    size = form.path.stat().st_size
    return [
        target,
        form.name,
        f"{size / 1e6:.2f}",
        f"{statistics.median(measurement.median_ms for measurement in own):.1f}",
        megabytes([measurement.growth_bytes for measurement in own]),
        f"{statistics.median(turn['plain'].median_ms / turn[form.name].median_ms for turn in turns):.2f}x",
        _memory_ratio(form, turns),
        f"{size / weights:.3f}" if form.example.contract.component is Component.WHOLE else "-",
    ]


def _memory_ratio(form: Candidate, turns: list[dict[str, Measurement]]) -> str:
    pairs = [(turn["plain"].growth_bytes, turn[form.name].growth_bytes) for turn in turns]
    ratios = [plain / ours for plain, ours in pairs if plain is not None and ours is not None]
    return f"{statistics.median(ratios):.2f}x" if ratios else "-"


if __name__ == "__main__":
    typer.run(main)
