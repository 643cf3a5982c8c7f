"""Checkpoint to bundle: plan, lower, export, verify, bundle.

`dmvton convert --help` and `python converters/convert.py --help` are the same command.
"""

import sys
from collections.abc import Callable
from pathlib import Path

from converters.exporters.protocol import ComponentExport, Exporter, TargetJob
from converters.plan import Plan
from converters.registry import lowered_components
from converters.results import ArtifactResult, artifact_results
from converters.verification import ReferenceOutputs, size_problems, verify_job
from converters.weights import LoadedNetwork, networks_by_precision
from dmvton_mobile.bundles.assembly import assemble_manifest
from dmvton_mobile.bundles.bundle import new_bundle, seal, write_golden
from dmvton_mobile.bundles.golden import golden_path
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.errors import CheckFailed
from dmvton_mobile.networks import TryOnNetwork
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.targets import Precision, artifact_path
from dmvton_mobile.utils.progress import StepCallback


def convert(plan: Plan, *, on_result: Callable[[ArtifactResult], None], on_step: StepCallback) -> Manifest:
    """Converts, verifies and bundles.

    Args:
        plan: What to convert, into what.
        on_result: Called for every artifact, once it is verified or has failed.
        on_step: Called when the export of an artifact starts.

    Raises:
        CheckFailed: An artifact does not compute what the network does; then no bundle is left.
    """
    networks = _plan(plan)
    results: list[ArtifactResult] = []
    golden: dict[str, str] = {}
    quantization: Quantization | None = None
    with new_bundle(plan.out) as folder:
        for precision, loaded in networks.items():
            reference = ReferenceOutputs.of(loaded.network, plan.size)
            exportable = loaded.exportable()
            for exporter in plan.exporters(precision):
                job = _lower(plan, precision, exporter, loaded, exportable, folder)
                exported = exporter.export(job, on_step)
                verified = verify_job(job, exporter.facts, reference)
                for result in artifact_results(folder, job, exported, verified):
                    on_result(result)
                    results.append(result)
                quantization = exported.quantization or quantization
            path = golden_path(precision)
            if path not in golden:
                golden[path] = write_golden(folder, Path(path).stem, reference.golden())
        return seal(folder, _bundle(plan, networks, results, tuple(golden.values()), quantization))


def _plan(plan: Plan) -> dict[Precision, LoadedNetwork]:
    """The network of each precision, once every exporter has checked that it can take it."""
    exporters = [(precision, exporter) for precision in plan.precisions for exporter in plan.exporters(precision)]
    quantized_by_exporter = any(exporter.facts.quantizes for _, exporter in exporters)
    networks = networks_by_precision(plan.weights, plan.precisions, plan.size, float_int8=quantized_by_exporter)
    for precision, exporter in exporters:
        exporter.check(networks[precision].network, plan.quantization_options)
    return networks


def _lower(
    plan: Plan, precision: Precision, exporter: Exporter, loaded: LoadedNetwork, exportable: TryOnNetwork, folder: Path
) -> TargetJob:
    """The components in the variant and the layouts that the exporter takes."""
    target = exporter.facts.target
    examples = lowered_components(exportable, exporter.facts, plan.components.members, plan.size)
    components = tuple(
        ComponentExport(
            example,
            folder / artifact_path(example.contract.component, target, precision),
            precision,
            loaded.metadata(example.contract.component),
        )
        for example in examples
    )
    return TargetJob(loaded.network, target, precision, components, plan.quantization_options)


def _bundle(
    plan: Plan,
    networks: dict[Precision, LoadedNetwork],
    results: list[ArtifactResult],
    golden: tuple[str, ...],
    quantization: Quantization | None,
) -> Manifest:
    """The manifest. Raises CheckFailed where an artifact failed, or is no smaller than it must be."""
    artifacts: tuple[Artifact, ...] = tuple(result.artifact for result in results if result.artifact)
    problems = [result.problem for result in results if result.problem] + size_problems(artifacts)
    if problems:
        raise CheckFailed("\n".join(problems) + "\nNo bundle was written.")
    first = next(iter(networks.values()))
    return assemble_manifest(
        first.network.config,
        first.card,
        size=plan.size,
        components=plan.components,
        artifacts=artifacts,
        golden=golden,
        quantization=quantization,
    )


if __name__ == "__main__":
    from dmvton_mobile.cli.main import main

    main(["convert", *sys.argv[1:]])
