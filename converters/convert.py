"""Checkpoint to bundle: plan, lower, export, verify, pack.

`dmvton convert --help` and `python converters/convert.py --help` are the same command.
"""

import sys
from pathlib import Path

# As a script, this folder would stand first on the path, and its onnx.py before the package of that name.
if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])

import functools
import subprocess
from collections.abc import Callable
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from converters.pair import Pair, quantization_of
from converters.plan import DEFAULT_MAX_DROP_DB, Plan
from converters.results import Row, print_rows
from converters.source import Quantizer, Source, Weights, sources
from converters.target import Delegate, parse_targets
from converters.verification import Reference
from dmvton_mobile.bundles.bundle import new_bundle, seal, write_golden
from dmvton_mobile.bundles.golden import golden_path
from dmvton_mobile.bundles.manifest import Artifact, Manifest
from dmvton_mobile.contract import DEFAULT_SIZE, Components, parse_size, size_text
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts.registry import open_dataset
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.networks import DEFAULT_NETWORK, network_names
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.progress import progress_bar

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
        tool_versions=_versions(),
        source_commit=_source_commit(),
    )


def _versions() -> dict[str, str]:
    versions = {"dmvton-mobile": metadata.version("dmvton-mobile")}
    for package in PACKAGES:
        try:
            versions[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # an exporter that was not asked for
    return versions


@functools.cache
def _source_commit() -> str | None:
    """The commit of this source tree, with "+changes" where it has uncommitted ones; None outside a checkout."""
    folder = Path(__file__).parent
    try:
        described = subprocess.run(
            ["git", "-C", str(folder), "describe", "--always", "--abbrev=40", "--dirty=+changes", "--exclude=*"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    return described.stdout.strip()


def command(
    out: Annotated[Path, typer.Option(help="The bundle to write: a new folder, NAME.dmvton.")],
    network: Annotated[
        str | None,
        typer.Option(help=f"One of: {', '.join(network_names())}; else the checkpoint's own, or {DEFAULT_NETWORK}."),
    ] = None,
    checkpoint: Annotated[
        Path | None,
        typer.Option(help="A .safetensors checkpoint; else our own weights, which dmvton-lite has."),
    ] = None,
    target: Annotated[list[str] | None, typer.Option(help="coreml, tflite, executorch, onnx, or all.")] = None,
    more_targets: Annotated[list[str] | None, typer.Argument(metavar="", hidden=True)] = None,
    precision: Annotated[list[Precision] | None, typer.Option(help="What is held in what; repeatable.")] = None,
    components: Annotated[Components, typer.Option(help="Garment and frame apart, or one graph.")] = Components.SPLIT,
    delegate: Annotated[Delegate, typer.Option(help="Who runs a .pte file's operations.")] = Delegate.XNNPACK,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the network's pictures.")] = size_text(DEFAULT_SIZE),
    quantized: Annotated[Path | None, typer.Option(help="For int8: a checkpoint that dmvton compress made.")] = None,
    calibration: Annotated[Path | None, typer.Option(help="For int8 else: a dataset, for ranges.")] = None,
    keep_float: Annotated[
        list[str] | None, typer.Option(help="A layer that stays float32 then, like generator.up_2.*; repeatable.")
    ] = None,
    quantizer: Annotated[
        Quantizer, typer.Option(help="For int8 by --calibration: nncf, for .onnx alone, controls what try-ons lose.")
    ] = Quantizer.PT2E,
    max_drop: Annotated[
        float | None,
        typer.Option(help=f"For nncf: that much of their PSNR in dB, else {DEFAULT_MAX_DROP_DB}."),
    ] = None,
) -> None:
    """Convert a network for phones: every artifact is run and compared with PyTorch before the bundle is written.

    Example: dmvton convert --target tflite onnx --precision fp32 --precision int8 --out student.dmvton
    """
    plan = Plan(
        weights=Weights(
            network=network,
            checkpoint=checkpoint,
            quantized=quantized,
            calibration=calibration,
            keep_float=tuple(keep_float or ()),
        ),
        targets=parse_targets([*(target or []), *(more_targets or [])]),
        precisions=tuple(dict.fromkeys(precision or [Precision.FP32])),
        components=components,
        delegate=delegate,
        out=out,
        size=parse_size(size),
        quantizer=quantizer,
        max_drop_db=max_drop,
    )
    rows: list[Row] = []
    try:
        with progress_bar("Loading", len(plan.precisions) * len(plan.targets) * len(plan.components.members)) as bar:

            def done(row: Row) -> None:
                rows.append(row)
                bar.advance()

            manifest = convert(plan, on_row=done, on_step=lambda step: bar.show(what=step))
    finally:
        console = Console()
        if rows:
            print_rows(console, rows)
    weights = "trained" if manifest.trained else "untrained"
    console.print(f"{plan.out}: {manifest.network}, {weights} weights.", soft_wrap=True, highlight=False)


if __name__ == "__main__":
    from dmvton_mobile.cli.main import main

    sys.argv.insert(1, "convert")
    main()
