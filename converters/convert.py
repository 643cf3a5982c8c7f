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
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from converters.export import export_component
from converters.exported import Exported
from converters.report import Row, print_rows
from converters.source import Quantizer, Source, Weights, sources
from converters.target import Delegate, check_precision, layouts, lower, parse_targets
from converters.verified import Proof, Reference, verify_component
from dmvton_mobile.bundle import BUNDLE_SUFFIX, new_bundle, seal, write_golden
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component, Components
from dmvton_mobile.datasets.dataset import Phase
from dmvton_mobile.datasets.layouts import open_dataset
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.manifest import DEVICE_ONLY, Artifact, Manifest
from dmvton_mobile.networks import DEFAULT_NETWORK, TryOnNetwork, build_network, network_names
from dmvton_mobile.networks.config import Quantization
from dmvton_mobile.progress import progress_bar
from dmvton_mobile.size import parse_size, size_text
from dmvton_mobile.targets import Precision, Target, artifact_path
from dmvton_mobile.verify import golden_path

if TYPE_CHECKING:
    from converters.nncf_onnx import NncfQuantizer

PACKAGES = (
    "torch", "coremltools", "litert-torch", "ai-edge-litert", "executorch", "onnx", "onnxsim", "onnxruntime", "nncf",
)  # fmt: skip
DEFAULT_MAX_DROP_DB = 0.3
EIGHT_BITS_OR_FEWER = (Precision.INT8, Precision.W8, Precision.PALETTE6)


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to convert, into what. size: height, width. quantizer: who makes int8; max_drop_db: for NNCF, how much of
    their PSNR try-ons may lose by it, None for DEFAULT_MAX_DROP_DB."""

    weights: Weights
    targets: tuple[Target, ...]
    precisions: tuple[Precision, ...]
    components: Components
    delegate: Delegate
    out: Path
    size: tuple[int, int] = DEFAULT_SIZE
    quantizer: Quantizer = Quantizer.PT2E
    max_drop_db: float | None = None

    def __post_init__(self) -> None:
        if self.delegate is not Delegate.XNNPACK and Target.EXECUTORCH not in self.targets:
            raise DmvtonError(
                f"--delegate {self.delegate} is for .pte files only: add --target executorch, or drop it."
            )
        for precision in self.precisions:
            check_precision(precision, self.targets, self.delegate)
        self._check_quantizer()
        if self.out.suffix != BUNDLE_SUFFIX:
            raise DmvtonError(f"A bundle's name ends in {BUNDLE_SUFFIX}; this is {self.out.name}.")
        if self.out.exists():
            raise DmvtonError(f"{self.out} exists already. Remove it, or choose another --out.")

    def _check_quantizer(self) -> None:
        if self.quantizer is not Quantizer.NNCF:
            if self.max_drop_db is not None:
                raise DmvtonError("--max-drop is for accuracy control: add --quantizer nncf, or drop it.")
            return
        if self.targets != (Target.ONNX,):
            raise DmvtonError("--quantizer nncf is for .onnx files only: pass --target onnx, or --quantizer pt2e.")
        if Precision.INT8 not in self.precisions:
            raise DmvtonError("--quantizer nncf makes int8 files: add --precision int8, or drop it.")
        if self.weights.quantized is not None:
            raise DmvtonError("--quantizer nncf starts from float weights: drop --quantized, or --quantizer.")
        if self.weights.calibration is None:
            raise DmvtonError("--quantizer nncf needs pictures for ranges and to judge by: pass --calibration DIR.")
        if self.max_drop_db is not None and not self.max_drop_db > 0:
            raise DmvtonError(f"--max-drop is in decibels and above 0, like 0.3; this is {self.max_drop_db:g}.")


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
                pair = _Pair(plan, precision, target, source, exportable, reference, nncf)
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
        from converters.nncf_onnx import NncfQuantizer

        return NncfQuantizer(
            made[Precision.INT8].network, dataset, max_drop_db=max_drop_db, keep_float=plan.weights.keep_float
        )
    except ModuleNotFoundError as error:
        raise DmvtonError(
            f'Quantizing with NNCF needs {error.name}, which is not installed: pip install "dmvton-mobile[onnx,nncf]".'
        ) from error


@dataclass(frozen=True)
class _Pair:
    """The components of one target in one precision. nncf: what makes them where that is int8, if not PT2E."""

    plan: Plan
    precision: Precision
    target: Target
    source: Source
    exportable: TryOnNetwork
    reference: Reference
    nncf: "NncfQuantizer | None"

    def convert(
        self, folder: Path, *, on_row: Callable[[Row], None], on_step: Callable[[str], None]
    ) -> tuple[list[Artifact], list[str]]:
        """Writes and proves them; gives those that were proved, and what to say of the others."""
        target, delegate = self.target, self.plan.delegate
        lowered = lower(self.exportable, target, delegate)
        examples = component_examples(lowered, self.plan.components.members, layouts(target, delegate), self.plan.size)
        paths = [folder / artifact_path(each.contract.component, target, self.precision) for each in examples]
        exports = self._exports(examples, paths)
        made: list[tuple[ComponentExample, Path]] = []
        artifacts: list[Artifact] = []
        failures: list[str] = []
        for example, path in zip(examples, paths, strict=True):
            component = example.contract.component
            on_step(f"{target} {self.precision} {component}")
            started = time.perf_counter()
            path.parent.mkdir(exist_ok=True)
            exported = next(exports)
            made.append((example, path))
            try:
                proof = self._prove(made)
            except CheckFailed as error:
                failures.append(str(error))
                on_row(Row(target, component, exported, None, time.perf_counter() - started, "failed"))
                continue
            artifacts.append(
                Artifact(
                    target=target,
                    precision=self.precision,
                    path=path.relative_to(folder).as_posix(),
                    contract=example.contract,
                    kept_float32=(*exported.kept_float32, *self._kept()),
                    parity=proof.figures,
                    footprint=exported.footprint,
                    reproducible=exported.reproducible,
                    evaluator=proof.evaluator,
                )
            )
            status = "verified" if proof.figures else DEVICE_ONLY
            on_row(Row(target, component, exported, artifacts[-1], time.perf_counter() - started, status))
        list(exports)  # whatever is to be done after the last
        return artifacts, failures

    def _exports(self, examples: list[ComponentExample], paths: list[Path]) -> Iterator[Exported]:
        """Writes the next component each time it is asked for one."""
        if self.nncf is not None and self.precision is Precision.INT8:
            yield from self.nncf.export(examples, paths)
            return
        for example, path in zip(examples, paths, strict=True):
            about = _describe(self.source, example.contract.component)
            yield export_component(example, path, self.target, self.precision, self.plan.delegate, about)

    def _prove(self, made: list[tuple[ComponentExample, Path]]) -> Proof:
        if self.target is Target.EXECUTORCH and self.plan.delegate is not Delegate.XNNPACK:
            return Proof((), DEVICE_ONLY)  # no host has these backends; the bundle says that nothing was compared
        return verify_component(self.target, self.precision, made, self.reference)

    def _kept(self) -> tuple[str, ...]:
        """The layers that a quantized network keeps in float32, and why."""
        quantization = _quantization(self.source, self.nncf) if self.precision is Precision.INT8 else None
        if quantization is None:
            return ()
        from dmvton_mobile.quantization import float_layers

        named = build_network(self.source.network.config.name)
        layers = (f"{kept.layer}: {kept.reason}" for kept in float_layers(named, quantization.keep_float))
        return ("matching, sampling positions, warps and composition: what decides where, and pixels", *layers)


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


def _describe(source: Source, component: Component) -> dict[str, str]:
    card, name = source.card, source.network.config.name
    weights = "trained" if card and card.trained else "untrained"
    return {
        "author": "DM-VTON Mobile",
        "license": (card and card.licence) or "not set",
        "version": metadata.version("dmvton-mobile"),
        "short_description": f"Virtual try-on, {component} of {name}, {weights} weights",
        "network": name,
        "weights": weights,
    }


def _quantization(source: Source, nncf: "NncfQuantizer | None") -> Quantization | None:
    return source.network.config.quantization if nncf is None else nncf.record


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
        quantization=_quantization(quantized, nncf) if quantized else None,
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
    from dmvton_mobile.cli import main

    sys.argv.insert(1, "convert")
    main()
