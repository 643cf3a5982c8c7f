"""`dmvton convert`: a network, as a bundle of verified artifacts."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from converters.plan import DEFAULT_MAX_DROP_DB, Plan
from converters.results import ArtifactResult, print_results
from converters.target import Delegate, Quantizer, parse_targets
from converters.weights import Weights
from dmvton_mobile.cli.options import DEFAULT_SIZE_TEXT, Size, TargetNames
from dmvton_mobile.contract import Components, parse_size
from dmvton_mobile.networks import DEFAULT_NETWORK, network_names
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.progress import progress_bar


def convert_command(
    out: Annotated[Path, typer.Option(help="Output bundle, NAME.dmvton. Must not exist.")],
    network: Annotated[
        str | None,
        typer.Option(
            help=f"Network: {', '.join(network_names())}. Default: the checkpoint's, or {DEFAULT_NETWORK} without one."
        ),
    ] = None,
    checkpoint: Annotated[
        Path | None, typer.Option(help="Checkpoint, .safetensors. Default: our own weights, which dmvton-lite has.")
    ] = None,
    target: TargetNames = None,
    more_targets: Annotated[list[str] | None, typer.Argument(metavar="", hidden=True)] = None,
    precision: Annotated[
        list[Precision] | None,
        typer.Option(
            help="Precision of the artifacts; w8: int8 weights only; palette6: coreml only. Repeatable. Default: fp32."
        ),
    ] = None,
    components: Annotated[
        Components, typer.Option(help="split: one graph per garment and one per frame; whole: one graph for both.")
    ] = Components.SPLIT,
    delegate: Annotated[
        Delegate, typer.Option(help="Delegate of ExecuTorch. Only xnnpack can be verified on this machine.")
    ] = Delegate.XNNPACK,
    size: Size = DEFAULT_SIZE_TEXT,
    quantized: Annotated[
        Path | None,
        typer.Option(help="int8: a checkpoint that `dmvton compress` quantized. Default: ours, for our weights."),
    ] = None,
    calibration: Annotated[
        Path | None, typer.Option(help="int8 without --quantized: a dataset folder, whose images give the ranges.")
    ] = None,
    keep_float: Annotated[
        list[str] | None,
        typer.Option(
            metavar="LAYER", help="With --calibration: a layer that stays float32, like generator.up_2.*. Repeatable."
        ),
    ] = None,
    quantizer: Annotated[
        Quantizer,
        typer.Option(help="With --calibration: pt2e for every target; nncf for onnx only, with accuracy control."),
    ] = Quantizer.PT2E,
    max_drop: Annotated[
        float | None,
        typer.Option(help=f"With nncf: largest loss of PSNR in dB. Default: {DEFAULT_MAX_DROP_DB}."),
    ] = None,
) -> None:
    """Convert a network for phones and verify every artifact against PyTorch.

    Every artifact runs on test images before the bundle is written. If one fails its bound, no bundle is written.
    Several targets may follow one --target.

    Example: dmvton convert --target tflite onnx --precision fp32 --precision int8 --out student.dmvton
    """
    from converters.convert import convert

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
    console = Console()
    results: list[ArtifactResult] = []
    try:
        with progress_bar("Loading", len(plan.precisions) * len(plan.targets) * len(plan.components.members)) as bar:

            def done(result: ArtifactResult) -> None:
                results.append(result)
                bar.advance()

            manifest = convert(plan, on_result=done, on_step=bar.describe)
    finally:
        if results:
            print_results(console, results)
    weights = "trained" if manifest.trained else "untrained"
    console.print(f"{plan.out}: {manifest.network}, {weights} weights.", soft_wrap=True, highlight=False)
