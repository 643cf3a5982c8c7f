"""Checkpoint to bundle: plan, lower, export, verify, pack.

`dmvton convert --help` and `python converters/convert.py --help` are the same command.
"""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from converters.pair import Pair, quantization_of
from converters.plan import DEFAULT_MAX_DROP_DB, Plan
from converters.results import Row
from converters.source import Quantizer, Source, sources
from converters.verification import Reference
from dmvton_mobile.bundles.bundle import new_bundle, seal, write_golden
from dmvton_mobile.bundles.golden import golden_path
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.build import DISTRIBUTION, package_versions, source_commit

if TYPE_CHECKING:
    from converters.exporters.onnx_nncf import NncfQuantizer

PACKAGES = (
    "torch", "coremltools", "litert-torch", "ai-edge-litert", "executorch", "onnx", "onnxsim", "onnxruntime", "nncf",
)  # fmt: skip
EIGHT_BITS_OR_FEWER = (Precision.INT8, Precision.W8, Precision.PALETTE6)


def convert(plan: Plan, *, on_row: Callable[[Row], None], on_step: Callable[[str], None]) -> Manifest:
    """Converts, proves and packs; gives a row for every artifact as it is done.

    Raises CheckFailed when an artifact does not compute what the network does; then no bundle is left.
    """
    made = sources(plan.weights, plan.precisions, plan.size, plan.quantizer)
    nncf = _nncf(plan, made) if plan.quantizer is Quantizer.NNCF else None
    artifacts: list[Artifact] = []
    failures: list[str] = []
    golden: dict[str, str] = {}
    with new_bundle(plan.out) as folder:
        for precision, source in made.items():
            reference = Reference.of(source.network, plan.size)
            exportable = source.exportable
            for target in plan.targets:
                pair = Pair(plan, precision, target, source, exportable, reference, nncf)
                done, failed = pair.convert(folder, on_row=on_row, on_step=on_step)
                artifacts += done
                failures += failed
            path = golden_path(precision)
            if path not in golden:
                golden[path] = write_golden(folder, Path(path).stem, reference.golden())
        failures += grown(artifacts)
        if failures:
            raise CheckFailed("\n".join(failures) + "\nNo bundle was written.")
        return seal(folder, _manifest(plan, made, artifacts, tuple(golden.values()), nncf))


def _nncf(plan: Plan, made: dict[Precision, Source]) -> "NncfQuantizer":
    assert plan.weights.calibration is not None
    dataset = open_dataset(plan.weights.calibration, Phase.TRAIN, plan.size, seed=0)
    max_drop_db = plan.max_drop_db or DEFAULT_MAX_DROP_DB
    try:
        from converters.exporters.onnx_nncf import NncfQuantizer

        return NncfQuantizer(
            made[Precision.INT8].network, dataset, max_drop_db=max_drop_db, keep_float=plan.weights.keep_float
        )
    except ModuleNotFoundError as error:
        raise DmvtonError(
            f'Quantizing with NNCF needs {error.name}, which is not installed: pip install "dmvton-mobile[onnx,nncf]".'
        ) from error


def grown(artifacts: list[Artifact]) -> list[str]:
    """What to say of artifacts in eight bits or fewer that are no smaller than those in float32 beside them."""
    plain = {(item.target, item.contract.component): item for item in artifacts if item.precision is Precision.FP32}
    return [
        f"{item.path} has {item.footprint.file_bytes} bytes and {other.path} {other.footprint.file_bytes}: "
        f"{item.precision} must save some."
        for item in artifacts
        if item.precision in EIGHT_BITS_OR_FEWER
        and (other := plain.get((item.target, item.contract.component)))
        and item.footprint.file_bytes >= other.footprint.file_bytes
    ]


def _manifest(
    plan: Plan,
    made: dict[Precision, Source],
    artifacts: list[Artifact],
    golden: tuple[str, ...],
    nncf: "NncfQuantizer | None",
) -> Manifest:
    first = next(iter(made.values()))
    card, config = first.card, first.network.config
    quantized = made.get(Precision.INT8)
    commit = source_commit()
    return Manifest(
        network=config.name,
        align_corners=config.align_corners,
        size=plan.size,
        components=plan.components,
        trained=bool(card and card.trained),
        training=card.training if card else None,
        quantization=quantization_of(quantized, nncf) if quantized else None,
        licence=card.licence if card else None,
        artifacts=tuple(artifacts),
        golden=golden,
        tool_versions=package_versions((DISTRIBUTION, *PACKAGES)),
        source_commit=str(commit) if commit else None,
    )


if __name__ == "__main__":
    from dmvton_mobile.cli.main import main

    main(["convert", *sys.argv[1:]])
