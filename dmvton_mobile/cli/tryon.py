"""`dmvton tryon`: one garment on one person, as a picture."""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from dmvton_mobile.errors import DmvtonError
from dmvton_mobile.targets import Precision, Target

if TYPE_CHECKING:
    from dmvton_mobile.tryon import TryOn


def tryon_command(
    person: Annotated[Path, typer.Option(help="Photo of the person, JPEG or PNG.")],
    garment: Annotated[Path, typer.Option(help="Photo of the garment, laid flat, JPEG or PNG.")],
    out: Annotated[Path, typer.Option(help="Output picture, .png or .jpg. Must not exist.")],
    mask: Annotated[
        Path | None, typer.Option(help="Garment mask, white where the garment is. Default: cut out automatically.")
    ] = None,
    checkpoint: Annotated[Path | None, typer.Option(help="Checkpoint, .safetensors, to run in PyTorch.")] = None,
    bundle: Annotated[Path | None, typer.Option(help="Bundle to run: the folder NAME.dmvton, or a .zip of it.")] = None,
    runtime: Annotated[
        Target | None,
        typer.Option(help="Target of the bundle's artifacts. Default: the first whose runtime is installed."),
    ] = None,
    precision: Annotated[
        Precision | None,
        typer.Option(
            help="Precision of the bundle's artifacts. Default: what the manifest recommends, else the first."
        ),
    ] = None,
) -> None:
    """Put a garment on a person in a photo.

    Without --checkpoint and --bundle, the default weights of dmvton-lite run in PyTorch.

    Example: dmvton tryon --person anna.jpg --garment shirt.png --bundle student.dmvton --out anna_in_shirt.png
    """
    from dmvton_mobile.imaging.decode import read_picture, write_picture
    from dmvton_mobile.imaging.garment_mask import find_garment_mask, mask_problem
    from dmvton_mobile.imaging.notices import stamp, warning_sheet
    from dmvton_mobile.imaging.window import person_window

    sheet = out.with_name(f"{out.stem}_mask_warning.png")
    inputs = [path for path in (person, garment, mask, checkpoint, bundle) if path is not None]
    for output in (out, sheet):
        if any(output.resolve().is_relative_to(path.resolve()) for path in inputs):
            raise DmvtonError(f"{output} is an input, or inside one, and would change it: choose another --out.")
    if out.exists():
        raise DmvtonError(f"{out} exists already. Remove it, or choose another name.")
    garment_picture, person_picture = read_picture(garment), read_picture(person)
    garment_mask = find_garment_mask(garment_picture, mask)
    tryon = _open(checkpoint, bundle, runtime, precision)
    started = time.perf_counter()
    prepared = tryon.prepare_garment(garment_picture, garment_mask)
    garment_ready = time.perf_counter()
    result = tryon.try_on(person_picture, prepared)
    frame_ready = time.perf_counter()
    if not tryon.trained:
        result = stamp(result, person_window(*person_picture.size), "untrained weights")
    write_picture(out, result)
    if problem := mask_problem(garment_mask.mask):
        write_picture(sheet, warning_sheet(garment_picture, garment_mask, problem))
        typer.echo(f"Warning: {problem} See {sheet}.", err=True)
    height, width = person_picture.size
    typer.echo(f"{out}: {width}x{height}, {tryon.runtime}{'' if tryon.trained else ', untrained weights'}")
    times = (_milliseconds(garment_ready - started), _milliseconds(frame_ready - garment_ready))
    typer.echo(f"Garment prepared in {times[0]}, frame in {times[1]} (one run, no warm-up).")


def _open(checkpoint: Path | None, bundle: Path | None, runtime: Target | None, precision: Precision | None) -> "TryOn":
    from dmvton_mobile.tryon import TryOn

    if checkpoint is not None and bundle is not None:
        raise DmvtonError("Pass --checkpoint or --bundle, not both.")
    if bundle is not None:
        return TryOn.from_bundle(bundle, runtime, precision)
    if runtime or precision:
        raise DmvtonError("--runtime and --precision choose among a bundle's artifacts: pass --bundle too.")
    return TryOn.default() if checkpoint is None else TryOn.from_checkpoint(checkpoint)


def _milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:.0f} ms"
