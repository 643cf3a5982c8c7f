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
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from typing import Annotated

import typer
from rich.console import Console

from converters.export import export_component
from converters.report import Row, print_rows
from converters.target import Delegate, layouts, lower
from converters.verified import Proof, Reference, verify_component
from dmvton_mobile.bundle import BUNDLE_SUFFIX, new_bundle, seal, write_golden
from dmvton_mobile.checkpoint import Card, load_checkpoint
from dmvton_mobile.components import ComponentExample, component_examples
from dmvton_mobile.contract import DEFAULT_SIZE, Component, Components
from dmvton_mobile.errors import CheckFailed, DmvtonError
from dmvton_mobile.manifest import DEVICE_ONLY, Artifact, Manifest
from dmvton_mobile.networks import DEFAULT_NETWORK, TryOnNetwork, network_names
from dmvton_mobile.progress import progress_bar
from dmvton_mobile.size import parse_size, size_text
from dmvton_mobile.targets import Precision, Target, artifact_path
from dmvton_mobile.weights import default_network

PACKAGES = ("torch", "coremltools", "litert-torch", "ai-edge-litert", "executorch", "onnx", "onnxsim", "onnxruntime")


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to convert, into what. network None: the checkpoint's own. checkpoint None: the `default_network` of that
    name. size: height, width."""

    network: str | None
    checkpoint: Path | None
    targets: tuple[Target, ...]
    precision: Precision
    components: Components
    delegate: Delegate
    out: Path
    size: tuple[int, int] = DEFAULT_SIZE

    def __post_init__(self) -> None:
        if self.delegate is not Delegate.XNNPACK and Target.EXECUTORCH not in self.targets:
            raise DmvtonError(
                f"--delegate {self.delegate} is for .pte files only: add --target executorch, or drop it."
            )
        if self.out.suffix != BUNDLE_SUFFIX:
            raise DmvtonError(f"A bundle's name ends in {BUNDLE_SUFFIX}; this is {self.out.name}.")
        if self.out.exists():
            raise DmvtonError(f"{self.out} exists already. Remove it, or choose another --out.")


def convert(plan: Plan, *, on_row: Callable[[Row], None], on_step: Callable[[str], None]) -> Manifest:
    """Converts, proves and packs; gives a row for every artifact as it is done.

    Raises CheckFailed when an artifact does not compute what the network does; then no bundle is left.
    """
    network, card = _load(plan)
    reference = Reference.of(network, plan.size)
    artifacts: list[Artifact] = []
    failures: list[str] = []
    with new_bundle(plan.out) as folder:
        for target in plan.targets:
            lowered = lower(network, target, plan.delegate)
            examples = component_examples(lowered, plan.components.members, layouts(target, plan.delegate), plan.size)
            made: list[tuple[ComponentExample, Path]] = []
            for example in examples:
                component = example.contract.component
                on_step(f"{target} {component}")
                started = time.perf_counter()
                path = folder / artifact_path(component, target, plan.precision)
                path.parent.mkdir(exist_ok=True)
                about = _describe(network, component, card)
                exported = export_component(example, path, target, plan.precision, plan.delegate, about)
                made.append((example, path))
                try:
                    proof = _prove(plan, target, made, reference)
                except CheckFailed as error:
                    failures.append(str(error))
                    on_row(Row(target, component, exported, None, time.perf_counter() - started, "failed"))
                    continue
                artifacts.append(
                    Artifact(
                        target=target,
                        precision=plan.precision,
                        path=path.relative_to(folder).as_posix(),
                        contract=example.contract,
                        kept_float32=exported.kept_float32,
                        parity=proof.figures,
                        footprint=exported.footprint,
                        reproducible=exported.reproducible,
                        evaluator=proof.evaluator,
                    )
                )
                status = "verified" if proof.figures else DEVICE_ONLY
                on_row(Row(target, component, exported, artifacts[-1], time.perf_counter() - started, status))
        if failures:
            raise CheckFailed("\n".join(failures) + "\nNo bundle was written.")
        golden = write_golden(folder, "tryon", reference.golden())
        return seal(folder, _manifest(plan, card, network, artifacts, golden))


def _load(plan: Plan) -> tuple[TryOnNetwork, Card | None]:
    if plan.checkpoint is None:
        return default_network(plan.network or DEFAULT_NETWORK)
    network, card = load_checkpoint(plan.checkpoint)
    if plan.network not in (None, card.network):
        raise DmvtonError(f"{plan.checkpoint} holds {card.network}, not {plan.network}: pass --network {card.network}.")
    return network, card


def _prove(plan: Plan, target: Target, made: list[tuple[ComponentExample, Path]], reference: Reference) -> Proof:
    if target is Target.EXECUTORCH and plan.delegate is not Delegate.XNNPACK:
        return Proof((), DEVICE_ONLY)  # no host has these backends; the bundle says that nothing was compared
    return verify_component(target, plan.precision, made, reference)


def _describe(network: TryOnNetwork, component: Component, card: Card | None) -> dict[str, str]:
    weights = "trained" if card and card.trained else "untrained"
    return {
        "author": "DM-VTON Mobile",
        "license": (card and card.licence) or "not set",
        "version": metadata.version("dmvton-mobile"),
        "short_description": f"Virtual try-on, {component} of {network.config.name}, {weights} weights",
        "network": network.config.name,
        "weights": weights,
    }


def _manifest(plan: Plan, card: Card | None, network: TryOnNetwork, artifacts: list[Artifact], golden: str) -> Manifest:
    return Manifest(
        network=network.config.name,
        align_corners=network.config.align_corners,
        size=plan.size,
        components=plan.components,
        trained=bool(card and card.trained),
        training=card.training if card else None,
        licence=card.licence if card else None,
        artifacts=tuple(artifacts),
        golden=(golden,),
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
    precision: Annotated[Precision, typer.Option(help="What weights are held in.")] = Precision.FP32,
    components: Annotated[Components, typer.Option(help="Garment and frame apart, or one graph.")] = Components.SPLIT,
    delegate: Annotated[Delegate, typer.Option(help="Who runs a .pte file's operations.")] = Delegate.XNNPACK,
    size: Annotated[str, typer.Option(help="HEIGHTxWIDTH of the network's pictures.")] = size_text(DEFAULT_SIZE),
) -> None:
    """Convert a network for phones: every artifact is run and compared with PyTorch before the bundle is written.

    Example: dmvton convert --target tflite onnx --precision fp16 --out student.dmvton
    """
    plan = Plan(
        network=network,
        checkpoint=checkpoint,
        targets=_targets([*(target or []), *(more_targets or [])]),
        precision=precision,
        components=components,
        delegate=delegate,
        out=out,
        size=parse_size(size),
    )
    rows: list[Row] = []
    try:
        with progress_bar("Loading", len(plan.targets) * len(plan.components.members)) as bar:

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


def _targets(names: list[str]) -> tuple[Target, ...]:
    known = [target.value for target in Target]
    for name in names:
        if name not in (*known, "all"):
            raise DmvtonError(f"There is no target {name!r}. Known: {', '.join(known)}, all.")
    return tuple(Target) if not names or "all" in names else tuple(dict.fromkeys(map(Target, names)))


if __name__ == "__main__":
    from dmvton_mobile.cli import main

    sys.argv.insert(1, "convert")
    main()
