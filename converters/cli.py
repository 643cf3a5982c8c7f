"""`dmvton convert`: one network, converted for every target that is asked for."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from converters.plan import DEFAULT_MAX_DROP_DB, Plan
from converters.results import Row, print_rows
from converters.source import Quantizer, Weights
from converters.target import Delegate, parse_targets
from dmvton_mobile.contract import DEFAULT_SIZE, Components, parse_size, size_text
from dmvton_mobile.networks import DEFAULT_NETWORK, network_names
from dmvton_mobile.targets import Precision
from dmvton_mobile.utils.progress import progress_bar


def convert_command(
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
    from converters.convert import convert

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
